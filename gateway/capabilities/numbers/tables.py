"""When the network was last asked about a subscriber's number, and what it said."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Integer, String, Table

from gateway.store import Instant, metadata

number_checks = Table(
    "number_checks",
    metadata,
    # One row for a subscriber, the newest. Two who act on one answer want the same next number, so one reads again.
    Column("subscriber_id", BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=False),
    Column("seq", Integer, primary_key=True, autoincrement=False),
    Column("at", Instant, nullable=False),
    Column("answer", String(20), nullable=False),
    # The last check that found nothing changed: what was bound until then need not be asked about further back.
    Column("vouched_at", Instant),
)
