"""Events as they were recorded, and the place of each in the one order."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Index, Integer, SmallInteger, String, Table, Text

from gateway.store import Instant, metadata

events = Table(
    "events",
    metadata,
    Column("id", String(36), primary_key=True),
    # Given after the commit. Two sequencers that number the same events want the same number, so one of them clashes.
    Column("seq", BigInteger),
    Column("at", Instant, nullable=False),
    Column("type", String(60), nullable=False),
    Column("partner_id", String(60)),
    Column("subscriber_id", BigInteger().with_variant(Integer, "sqlite")),
    Column("account", String(200)),
    Column("key", String(200), nullable=False),
    Column("step", SmallInteger, nullable=False),
    Column("body", Text, nullable=False),
)
_waiting = events.c.seq.is_(None)
Index("uq_events_seq", events.c.seq, unique=True)
Index("ix_events_waiting", events.c.id, sqlite_where=_waiting, postgresql_where=_waiting)
Index("ix_events_partner_id_seq", events.c.partner_id, events.c.seq)
Index("ix_events_account_seq", events.c.account, events.c.seq)
