"""The IP networks that a partner's servers call from."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Go to this revision."""
    op.add_column("partners", sa.Column("addresses", sa.Text(), nullable=False, server_default="[]"))
