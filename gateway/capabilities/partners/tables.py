"""Partner applications and their secrets."""

from __future__ import annotations

from sqlalchemy import (
    Boolean,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    String,
    Table,
    Text,
    false,
    literal_column,
)

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
    Column("addresses", Text, nullable=False, server_default="[]"),
    Column("per_second", Integer),
    Column("per_day", Integer),
    Column("suspended", Boolean, nullable=False),
    # live or sandbox, for ever
    Column("mode", String(10), nullable=False, server_default="live"),
    # normal, slowed or stopped: see gateway.capabilities.watch
    Column("standing", String(10), nullable=False, server_default="normal"),
    Column("created_at", Instant, nullable=False),
)
out_of_normal = partners.c.standing != literal_column("'normal'")
"""Written out in SQL, so that the database sees that a query asks for just the rows of the partial index."""
Index(
    "ix_partners_standing", partners.c.standing, partners.c.id,
    sqlite_where=out_of_normal, postgresql_where=out_of_normal,
)  # fmt: skip

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
