"""Partner applications and their secrets."""

from __future__ import annotations

from sqlalchemy import Boolean, Column, ForeignKey, Index, Integer, LargeBinary, String, Table, Text, false

from gateway.store import Instant, metadata

partners = Table(
    "partners",
    metadata,
    Column("id", String(60), primary_key=True),
    Column("name", String(100), nullable=False),
    Column("scopes", Text, nullable=False),
    Column("origins", Text, nullable=False),
    Column("redirect_uris", Text, nullable=False, server_default="[]"),
    # A public client keeps no secret: an application in its user's hands.
    Column("public", Boolean, nullable=False, server_default=false()),
    Column("per_second", Integer),
    Column("per_day", Integer),
    Column("suspended", Boolean, nullable=False),
    Column("created_at", Instant, nullable=False),
)

partner_secrets = Table(
    "partner_secrets",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("partner_id", String(60), ForeignKey("partners.id"), nullable=False),
    Column("digest", LargeBinary(32), nullable=False),
    Column("sealed_signing_key", LargeBinary, nullable=False),
    Column("created_at", Instant, nullable=False),
    Column("ends_at", Instant),
)
Index("ix_partner_secrets_partner_id", partner_secrets.c.partner_id)
