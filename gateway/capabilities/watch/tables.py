"""What is kept of how partners order: counts by the hour, complaints, standings."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, ForeignKey, Index, Integer, SmallInteger, String, Table, Text

from gateway.store import Instant, metadata

_COUNTED = ("confirmed", "unconfirmed", "completed", "failed", "complained", "ended_early")

watch_hours = Table(
    "watch_hours",
    metadata,
    Column("partner_id", String(60), primary_key=True),
    Column("hour", Instant, primary_key=True),
    *(Column(name, Integer, nullable=False) for name in _COUNTED),
)

watch_progress = Table(
    "watch_progress",
    metadata,
    # Two processes that count the same events want the same number, so one of them clashes.
    Column("step", BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=False),
    Column("event_seq", BigInteger, nullable=False),
    Column("ended_until", Instant, nullable=False),
)

complaints = Table(
    "complaints",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("partner_id", String(60), ForeignKey("partners.id"), nullable=False),
    Column("order_id", String(36)),
    Column("words", Text, nullable=False),
    Column("evidence", Text, nullable=False),
    Column("actor", String(200), nullable=False),
    Column("at", Instant, nullable=False),
)
Index("ix_complaints_partner_id", complaints.c.partner_id, complaints.c.id)

partner_standings = Table(
    "partner_standings",
    metadata,
    # The nth change of a partner's standing; two who decide on the same one clash.
    Column("partner_id", String(60), ForeignKey("partners.id"), primary_key=True),
    Column("seq", SmallInteger, primary_key=True, autoincrement=False),
    Column("standing", String(10), nullable=False),
    Column("reason", String(500), nullable=False),
    Column("evidence", Text, nullable=False),
    Column("actor", String(200), nullable=False),
    Column("at", Instant, nullable=False),
)

watch_limits = Table(
    "watch_limits",
    metadata,
    Column("partner_id", String(60), ForeignKey("partners.id"), primary_key=True),
    Column("body", Text, nullable=False),
    Column("actor", String(200), nullable=False),
    Column("at", Instant, nullable=False),
)
