"""Signing in at partners: their redirect URIs, what subscribers granted, and the tokens that stand for it."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from gateway.store.columns import Instant

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Go to this revision."""
    op.add_column("partners", sa.Column("redirect_uris", sa.Text(), server_default="[]", nullable=False))
    op.add_column("partners", sa.Column("public", sa.Boolean(), server_default=sa.false(), nullable=False))
    op.create_table(
        "grants",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("partner_id", sa.String(length=60), nullable=False),
        sa.Column("account", sa.String(length=200), nullable=False),
        sa.Column("binding_id", sa.String(length=36), nullable=False),
        sa.Column("scopes", sa.Text(), nullable=False),
        sa.Column("created_at", Instant(), nullable=False),
        sa.Column("expires_at", Instant(), nullable=False),
        sa.Column("revoked_at", Instant(), nullable=True),
        sa.Column("revoked_because", sa.String(length=60), nullable=True),
        sa.ForeignKeyConstraint(["partner_id"], ["partners.id"]),
        sa.ForeignKeyConstraint(["binding_id"], ["bindings.id"]),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_grants")),
    )
    op.create_table(
        "grant_tokens",
        sa.Column("digest", sa.LargeBinary(length=32), nullable=False),
        sa.Column("grant_id", sa.String(length=36), nullable=False),
        sa.Column("kind", sa.String(length=10), nullable=False),
        sa.Column("redirect_uri", sa.Text(), nullable=True),
        sa.Column("challenge", sa.String(length=43), nullable=True),
        sa.Column("nonce", sa.Text(), nullable=True),
        sa.Column("expires_at", Instant(), nullable=False),
        sa.ForeignKeyConstraint(["grant_id"], ["grants.id"]),
        sa.PrimaryKeyConstraint("digest", name=op.f("pk_grant_tokens")),
    )
    op.create_index("ix_grant_tokens_grant_id", "grant_tokens", ["grant_id"], unique=False)
    op.create_index("ix_grant_tokens_expires_at", "grant_tokens", ["expires_at"], unique=False)
    op.create_table(
        "spent_tokens",
        sa.Column("digest", sa.LargeBinary(length=32), nullable=False),
        sa.Column("at", Instant(), nullable=False),
        sa.PrimaryKeyConstraint("digest", name=op.f("pk_spent_tokens")),
    )
