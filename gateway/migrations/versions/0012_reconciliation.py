"""Daily comparisons with the back end and partners, and the differences they found."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from gateway.store.columns import Instant

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Go to this revision."""
    op.create_table(
        "reconciliations",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("day", sa.String(length=10), nullable=False),
        sa.Column("partner_id", sa.String(length=60), nullable=True),
        sa.Column("by", sa.String(length=240), nullable=False),
        sa.Column("state", sa.String(length=10), nullable=False),
        sa.Column("compared", sa.BigInteger(), nullable=False),
        sa.Column("found", sa.BigInteger(), nullable=False),
        sa.Column("problem", sa.Text(), nullable=True),
        sa.Column("started_at", Instant(), nullable=False),
        sa.Column("finished_at", Instant(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_reconciliations")),
    )
    op.create_index("ix_reconciliations_day", "reconciliations", ["day"], unique=False)
    op.create_table(
        "differences",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("reconciliation_id", sa.String(length=36), nullable=False),
        sa.Column("number", sa.String(length=64), nullable=False),
        sa.Column("kind", sa.String(length=30), nullable=False),
        sa.Column("repair", sa.String(length=20), nullable=False),
        sa.Column("partner_id", sa.String(length=60), nullable=True),
        sa.Column("ours", sa.String(length=200), nullable=False),
        sa.Column("theirs", sa.String(length=200), nullable=False),
        sa.Column("state", sa.String(length=10), nullable=False),
        sa.Column("repaired_by", sa.String(length=240), nullable=True),
        sa.Column("repaired_at", Instant(), nullable=True),
        sa.Column("note", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(["reconciliation_id"], ["reconciliations.id"]),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_differences")),
    )
    op.create_index("ix_differences_number", "differences", ["number"], unique=False)
    op.create_index("ix_differences_reconciliation_id", "differences", ["reconciliation_id", "id"], unique=False)


def downgrade() -> None:
    """Go back from this revision."""
    op.drop_table("differences")
    op.drop_table("reconciliations")
