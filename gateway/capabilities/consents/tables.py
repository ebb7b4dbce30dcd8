"""What each subscriber agreed to or refused, and the texts they saw."""

from __future__ import annotations

from sqlalchemy import BigInteger, Boolean, Column, Integer, String, Table

from gateway.store import Instant, metadata

consents = Table(
    "consents",
    metadata,
    Column("subscriber_id", BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=False),
    Column("purpose", String(60), primary_key=True),
    Column("seq", Integer, primary_key=True, autoincrement=False),
    Column("granted", Boolean, nullable=False),
    Column("text_version", String(20), nullable=False),
    Column("channel", String(20), nullable=False),
    Column("at", Instant, nullable=False),
)
