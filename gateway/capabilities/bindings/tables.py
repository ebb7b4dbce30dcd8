"""Which channel account belongs to which subscriber, and the one-time codes that prove it."""

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
    UniqueConstraint,
)

from gateway.store import Instant, metadata

bindings = Table(
    "bindings",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("account", String(200), nullable=False),
    Column("subscriber_id", BigInteger().with_variant(Integer, "sqlite"), ForeignKey("subscribers.id"), nullable=False),
    Column("how", String(20), nullable=False),
    Column("bound_at", Instant, nullable=False),
    Column("ended_at", Instant),
    Column("ended_because", String(40)),
    # Since when the number is to be proved again. A binding is never taken up again: a new one follows it.
    Column("suspended_at", Instant),
)
_live = bindings.c.ended_at.is_(None)
Index("uq_bindings_live_account", bindings.c.account, unique=True, sqlite_where=_live, postgresql_where=_live)
Index("ix_bindings_subscriber_id", bindings.c.subscriber_id)

one_time_codes = Table(
    "one_time_codes",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("account", String(200), nullable=False),
    Column("account_seq", Integer, nullable=False),
    Column("phone_hash", LargeBinary(32), nullable=False),
    Column("phone_seq", Integer, nullable=False),
    Column("phone_cipher", LargeBinary, nullable=False),
    Column("code_digest", LargeBinary(32), nullable=False),
    Column("sent_at", Instant, nullable=False),
    # Two requests at once would both see a cap as not reached; only one of them can take the next number.
    UniqueConstraint("account", "account_seq"),
    UniqueConstraint("phone_hash", "phone_seq"),
)

code_tries = Table(
    "code_tries",
    metadata,
    # Tries are rows, so that five at once are five and not one.
    Column("code_id", String(36), primary_key=True),
    Column("number", SmallInteger, primary_key=True),
    Column("at", Instant, nullable=False),
    Column("outcome", String(20), nullable=False),
)
