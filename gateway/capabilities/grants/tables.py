"""What subscribers granted to partners, and the one-time tokens that stand for it."""

from __future__ import annotations

from sqlalchemy import Column, ForeignKey, Index, LargeBinary, String, Table, Text

from gateway.store import Instant, metadata

grants = Table(
    "grants",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("partner_id", String(60), ForeignKey("partners.id"), nullable=False),
    Column("account", String(200), nullable=False),
    Column("binding_id", String(36), ForeignKey("bindings.id"), nullable=False),
    Column("scopes", Text, nullable=False),
    Column("created_at", Instant, nullable=False),
    Column("expires_at", Instant, nullable=False),
    Column("revoked_at", Instant),
    Column("revoked_because", String(60)),
)

grant_tokens = Table(
    "grant_tokens",
    metadata,
    # Of a code or refresh token only its digest is kept.
    Column("digest", LargeBinary(32), primary_key=True),
    Column("grant_id", String(36), ForeignKey("grants.id"), nullable=False),
    Column("kind", String(10), nullable=False),
    Column("redirect_uri", Text),
    Column("challenge", String(43)),
    Column("nonce", Text),
    Column("expires_at", Instant, nullable=False),
)
Index("ix_grant_tokens_grant_id", grant_tokens.c.grant_id)
Index("ix_grant_tokens_expires_at", grant_tokens.c.expires_at)

spent_tokens = Table(
    "spent_tokens",
    metadata,
    # Two who redeem one token at once want the same row: the later one finds it spent.
    Column("digest", LargeBinary(32), primary_key=True),
    Column("at", Instant, nullable=False),
)
