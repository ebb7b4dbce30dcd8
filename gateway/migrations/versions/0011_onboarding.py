"""Becoming a partner: applications and their steps; and the figures of a partner's calls."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from gateway.store.columns import Instant

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Go to this revision."""
    op.create_table(
        "partner_applications",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("client_id", sa.String(length=60), nullable=False),
        sa.Column("name", sa.String(length=100), nullable=False),
        sa.Column("contact", sa.String(length=200), nullable=False),
        sa.Column("purpose", sa.String(length=500), nullable=False),
        sa.Column("scopes", sa.Text(), nullable=False),
        sa.Column("origins", sa.Text(), nullable=False),
        sa.Column("redirect_uris", sa.Text(), nullable=False),
        sa.Column("state", sa.String(length=12), nullable=False),
        sa.Column("steps", sa.SmallInteger(), nullable=False),
        sa.Column("reason", sa.String(length=500), nullable=False),
        sa.Column("claim_digest", sa.LargeBinary(length=32), nullable=False),
        sa.Column("created_at", Instant(), nullable=False),
        sa.Column("updated_at", Instant(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_partner_applications")),
    )
    waiting = sa.text("state IN ('pending', 'approved')")
    op.create_index(
        "uq_partner_applications_open", "partner_applications", ["client_id"],
        unique=True, sqlite_where=waiting, postgresql_where=waiting,
    )  # fmt: skip
    op.create_index("ix_partner_applications_state_id", "partner_applications", ["state", "id"], unique=False)
    op.create_table(
        "partner_application_steps",
        sa.Column("application_id", sa.String(length=36), nullable=False),
        sa.Column("seq", sa.SmallInteger(), autoincrement=False, nullable=False),
        sa.Column("to_state", sa.String(length=12), nullable=False),
        sa.Column("actor", sa.String(length=200), nullable=False),
        sa.Column("reason", sa.String(length=500), nullable=False),
        sa.Column("at", Instant(), nullable=False),
        sa.ForeignKeyConstraint(["application_id"], ["partner_applications.id"]),
        sa.PrimaryKeyConstraint("application_id", "seq", name=op.f("pk_partner_application_steps")),
    )
    op.create_table(
        "partner_usage",
        sa.Column("partner_id", sa.String(length=60), nullable=False),
        sa.Column("hour", Instant(), nullable=False),
        sa.Column("capability", sa.String(length=80), nullable=False),
        sa.Column("outcome", sa.String(length=60), nullable=False),
        sa.Column("calls", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("partner_id", "hour", "capability", "outcome", name=op.f("pk_partner_usage")),
    )
