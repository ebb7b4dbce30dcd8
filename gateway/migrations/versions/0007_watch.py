"""The watch over partners: counts by the hour, complaints, standings, limits; the grey list of numbers."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from gateway.store.columns import Instant

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

_OUT_OF_NORMAL = sa.text("standing != 'normal'")
_ENDED = sa.text("ended_at IS NOT NULL")
_STEP = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Go to this revision."""
    op.add_column("partners", sa.Column("standing", sa.String(10), server_default="normal", nullable=False))
    op.create_index(
        "ix_partners_standing", "partners", ["standing", "id"],
        sqlite_where=_OUT_OF_NORMAL, postgresql_where=_OUT_OF_NORMAL,
    )  # fmt: skip
    op.create_index(
        "ix_subscriptions_ended_at", "subscriptions", ["ended_at"], sqlite_where=_ENDED, postgresql_where=_ENDED
    )
    op.create_table(
        "watch_hours",
        sa.Column("partner_id", sa.String(60), nullable=False),
        sa.Column("hour", Instant(), nullable=False),
        *(
            sa.Column(name, sa.Integer(), nullable=False)
            for name in ("confirmed", "unconfirmed", "completed", "failed", "complained", "ended_early")
        ),
        sa.PrimaryKeyConstraint("partner_id", "hour", name=op.f("pk_watch_hours")),
    )
    op.create_table(
        "watch_progress",
        sa.Column("step", _STEP, autoincrement=False, nullable=False),
        sa.Column("event_seq", sa.BigInteger(), nullable=False),
        sa.Column("ended_until", Instant(), nullable=False),
        sa.PrimaryKeyConstraint("step", name=op.f("pk_watch_progress")),
    )
    op.create_table(
        "complaints",
        sa.Column("id", sa.String(36), nullable=False),
        sa.Column("partner_id", sa.String(60), nullable=False),
        sa.Column("order_id", sa.String(36), nullable=True),
        sa.Column("words", sa.Text(), nullable=False),
        sa.Column("evidence", sa.Text(), nullable=False),
        sa.Column("actor", sa.String(200), nullable=False),
        sa.Column("at", Instant(), nullable=False),
        sa.ForeignKeyConstraint(["partner_id"], ["partners.id"]),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_complaints")),
    )
    op.create_index("ix_complaints_partner_id", "complaints", ["partner_id", "id"])
    op.create_table(
        "partner_standings",
        sa.Column("partner_id", sa.String(60), nullable=False),
        sa.Column("seq", sa.SmallInteger(), autoincrement=False, nullable=False),
        sa.Column("standing", sa.String(10), nullable=False),
        sa.Column("reason", sa.String(500), nullable=False),
        sa.Column("evidence", sa.Text(), nullable=False),
        sa.Column("actor", sa.String(200), nullable=False),
        sa.Column("at", Instant(), nullable=False),
        sa.ForeignKeyConstraint(["partner_id"], ["partners.id"]),
        sa.PrimaryKeyConstraint("partner_id", "seq", name=op.f("pk_partner_standings")),
    )
    op.create_table(
        "watch_limits",
        sa.Column("partner_id", sa.String(60), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("actor", sa.String(200), nullable=False),
        sa.Column("at", Instant(), nullable=False),
        sa.ForeignKeyConstraint(["partner_id"], ["partners.id"]),
        sa.PrimaryKeyConstraint("partner_id", name=op.f("pk_watch_limits")),
    )
    op.create_table(
        "grey_numbers",
        sa.Column("id", sa.String(36), nullable=False),
        sa.Column("phone_hash", sa.LargeBinary(32), nullable=False),
        sa.Column("reason", sa.String(200), nullable=False),
        sa.Column("evidence", sa.Text(), nullable=False),
        sa.Column("actor", sa.String(200), nullable=False),
        sa.Column("at", Instant(), nullable=False),
        sa.Column("expires_at", Instant(), nullable=False),
        sa.Column("ended_at", Instant(), nullable=True),
        sa.Column("ended_by", sa.String(200), nullable=True),
        sa.Column("ended_because", sa.String(200), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_grey_numbers")),
    )
    op.create_index("ix_grey_numbers_phone_hash", "grey_numbers", ["phone_hash", "expires_at"])
