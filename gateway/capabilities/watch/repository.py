"""Every query of the watch over partners. Nothing here commits."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime, timedelta
from typing import NamedTuple

import msgspec
from sqlalchemy import Connection, func, select

from gateway.capabilities.events import StoredEvent, list_after
from gateway.capabilities.orders import orders, subscriptions
from gateway.capabilities.partners import out_of_normal, partners
from gateway.capabilities.watch.rates import Counts, Standing
from gateway.capabilities.watch.tables import partner_standings, watch_hours, watch_limits, watch_progress

_COUNTS = [watch_hours.c[name] for name in Counts.__struct_fields__]
Hour = tuple[str, datetime]
"""A partner, and the hour that something fell into."""


class Progress(NamedTuple):
    """How far was counted."""

    step: int
    event_seq: int
    ended_until: datetime


class StandingChange(NamedTuple):
    """One change of a partner's standing."""

    partner_id: str
    seq: int
    standing: str
    reason: str
    evidence: str
    """JSON: the counts it was decided on."""
    actor: str
    at: datetime


def progress(connection: Connection) -> Progress | None:
    """The newest step; None before the first."""
    row = connection.execute(select(watch_progress).order_by(watch_progress.c.step.desc()).limit(1)).one_or_none()
    return None if row is None else Progress(*row)


def new_events(connection: Connection, after: int, limit: int) -> list[StoredEvent]:
    """The events not counted yet, oldest first."""
    return list_after(connection, partner_id=None, account=None, after_seq=after, limit=limit)


def ended_early(connection: Connection, after: datetime, until: datetime, within: timedelta) -> list[Hour]:
    """For each subscription that ended in the span, soon after its beginning: the partner who ordered it, and when."""
    rows = connection.execute(
        select(orders.c.partner_id, subscriptions.c.started_at, subscriptions.c.ended_at)
        .join(orders, orders.c.id == subscriptions.c.order_id)
        .where(subscriptions.c.ended_at > after, subscriptions.c.ended_at <= until, orders.c.partner_id.is_not(None))
    )
    return [(row.partner_id, row.ended_at) for row in rows if row.ended_at - row.started_at < within]


def hours(connection: Connection, keys: Collection[Hour]) -> dict[Hour, Counts]:
    """The counts of these hours, as far as there are any."""
    if not keys:
        return {}
    names, times = {name for name, _ in keys}, [hour for _, hour in keys]
    rows = connection.execute(
        select(watch_hours.c.partner_id, watch_hours.c.hour, *_COUNTS).where(
            watch_hours.c.partner_id.in_(names), watch_hours.c.hour.between(min(times), max(times))
        )
    )
    return {(row[0], row[1]): Counts(*row[2:]) for row in rows}


def counts_since(connection: Connection, partner_id: str, since: datetime) -> Counts:
    """All counts of a partner from that hour on."""
    sums = [func.coalesce(func.sum(column), 0) for column in _COUNTS]
    of_partner = select(*sums).where(watch_hours.c.partner_id == partner_id, watch_hours.c.hour >= since)
    return Counts(*map(int, connection.execute(of_partner).one()))


def hours_since(connection: Connection, partner_id: str, since: datetime) -> dict[datetime, Counts]:
    """The counts of a partner's hours from that moment on."""
    of_partner = (watch_hours.c.partner_id == partner_id, watch_hours.c.hour >= since)
    rows = connection.execute(select(watch_hours.c.hour, *_COUNTS).where(*of_partner))
    return {row[0]: Counts(*row[1:]) for row in rows}


def placed_by_hour(connection: Connection, partner_id: str, begin: datetime, end: datetime) -> list[int]:
    """How many orders the partner placed in each hour of that time in which it placed some."""
    hour = watch_hours.c.hour
    of_partner = (watch_hours.c.partner_id == partner_id, hour >= begin, hour < end)
    return [*connection.scalars(select(watch_hours.c.placed).where(*of_partner))]


def standings(connection: Connection, names: Collection[str]) -> dict[str, Standing]:
    """The standing of these partners, and of all that are slowed: time alone may mend those."""
    columns = select(partners.c.id, partners.c.standing)
    slowed = columns.where(out_of_normal, partners.c.standing == Standing.SLOWED.value)
    named = columns.where(partners.c.id.in_(names))
    return {row.id: Standing(row.standing) for one in (slowed, named) for row in connection.execute(one)}


def list_out_of_normal(connection: Connection, after: str, limit: int) -> list[tuple[str, str]]:
    """(partner, standing) of those not in normal standing, by their ids."""
    found = select(partners.c.id, partners.c.standing).where(out_of_normal, partners.c.id > after)
    return [(row.id, row.standing) for row in connection.execute(found.order_by(partners.c.id).limit(limit))]


def changes(connection: Connection, partner_id: str, limit: int) -> list[StandingChange]:
    """A partner's changes of standing, the newest first."""
    table = partner_standings
    found = select(table).where(table.c.partner_id == partner_id).order_by(table.c.seq.desc()).limit(limit)
    return [StandingChange(*row) for row in connection.execute(found)]


def own_limits(connection: Connection, partner_id: str) -> Mapping[str, Mapping[str, float]]:
    """The limits agreed with this partner: `slow` and `stop`, each with the rates that differ from the usual ones."""
    body = connection.scalar(select(watch_limits.c.body).where(watch_limits.c.partner_id == partner_id))
    return {} if body is None else msgspec.json.decode(body, type=dict[str, dict[str, float]])


def list_sandboxes(connection: Connection, names: Collection[str]) -> set[str]:
    """Those of the partners that are sandboxes."""
    return set(connection.scalars(select(partners.c.id).where(partners.c.id.in_(names), partners.c.mode == "sandbox")))


def order_partner(connection: Connection, order_id: str) -> str | None:
    """The partner who placed the order."""
    return connection.scalar(select(orders.c.partner_id).where(orders.c.id == order_id))
