"""Every query on events. Readers see events that have their number; nothing here commits."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

from sqlalchemy import ColumnElement, Connection, delete, func, select

from gateway.capabilities.events.tables import events
from gateway.capabilities.events.types import condition

KEPT_FOR = timedelta(days=30)
"""How long an event can be read."""


class StoredEvent(NamedTuple):
    """One numbered event."""

    seq: int
    id: str
    at: datetime
    type: str
    partner_id: str | None
    account: str | None
    key: str
    body: str
    """JSON, as the partner may see it."""


_COLUMNS = [events.c[name] for name in StoredEvent._fields]


def list_after(
    connection: Connection, *, partner_id: str | None, account: str | None, after_seq: int,
    types: Sequence[str] = (), limit: int,
) -> list[StoredEvent]:  # fmt: skip
    """Up to `limit` events after number `after_seq`, oldest first: of this partner, of this account, or of both.

    With neither, everybody's: for the platform's own work and for operators.
    """
    query = select(*_COLUMNS).where(events.c.seq > after_seq, *_of(partner_id, account))
    if types:
        query = query.where(condition(types, events.c.type))
    return [StoredEvent(*row) for row in connection.execute(query.order_by(events.c.seq).limit(limit))]


def seq_of(connection: Connection, event_id: str) -> int | None:
    """The number of an event; None where there is none of that id, or none any more."""
    return connection.scalar(select(events.c.seq).where(events.c.id == event_id))


def newest_of(connection: Connection, *, partner_id: str | None, account: str | None) -> tuple[int, str | None]:
    """(number, id) of the newest event of this partner, of this account, or of both; (0, None) before the first."""
    query = select(events.c.seq, events.c.id).where(events.c.seq.is_not(None), *_of(partner_id, account))
    row = connection.execute(query.order_by(events.c.seq.desc()).limit(1)).one_or_none()
    return (0, None) if row is None else (row.seq, row.id)


def _of(partner_id: str | None, account: str | None) -> list[ColumnElement[bool]]:
    partner = [] if partner_id is None else [events.c.partner_id == partner_id]
    return partner if account is None else [*partner, events.c.account == account]


def head(connection: Connection) -> int:
    """The number of the newest event; 0 before the first."""
    return connection.scalar(select(func.max(events.c.seq))) or 0


class Waiting(NamedTuple):
    """An event that has no number yet."""

    id: str
    key: str
    step: int


def list_waiting(connection: Connection, limit: int) -> tuple[int, list[Waiting]]:
    """(number of the newest event, up to `limit` events without a number in order of their ids).

    The number is read first: what is numbered in between then makes the one who works on this answer clash.
    """
    newest = head(connection)
    waiting = select(events.c.id, events.c.key, events.c.step).where(events.c.seq.is_(None))
    return newest, [Waiting(*row) for row in connection.execute(waiting.order_by(events.c.id).limit(limit))]


def delete_old(connection: Connection, before: datetime, limit: int) -> int:
    """Drop up to `limit` events from before that time; how many. The newest stays: the next number follows from it."""
    oldest = connection.scalar(select(events.c.at).where(events.c.seq.is_not(None)).order_by(events.c.seq).limit(1))
    if oldest is None or oldest >= before:
        return 0
    first = select(events.c.seq).where(events.c.seq.is_not(None)).order_by(events.c.seq).limit(limit)
    newest = select(func.max(events.c.seq)).scalar_subquery()
    old = delete(events).where(events.c.seq.in_(first), events.c.at < before, events.c.seq < newest)
    return connection.execute(old).rowcount
