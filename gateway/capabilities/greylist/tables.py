"""Numbers on the grey list, known by the keyed hash alone."""

from __future__ import annotations

from sqlalchemy import Column, Index, LargeBinary, String, Table, Text

from gateway.store import Instant, metadata

grey_numbers = Table(
    "grey_numbers",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("phone_hash", LargeBinary(32), nullable=False),
    Column("reason", String(200), nullable=False),
    Column("evidence", Text, nullable=False),
    Column("actor", String(200), nullable=False),
    Column("at", Instant, nullable=False),
    Column("expires_at", Instant, nullable=False),
    Column("ended_at", Instant),
    Column("ended_by", String(200)),
    Column("ended_because", String(200)),
)
Index("ix_grey_numbers_phone_hash", grey_numbers.c.phone_hash, grey_numbers.c.expires_at)
