"""Every query and every change of the grey list. Nothing here commits."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Row, func, select

from gateway.capabilities.greylist.tables import grey_numbers
from gateway.capabilities.subscribers import subscribers
from gateway.store import Loader, Store, Unit


class GreyList:
    """Whether a subscriber's number is on the list; all that ask at the same moment are one query."""

    def __init__(self, store: Store) -> None:
        self._until: Loader[int, datetime] = Loader(store, _listed_until)

    async def holds(self, subscriber_id: int, now: datetime) -> bool:
        """Whether the number is on the list now."""
        until = await self._until.get(subscriber_id)
        return until is not None and until > now


def list_held(connection: Connection, subscriber_ids: Collection[int], now: datetime) -> set[int]:
    """Those of the subscribers whose number is on the list now."""
    return {number for number, until in _listed_until(connection, [*subscriber_ids]).items() if until > now}


def _listed_until(connection: Connection, subscriber_ids: Sequence[int]) -> dict[int, datetime]:
    rows = connection.execute(
        select(subscribers.c.id, func.max(grey_numbers.c.expires_at, type_=grey_numbers.c.expires_at.type))
        .join(grey_numbers, grey_numbers.c.phone_hash == subscribers.c.phone_hash)
        .where(subscribers.c.id.in_(subscriber_ids), grey_numbers.c.ended_at.is_(None))
        .group_by(subscribers.c.id)
    )
    return {row[0]: row[1] for row in rows}


def hold_number(
    unit: Unit, phone_hash: bytes, *, id: str, reason: str, evidence: str, actor: str, now: datetime, within: timedelta
) -> str:
    """Put a number on the list for so long; the entry's id."""
    unit.insert(
        grey_numbers,
        id=id, phone_hash=phone_hash, reason=reason, evidence=evidence, actor=actor, at=now, expires_at=now + within,
        ended_at=None, ended_by=None, ended_because=None,
    )  # fmt: skip
    return id


def release_number(unit: Unit, entry_id: str, *, actor: str, because: str, now: datetime) -> None:
    """End an entry; it stays on record."""
    unit.update(grey_numbers, {"id": entry_id}, ended_at=now, ended_by=actor, ended_because=because[:200])


def list_live(
    connection: Connection, now: datetime, phone_hash: bytes | None, after: str, limit: int
) -> list[Row[Any]]:
    """Entries in force, oldest first; with `phone_hash`, those of one number."""
    live = select(grey_numbers).where(
        grey_numbers.c.ended_at.is_(None), grey_numbers.c.expires_at > now, grey_numbers.c.id > after
    )
    if phone_hash is not None:
        live = live.where(grey_numbers.c.phone_hash == phone_hash)
    return [*connection.execute(live.order_by(grey_numbers.c.id).limit(limit))]


def get_entry(connection: Connection, entry_id: str) -> Row[Any] | None:
    """One entry, in force or not."""
    return connection.execute(select(grey_numbers).where(grey_numbers.c.id == entry_id)).one_or_none()
