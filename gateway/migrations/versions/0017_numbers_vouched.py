"""When a number was last found unchanged."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from gateway.store.columns import Instant

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Go to this revision."""
    op.add_column("number_checks", sa.Column("vouched_at", Instant(), nullable=True))
    op.execute("UPDATE number_checks SET vouched_at = at WHERE answer = 'same'")
