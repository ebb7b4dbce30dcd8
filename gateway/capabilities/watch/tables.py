"""What is kept of how partners order: counts by the hour, complaints, standings, cases with their evidence."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    SmallInteger,
    String,
    Table,
    Text,
)

from gateway.store import Instant, metadata

_COUNTED = ("confirmed", "unconfirmed", "completed", "failed", "complained", "ended_early")

watch_hours = Table(
    "watch_hours",
    metadata,
    Column("partner_id", String(60), primary_key=True),
    Column("hour", Instant, primary_key=True),
    *(Column(name, Integer, nullable=False) for name in _COUNTED),
    Column("placed", Integer, nullable=False, server_default="0"),
    Column("in_arrears", Integer, nullable=False, server_default="0"),
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

watch_cases = Table(
    "watch_cases",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("cause", String(20), nullable=False),
    # What it is about, in one word: two who open a case on the same topic clash.
    Column("topic", String(100), nullable=False),
    Column("partner_id", String(60), ForeignKey("partners.id")),
    Column("phone_hash", LargeBinary(32)),
    Column("reason", String(500), nullable=False),
    Column("state", String(12), nullable=False),
    Column("owed_fen", BigInteger),
    Column("month", String(7)),
    Column("outcome", String(12)),
    Column("grey_entry", String(36)),
    Column("steps", SmallInteger, nullable=False),
    # How much evidence there is, and the digest of the last piece: what was cut off shows, too.
    Column("pieces", SmallInteger, nullable=False),
    Column("digest", LargeBinary(32), nullable=False),
    Column("opened_at", Instant, nullable=False),
    # What came before was judged already.
    Column("judged_until", Instant, nullable=False),
    Column("closed_at", Instant),
)
is_unclosed = watch_cases.c.closed_at.is_(None)
Index("uq_watch_cases_open", watch_cases.c.topic, unique=True, sqlite_where=is_unclosed, postgresql_where=is_unclosed)
Index("ix_watch_cases_topic", watch_cases.c.topic, watch_cases.c.id)
Index("ix_watch_cases_state", watch_cases.c.state, watch_cases.c.id)
Index("ix_watch_cases_partner_id", watch_cases.c.partner_id, watch_cases.c.id)
Index("ix_watch_cases_phone_hash", watch_cases.c.phone_hash, watch_cases.c.id)

watch_case_steps = Table(
    "watch_case_steps",
    metadata,
    # The key is the guard: step n of a case is taken once.
    Column("case_id", String(36), ForeignKey("watch_cases.id"), primary_key=True),
    Column("seq", SmallInteger, primary_key=True, autoincrement=False),
    Column("from_state", String(12)),
    Column("to_state", String(12), nullable=False),
    Column("actor", String(200), nullable=False),
    Column("reason", String(500), nullable=False),
    Column("at", Instant, nullable=False),
)

watch_evidence = Table(
    "watch_evidence",
    metadata,
    # Pieces are added and never changed; each is digested with the one before.
    Column("case_id", String(36), ForeignKey("watch_cases.id"), primary_key=True),
    Column("seq", SmallInteger, primary_key=True, autoincrement=False),
    Column("body", Text, nullable=False),
    Column("actor", String(200), nullable=False),
    Column("at", Instant, nullable=False),
    Column("digest", LargeBinary(32), nullable=False),
)
