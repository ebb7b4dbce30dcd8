"""Every query on webhook endpoints and deliveries. Reads of callers start from the partner; nothing here commits."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime
from typing import Any, NamedTuple

import msgspec
from sqlalchemy import ColumnElement, Connection, Row, and_, delete, exists, func, or_, select, update

from gateway.capabilities.events import StoredEvent, condition, events, wants
from gateway.capabilities.partners import partners
from gateway.capabilities.webhooks.schemas import DeliveryView
from gateway.capabilities.webhooks.tables import webhook_deliveries, webhook_endpoints
from gateway.kit.ids import first_id

TEST = "webhook.test"
"""Type of the event that goes to one endpoint only: the one that its key names."""


class StoredEndpoint(NamedTuple):
    """One row of `webhook_endpoints`."""

    id: str
    partner_id: str
    partner_seq: int
    url: str
    types: tuple[str, ...]
    description: str
    format: str
    enabled: bool
    disabled_because: str | None
    secret: bytes
    previous_secret: bytes | None
    previous_until: datetime | None
    created_at: datetime
    updated_at: datetime
    cursor: int
    failing_since: datetime | None


_ENDPOINT = [webhook_endpoints.c[name] for name in StoredEndpoint._fields]
_EVENT = [events.c[name] for name in StoredEvent._fields]


def _stored(row: Row[Any]) -> StoredEndpoint:
    fields = row._asdict()
    return StoredEndpoint(**{**fields, "types": tuple(msgspec.json.decode(row.types, type=list[str]))})


def get_endpoint(connection: Connection, partner_id: str | None, endpoint_id: str) -> StoredEndpoint | None:
    """One endpoint, or None if it is not the partner's; `partner_id` None: whoever's it is."""
    query = select(*_ENDPOINT).where(webhook_endpoints.c.id == endpoint_id)
    if partner_id is not None:
        query = query.where(webhook_endpoints.c.partner_id == partner_id)
    row = connection.execute(query).one_or_none()
    return None if row is None else _stored(row)


def list_endpoints(
    connection: Connection, partner_id: str | None, cursor: str | None, limit: int
) -> list[StoredEndpoint]:
    """Up to `limit` endpoints, oldest first, from the one after `cursor`; `partner_id` None: everybody's."""
    query = select(*_ENDPOINT)
    if partner_id is not None:
        query = query.where(webhook_endpoints.c.partner_id == partner_id)
    if cursor is not None:
        query = query.where(webhook_endpoints.c.id > cursor)
    return [_stored(row) for row in connection.execute(query.order_by(webhook_endpoints.c.id).limit(limit))]


def list_wanted(connection: Connection) -> list[tuple[str, list[str]]]:
    """(partner, event types) of every endpoint that is enabled."""
    enabled = select(webhook_endpoints.c.partner_id, webhook_endpoints.c.types).where(webhook_endpoints.c.enabled)
    return [(row.partner_id, msgspec.json.decode(row.types, type=list[str])) for row in connection.execute(enabled)]


def count_endpoints(connection: Connection, partner_id: str) -> tuple[int, int]:
    """(endpoints the partner has, the highest number one of them has)."""
    of_partner = select(func.count(), func.max(webhook_endpoints.c.partner_seq))
    count, newest = connection.execute(of_partner.where(webhook_endpoints.c.partner_id == partner_id)).one()
    return count, newest or 0


_DELIVERY = [webhook_deliveries.c["event_id" if name == "event" else name] for name in DeliveryView.__struct_fields__]


def list_deliveries(
    connection: Connection, endpoint_id: str, state: str | None, cursor: str | None, limit: int
) -> list[DeliveryView]:
    """Up to `limit` deliveries, newest event first, from the one before `cursor`."""
    query = select(*_DELIVERY).where(webhook_deliveries.c.endpoint_id == endpoint_id)
    if state is not None:
        query = query.where(webhook_deliveries.c.state == state)
    if cursor is not None:
        query = query.where(webhook_deliveries.c.event_id < cursor)
    query = query.order_by(webhook_deliveries.c.event_id.desc()).limit(limit)
    return [DeliveryView(*row) for row in connection.execute(query)]


def takes(endpoint: StoredEndpoint, event: StoredEvent) -> bool:
    """Whether the endpoint gets this event of its partner when it happens."""
    return event.key == endpoint.id if event.type == TEST else wants(endpoint.types, event.type)


def _wanted_by(endpoint_id: str, types: Sequence[str]) -> ColumnElement[bool]:
    usual = events.c.type != TEST
    if types:
        usual = and_(usual, condition(types, events.c.type))
    return or_(and_(events.c.type == TEST, events.c.key == endpoint_id), usual)


def list_for_replay(
    connection: Connection, endpoint: StoredEndpoint, *, event_id: str | None, after_seq: int,
    since: datetime | None, until: datetime | None, limit: int,
) -> list[StoredEvent]:  # fmt: skip
    """Up to `limit` events in the range that the endpoint wants, oldest first. One that is named is sent, wanted or not."""
    query = select(*_EVENT).where(events.c.partner_id == endpoint.partner_id, events.c.seq > after_seq)
    query = query.where(events.c.id == event_id if event_id else _wanted_by(endpoint.id, endpoint.types))
    if since is not None:
        query = query.where(events.c.at >= since)
    if until is not None:
        query = query.where(events.c.at < until)
    return [StoredEvent(*row) for row in connection.execute(query.order_by(events.c.seq).limit(limit))]


def known_deliveries(connection: Connection, endpoint_id: str, event_ids: Collection[str]) -> set[str]:
    """Those of the events that the endpoint has a delivery of."""
    table = webhook_deliveries.c
    known = select(table.event_id).where(table.endpoint_id == endpoint_id, table.event_id.in_(event_ids))
    return {*connection.scalars(known)}


def claim(connection: Connection, owner: str, now: datetime, until: datetime, limit: int) -> list[StoredEndpoint]:
    """The endpoints that `owner` holds, and up to `limit` free ones that it takes; all are its own `until` then."""
    table = webhook_endpoints.c
    free = or_(table.leased_until.is_(None), table.leased_until < now)
    served = and_(table.enabled, ~_suspended(table.partner_id))
    takes = select(table.id).where(free, served).order_by(table.id).limit(limit)
    connection.execute(
        update(webhook_endpoints)
        .where(or_(and_(table.leased_by == owner, table.leased_until >= now), and_(table.id.in_(takes), free)))
        .values(leased_by=owner, leased_until=until)
    )
    mine = select(*_ENDPOINT).where(table.leased_by == owner, table.leased_until == until, served)
    return [_stored(row) for row in connection.execute(mine.order_by(table.id))]


def list_held(connection: Connection, owner: str, now: datetime) -> tuple[list[StoredEndpoint], bool]:
    """(the endpoints that `owner` holds and that are to be served, whether a free one could be taken)."""
    table = webhook_endpoints.c
    served = and_(table.enabled, ~_suspended(table.partner_id))
    mine = select(*_ENDPOINT).where(table.leased_by == owner, table.leased_until >= now, served).order_by(table.id)
    free = select(exists().where(or_(table.leased_until.is_(None), table.leased_until < now), served))
    return [_stored(row) for row in connection.execute(mine)], bool(connection.scalar(free))


def _suspended(partner_id: ColumnElement[str]) -> ColumnElement[bool]:
    return exists().where(partners.c.id == partner_id, partners.c.suspended)


def release(connection: Connection, owner: str) -> None:
    """Let others have the owner's endpoints at once."""
    held = update(webhook_endpoints).where(webhook_endpoints.c.leased_by == owner)
    connection.execute(held.values(leased_by=None, leased_until=None))


def count_pending(connection: Connection, endpoint_ids: Iterable[str]) -> dict[str, int]:
    """How many deliveries of each endpoint wait for an attempt; those with none are left out."""
    table = webhook_deliveries.c
    waiting = select(table.endpoint_id, func.count()).where(
        table.state == "pending", table.endpoint_id.in_([*endpoint_ids])
    )
    return {row[0]: row[1] for row in connection.execute(waiting.group_by(table.endpoint_id))}


class Pending(NamedTuple):
    """A delivery that waits for an attempt."""

    event: StoredEvent
    attempts: int
    next_at: datetime | None


def list_pending(connection: Connection, endpoint_id: str, limit: int) -> list[Pending]:
    """Up to `limit` waiting deliveries in the order of their events."""
    table = webhook_deliveries.c
    waiting = (
        select(*_EVENT, table.attempts, table.next_at)
        .join(events, events.c.id == table.event_id)
        .where(table.state == "pending", table.endpoint_id == endpoint_id)
    )
    rows = connection.execute(waiting.order_by(table.seq).limit(limit))
    return [Pending(StoredEvent(*row[:-2]), row[-2], row[-1]) for row in rows]


def list_missed(
    connection: Connection, endpoint: StoredEndpoint, after: int, upto: int, limit: int
) -> list[StoredEvent]:
    """Up to `limit` events of a range that the endpoint wants and that have no delivery yet, oldest first."""
    known = exists().where(
        webhook_deliveries.c.event_id == events.c.id, webhook_deliveries.c.endpoint_id == endpoint.id
    )
    missed = select(*_EVENT).where(
        events.c.partner_id == endpoint.partner_id, events.c.seq > after, events.c.seq <= upto,
        _wanted_by(endpoint.id, endpoint.types), ~known,
    )  # fmt: skip
    return [StoredEvent(*row) for row in connection.execute(missed.order_by(events.c.seq).limit(limit))]


def delete_old_deliveries(connection: Connection, before: datetime, limit: int) -> int:
    """Drop up to `limit` deliveries of events from before that time; how many."""
    table = webhook_deliveries.c
    old = select(table.event_id).where(table.event_id < first_id(before)).order_by(table.event_id).limit(limit)
    return connection.execute(delete(webhook_deliveries).where(table.event_id.in_(old))).rowcount
