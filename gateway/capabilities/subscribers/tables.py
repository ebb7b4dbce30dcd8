"""Subscribers and what is known of their habits."""

from __future__ import annotations

from sqlalchemy import BigInteger, Boolean, Column, Date, Index, Integer, LargeBinary, String, Table, Text

from gateway.store import Instant, metadata

subscribers = Table(
    "subscribers",
    metadata,
    # A plain number: it keys tables of tens of millions of rows and never leaves the gateway.
    Column("id", BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=True),
    Column("ref", String(64), nullable=False, unique=True),
    Column("phone_cipher", LargeBinary),
    Column("phone_hash", LargeBinary(32), unique=True),
    Column("brand", String(40), nullable=False),
    Column("region", String(40), nullable=False),
    Column("joined_on", Date),
    Column("suspended", Boolean, nullable=False),
    Column("created_at", Instant, nullable=False),
    # The sandbox partner that made this subscriber up; null: a real one. Made-up ones have ids below zero.
    Column("sandbox", String(60)),
)
is_real = subscribers.c.sandbox.is_(None)
_made_up = subscribers.c.sandbox.is_not(None)
Index("ix_subscribers_sandbox", subscribers.c.sandbox, sqlite_where=_made_up, postgresql_where=_made_up)

profiles = Table(
    "profiles",
    metadata,
    Column("subscriber_id", BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=False),
    Column("body", Text, nullable=False),
    Column("updated_at", Instant, nullable=False),
)
