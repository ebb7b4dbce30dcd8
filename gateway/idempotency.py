"""Answers kept under the caller's idempotency key for 24 hours, in the transaction of the effect they belong to.

Source: draft-ietf-httpapi-idempotency-key-header; the same key with the same body gives the same answer, with another
body it is refused.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

from sqlalchemy import Column, Connection, Index, LargeBinary, SmallInteger, Table, delete, select

from gateway.store import Instant, Loader, Store, Unit, metadata, row_of

KEPT_FOR = timedelta(hours=24)

idempotency_keys = Table(
    "idempotency_keys",
    metadata,
    Column("key", LargeBinary(32), primary_key=True),
    Column("fingerprint", LargeBinary(32), nullable=False),
    Column("status", SmallInteger, nullable=False),
    Column("answer", LargeBinary, nullable=False),
    Column("expires_at", Instant, nullable=False),
)
Index("ix_idempotency_keys_expires_at", idempotency_keys.c.expires_at)


class Key(NamedTuple):
    """Digest of who said which key about whom; two callers' equal keys are different ones."""

    digest: bytes

    @classmethod
    def of(cls, owner: str, capability: str, account: str, key: str) -> Key:
        """The key as stored. The parts are length-prefixed, so that no two lists of parts read the same."""
        parts = (owner, capability, account, key)
        return cls(hashlib.sha256("".join(f"{len(part)}:{part}" for part in parts).encode()).digest())


class IdempotencyRecord(NamedTuple):
    """What was answered under a key."""

    fingerprint: bytes
    status: int
    answer: bytes
    expires_at: datetime


_ROW = row_of(idempotency_keys, ("key", *IdempotencyRecord._fields))


class IdempotencyRecords:
    """Looks up and records answers by key."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._loader: Loader[bytes, IdempotencyRecord] = Loader(store, _fetch)

    async def get(self, key: Key, now: datetime) -> IdempotencyRecord | None:
        """The answer given under the key in the last 24 hours."""
        record = await self._loader.get(key.digest)
        if record is None or record.expires_at > now:
            return record
        await self._store.write(delete_expired, now, 1000)
        return None

    async def get_all(self, keys: Sequence[Key], now: datetime) -> dict[bytes, IdempotencyRecord]:
        """The answers given under these keys in the last 24 hours, by digest, in one read."""
        if not keys:
            return {}
        found = await self._store.read(_fetch, [key.digest for key in keys])
        if all(record.expires_at > now for record in found.values()):
            return found
        await self._store.write(delete_expired, now, 1000)
        return {key: record for key, record in found.items() if record.expires_at > now}


def keep(unit: Unit, key: Key, fingerprint: bytes, status: int, answer: bytes, now: datetime) -> IdempotencyRecord:
    """Record the answer with the unit; a second unit under the same key clashes."""
    record = IdempotencyRecord(fingerprint, status, answer, now + KEPT_FOR)
    unit.insert_row(_ROW, (*key, *record))
    return record


def spend(unit: Unit, key: Key, until: datetime) -> None:
    """Record that something was used that may be used once; a second unit that uses it before `until` clashes."""
    unit.insert(idempotency_keys, key=key.digest, fingerprint=b"", status=0, answer=b"", expires_at=until)


def _fetch(connection: Connection, keys: Sequence[bytes]) -> dict[bytes, IdempotencyRecord]:
    rows = connection.execute(select(idempotency_keys).where(idempotency_keys.c.key.in_(keys)))
    return {row.key: IdempotencyRecord(row.fingerprint, row.status, row.answer, row.expires_at) for row in rows}


def delete_expired(connection: Connection, now: datetime, limit: int) -> int:
    """Drop up to `limit` answers that are past their time; how many were dropped."""
    old = select(idempotency_keys.c.key).where(idempotency_keys.c.expires_at <= now).limit(limit)
    return connection.execute(delete(idempotency_keys).where(idempotency_keys.c.key.in_(old))).rowcount
