"""More that an order can do: change, gift, trial, booking."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from gateway.store.columns import Instant

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

_OPEN = sa.text(
    "state IN ('acknowledged', 'awaiting_confirmation', 'awaiting_recipient', 'accepted', 'booked', 'provisioning',"
    " 'unknown')"
)
_GIFT = sa.text("recipient_id IS NOT NULL")
_subscriber = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Go to this revision."""
    op.add_column("orders", sa.Column("replaces", sa.String(60)))
    op.add_column("orders", sa.Column("recipient_id", _subscriber))
    op.add_column("orders", sa.Column("recipient", sa.String(20)))
    op.add_column("subscriptions", sa.Column("trial_ends_at", Instant()))
    op.drop_index("uq_orders_open", "orders")
    op.create_index(
        "uq_orders_open", "orders", ["subscriber_id", "offer_code", "action"], unique=True, sqlite_where=_OPEN,
        postgresql_where=_OPEN,
    )  # fmt: skip
    op.create_index(
        "ix_orders_recipient_id", "orders", ["recipient_id", "state"], sqlite_where=_GIFT, postgresql_where=_GIFT
    )
    op.create_table(
        "trials",
        sa.Column("subscriber_id", _subscriber, autoincrement=False, nullable=False),
        sa.Column("offer_code", sa.String(60), nullable=False),
        sa.Column("order_id", sa.String(36), nullable=False),
        sa.Column("started_at", Instant(), nullable=False),
        sa.PrimaryKeyConstraint("subscriber_id", "offer_code", name=op.f("pk_trials")),
    )
