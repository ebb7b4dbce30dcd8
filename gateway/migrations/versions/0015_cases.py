"""Cases of the watch with their steps and evidence; placed and refused orders counted by the hour."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from gateway.store.columns import Instant

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None

_UNCLOSED = sa.text("closed_at IS NULL")


def upgrade() -> None:
    """Go to this revision."""
    for name in ("placed", "in_arrears"):
        op.add_column("watch_hours", sa.Column(name, sa.Integer(), server_default="0", nullable=False))
    op.create_table(
        "watch_cases",
        sa.Column("id", sa.String(36), nullable=False),
        sa.Column("cause", sa.String(20), nullable=False),
        sa.Column("topic", sa.String(100), nullable=False),
        sa.Column("partner_id", sa.String(60), nullable=True),
        sa.Column("phone_hash", sa.LargeBinary(32), nullable=True),
        sa.Column("reason", sa.String(500), nullable=False),
        sa.Column("state", sa.String(12), nullable=False),
        sa.Column("owed_fen", sa.BigInteger(), nullable=True),
        sa.Column("month", sa.String(7), nullable=True),
        sa.Column("outcome", sa.String(12), nullable=True),
        sa.Column("grey_entry", sa.String(36), nullable=True),
        sa.Column("steps", sa.SmallInteger(), nullable=False),
        sa.Column("pieces", sa.SmallInteger(), nullable=False),
        sa.Column("digest", sa.LargeBinary(32), nullable=False),
        sa.Column("opened_at", Instant(), nullable=False),
        sa.Column("judged_until", Instant(), nullable=False),
        sa.Column("closed_at", Instant(), nullable=True),
        sa.ForeignKeyConstraint(["partner_id"], ["partners.id"]),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_watch_cases")),
    )
    op.create_index(
        "uq_watch_cases_open", "watch_cases", ["topic"],
        unique=True, sqlite_where=_UNCLOSED, postgresql_where=_UNCLOSED,
    )  # fmt: skip
    for name in ("topic", "state", "partner_id", "phone_hash"):
        op.create_index(f"ix_watch_cases_{name}", "watch_cases", [name, "id"])
    op.create_table(
        "watch_case_steps",
        sa.Column("case_id", sa.String(36), nullable=False),
        sa.Column("seq", sa.SmallInteger(), autoincrement=False, nullable=False),
        sa.Column("from_state", sa.String(12), nullable=True),
        sa.Column("to_state", sa.String(12), nullable=False),
        sa.Column("actor", sa.String(200), nullable=False),
        sa.Column("reason", sa.String(500), nullable=False),
        sa.Column("at", Instant(), nullable=False),
        sa.ForeignKeyConstraint(["case_id"], ["watch_cases.id"]),
        sa.PrimaryKeyConstraint("case_id", "seq", name=op.f("pk_watch_case_steps")),
    )
    op.create_table(
        "watch_evidence",
        sa.Column("case_id", sa.String(36), nullable=False),
        sa.Column("seq", sa.SmallInteger(), autoincrement=False, nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("actor", sa.String(200), nullable=False),
        sa.Column("at", Instant(), nullable=False),
        sa.Column("digest", sa.LargeBinary(32), nullable=False),
        sa.ForeignKeyConstraint(["case_id"], ["watch_cases.id"]),
        sa.PrimaryKeyConstraint("case_id", "seq", name=op.f("pk_watch_evidence")),
    )


def downgrade() -> None:
    """Go back from this revision."""
    for name in ("watch_evidence", "watch_case_steps", "watch_cases"):
        op.drop_table(name)
    for name in ("in_arrears", "placed"):
        op.drop_column("watch_hours", name)
