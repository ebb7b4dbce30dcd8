"""The event feed."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from gateway.store.columns import Instant

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Go to this revision."""
    op.create_table(
        "events",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=True),
        sa.Column("at", Instant(), nullable=False),
        sa.Column("type", sa.String(length=60), nullable=False),
        sa.Column("partner_id", sa.String(length=60), nullable=True),
        sa.Column("subscriber_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("account", sa.String(length=200), nullable=True),
        sa.Column("key", sa.String(length=200), nullable=False),
        sa.Column("step", sa.SmallInteger(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_events")),
    )
    op.create_index("uq_events_seq", "events", ["seq"], unique=True)
    waiting = sa.text("seq IS NULL")
    op.create_index("ix_events_waiting", "events", ["id"], sqlite_where=waiting, postgresql_where=waiting)
    op.create_index("ix_events_partner_id_seq", "events", ["partner_id", "seq"], unique=False)
    op.create_index("ix_events_account_seq", "events", ["account", "seq"], unique=False)
