"""Sandbox partners: their mode, their made-up subscribers and orders, and the sandbox's own tables."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from gateway.store.columns import Instant

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Go to this revision."""
    op.add_column("partners", sa.Column("mode", sa.String(length=10), nullable=False, server_default="live"))
    op.add_column("orders", sa.Column("sandbox", sa.Boolean(), nullable=False, server_default=sa.false()))
    op.add_column("subscribers", sa.Column("sandbox", sa.String(length=60)))
    made_up = sa.text("sandbox IS NOT NULL")
    op.create_index(
        "ix_subscribers_sandbox", "subscribers", ["sandbox"], sqlite_where=made_up, postgresql_where=made_up
    )
    op.create_table(
        "sandbox_orders",
        sa.Column("number", sa.String(length=64), nullable=False),
        sa.Column("partner_id", sa.String(length=60), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.Column("outcome", sa.String(length=10), nullable=False),
        sa.Column("reason", sa.String(length=100)),
        sa.Column("ready_at", Instant(), nullable=False),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_sandbox_orders")),
    )
    op.create_table(
        "sandbox_faults",
        sa.Column("partner_id", sa.String(length=60), nullable=False),
        sa.Column("slow_seconds", sa.Integer(), nullable=False),
        sa.Column("lose_answers", sa.Integer(), nullable=False),
        sa.Column("refuse_orders", sa.Integer(), nullable=False),
        sa.Column("refusal_reason", sa.String(length=100), nullable=False),
        sa.Column("double_callbacks", sa.Boolean(), nullable=False),
        sa.Column("reorder_deliveries", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("partner_id", name=op.f("pk_sandbox_faults")),
    )
    op.create_table(
        "sandbox_messages",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("partner_id", sa.String(length=60), nullable=False),
        sa.Column("subscriber_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("user", sa.String(length=100), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("at", Instant(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_sandbox_messages")),
    )
    op.create_index("ix_sandbox_messages_partner_id", "sandbox_messages", ["partner_id", "id"])
    op.create_index("ix_sandbox_messages_at", "sandbox_messages", ["at"])
