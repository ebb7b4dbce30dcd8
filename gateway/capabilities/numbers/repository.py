"""What deciding on a number needs to know."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import Connection, select

from gateway.capabilities.bindings import bindings
from gateway.capabilities.numbers.tables import number_checks
from gateway.capabilities.subscribers import Contact, contact_of


class Bound(NamedTuple):
    """One live binding."""

    id: str
    account: str
    bound_at: datetime
    suspended_at: datetime | None


class Check(NamedTuple):
    """The newest answer of the network."""

    seq: int
    at: datetime
    answer: str
    vouched_at: datetime | None
    """The last time that nothing had changed."""


class Standing(NamedTuple):
    """A subscriber's number, its live bindings, oldest first, and the newest check of it."""

    contact: Contact
    bindings: Sequence[Bound]
    check: Check | None


def standing(connection: Connection, subscriber_id: int) -> Standing:
    """How a subscriber stands."""
    newest = select(*(number_checks.c[name] for name in Check._fields))
    newest = newest.where(number_checks.c.subscriber_id == subscriber_id).order_by(number_checks.c.seq.desc()).limit(1)
    check = connection.execute(newest).one_or_none()
    live = select(bindings.c.id, bindings.c.account, bindings.c.bound_at, bindings.c.suspended_at)
    live = live.where(bindings.c.subscriber_id == subscriber_id, bindings.c.ended_at.is_(None))
    bound = [Bound(*row) for row in connection.execute(live.order_by(bindings.c.bound_at))]
    return Standing(contact_of(connection, subscriber_id), bound, None if check is None else Check(*check))


def bound_after(connection: Connection, subscriber_id: int, limit: int) -> list[tuple[int, datetime | None]]:
    """(subscriber, when it was last checked) of up to `limit` real bound subscribers after that number (0 and up)."""
    good = (
        bindings.c.subscriber_id > subscriber_id,
        bindings.c.subscriber_id > 0,
        bindings.c.ended_at.is_(None),
        bindings.c.suspended_at.is_(None),
    )
    page = select(bindings.c.subscriber_id).distinct().where(*good).order_by(bindings.c.subscriber_id).limit(limit)
    ids = list(connection.scalars(page))
    checked = select(number_checks.c.subscriber_id, number_checks.c.at).where(number_checks.c.subscriber_id.in_(ids))
    at = {row.subscriber_id: row.at for row in connection.execute(checked)}
    return [(one, at.get(one)) for one in ids]
