"""Applications of developers who want to be partners, and every step they went through."""

from __future__ import annotations

from sqlalchemy import Column, ForeignKey, Index, LargeBinary, SmallInteger, String, Table, Text, literal_column

from gateway.store import Instant, metadata

applications = Table(
    "partner_applications",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("client_id", String(60), nullable=False),
    Column("name", String(100), nullable=False),
    Column("contact", String(200), nullable=False),
    Column("purpose", String(500), nullable=False),
    Column("scopes", Text, nullable=False),
    Column("origins", Text, nullable=False),
    Column("redirect_uris", Text, nullable=False),
    Column("state", String(12), nullable=False),
    Column("steps", SmallInteger, nullable=False),
    Column("reason", String(500), nullable=False),
    Column("claim_digest", LargeBinary(32), nullable=False),
    Column("created_at", Instant, nullable=False),
    Column("updated_at", Instant, nullable=False),
)
_open = applications.c.state.in_([literal_column("'pending'"), literal_column("'approved'")])
Index(
    "uq_partner_applications_open", applications.c.client_id,
    unique=True, sqlite_where=_open, postgresql_where=_open,
)  # fmt: skip
Index("ix_partner_applications_state_id", applications.c.state, applications.c.id)

application_steps = Table(
    "partner_application_steps",
    metadata,
    # The key is the guard: step n of an application is taken once.
    Column("application_id", String(36), ForeignKey("partner_applications.id"), primary_key=True),
    Column("seq", SmallInteger, primary_key=True, autoincrement=False),
    Column("to_state", String(12), nullable=False),
    Column("actor", String(200), nullable=False),
    Column("reason", String(500), nullable=False),
    Column("at", Instant, nullable=False),
)
