"""Files in which booked orders go to the back office."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from gateway.store.columns import Instant

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Go to this revision."""
    op.create_table(
        "booked_files",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("name", sa.String(length=60), nullable=False),
        sa.Column("day", sa.String(length=10), nullable=False),
        sa.Column("state", sa.String(length=10), nullable=False),
        sa.Column("form", sa.String(length=10), nullable=False),
        sa.Column("rows", sa.BigInteger(), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=True),
        sa.Column("begun_at", Instant(), nullable=False),
        sa.Column("written_at", Instant(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_booked_files")),
        sa.UniqueConstraint("name", name=op.f("uq_booked_files_name")),
    )
    op.create_table(
        "booked_orders",
        sa.Column("order_id", sa.String(length=36), nullable=False),
        sa.Column("file_id", sa.String(length=36), nullable=False),
        sa.PrimaryKeyConstraint("order_id", name=op.f("pk_booked_orders")),
    )
    op.create_index("ix_booked_orders_file_id", "booked_orders", ["file_id", "order_id"], unique=False)


def downgrade() -> None:
    """Go back from this revision."""
    op.drop_table("booked_orders")
    op.drop_table("booked_files")
