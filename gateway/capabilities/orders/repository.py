"""Every query on orders and subscriptions. Reads start from what the caller may see; nothing here writes."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import BigInteger, Connection, Row, Select, bindparam, select, tuple_, type_coerce

from auth.principal import Principal
from gateway.capabilities.orders.schemas import Transition
from gateway.capabilities.orders.states import CANCELLABLE, OrderState
from gateway.capabilities.orders.tables import is_open, order_transitions, orders, ref_counts, subscriptions
from gateway.store import Loader, Store
from gateway.store.at_once import AtOnce
from gateway.store.columns import moment
from gateway.store.keys import numbers, packed, texts


class StoredOrder(NamedTuple):
    """One row of `orders`."""

    id: str
    subscriber_id: int
    subscriber_seq: int
    account: str
    offer_code: str
    action: str
    price_fen: int
    period: str
    state: OrderState
    transitions: int
    channel: str
    partner_id: str | None
    partner_ref: str | None
    attribution: str
    created_at: datetime
    updated_at: datetime
    confirm_by: datetime | None


def _stored(row: Row[Any]) -> StoredOrder:
    fields = row._asdict()  # a row's own way to become a dict
    return StoredOrder(**{**fields, "state": OrderState(row.state)})


def visible_to(principal: Principal, subscriber_id: int) -> Select[Any]:
    """The subscriber's orders that the caller may see: a partner sees those it placed."""
    mine = select(orders).where(orders.c.subscriber_id == subscriber_id)
    return mine.where(orders.c.partner_id == principal.id) if principal.kind == "partner" else mine


def get_visible(connection: Connection, principal: Principal, subscriber_id: int, order_id: str) -> StoredOrder | None:
    """One order of the subscriber, or None if the caller may not see it."""
    row = connection.execute(visible_to(principal, subscriber_id).where(orders.c.id == order_id)).one_or_none()
    return None if row is None else _stored(row)


class Conditions(NamedTuple):
    """What orders of a partner are searched by; None asks for nothing."""

    state: str | None = None
    offer_code: str | None = None
    action: str | None = None
    account: str | None = None
    partner_ref: str | None = None


def placed(partner_id: str, conditions: Conditions, span: tuple[datetime | None, datetime | None]) -> Select[Any]:
    """The orders a partner placed, newest first. `span`: the first moment of placing, and the first one past the last."""
    query = select(orders).where(orders.c.partner_id == partner_id)
    query = query.where(*(orders.c[name] == value for name, value in conditions._asdict().items() if value is not None))
    since, until = span
    if since is not None:
        query = query.where(orders.c.created_at >= since)
    if until is not None:
        query = query.where(orders.c.created_at < until)
    return query.order_by(orders.c.created_at.desc(), orders.c.id.desc())


def search_placed(
    connection: Connection, partner_id: str, conditions: Conditions, span: tuple[datetime | None, datetime | None],
    cursor: str | None, limit: int,
) -> list[StoredOrder] | None:  # fmt: skip
    """Up to `limit` orders a partner placed, newest first, from the one before `cursor`; None: there is no such one."""
    query = placed(partner_id, conditions, span)
    if cursor is not None:
        mine = select(orders.c.created_at).where(orders.c.partner_id == partner_id, orders.c.id == cursor)
        at = connection.scalar(mine)
        if at is None:
            return None
        query = query.where(tuple_(orders.c.created_at, orders.c.id) < tuple_(at, cursor, types=_CURSOR))
    return [_stored(row) for row in connection.execute(query.limit(limit))]


_CURSOR = (orders.c.created_at.type, orders.c.id.type)


def find_placed(
    connection: Connection, partner_id: str, order_id: str | None, partner_ref: str | None
) -> StoredOrder | None:
    """The order a partner placed, by id or by its own number: the newest one where several had it in turn."""
    query = select(orders).where(orders.c.partner_id == partner_id)
    if order_id is not None:
        query = query.where(orders.c.id == order_id)
    if partner_ref is not None:
        query = query.where(orders.c.partner_ref == partner_ref)
    row = connection.execute(query.order_by(orders.c.created_at.desc()).limit(1)).one_or_none()
    return None if row is None else _stored(row)


class PartnerRefs:
    """Orders by partner and the partner's own number; numbers asked for at the same time are one read."""

    def __init__(self, store: Store) -> None:
        self._loader: Loader[tuple[str, str], str] = Loader(store, _by_ref)

    async def get(self, partner_id: str, partner_ref: str) -> str | None:
        """The order that uses the number up, or None."""
        return await self._loader.get((partner_id, partner_ref))


def _by_ref(connection: Connection, keys: Sequence[tuple[str, str]]) -> dict[tuple[str, str], str]:
    numbers: dict[str, list[str]] = {}
    for partner_id, partner_ref in keys:
        numbers.setdefault(partner_id, []).append(partner_ref)
    found: dict[tuple[str, str], str] = {}
    for partner_id, refs in numbers.items():
        used = used_refs(connection, partner_id, refs)
        found.update({(partner_id, partner_ref): order for partner_ref, order in used.items()})
    return found


def used_refs(connection: Connection, partner_id: str, refs: Collection[str]) -> dict[str, str]:
    """Those of a partner's own numbers that are used up → the order that uses them up."""
    rows = connection.execute(_USED_REFS, {"partner": partner_id, "refs": packed(refs)})
    return {row.partner_ref: row.id for row in rows}


_USED_REFS = select(orders.c.partner_ref, orders.c.id).where(
    orders.c.partner_id == bindparam("partner"), orders.c.partner_ref.in_(texts("refs")), ref_counts
)


def get_any(connection: Connection, order_id: str) -> StoredOrder | None:
    """One order, for the platform's own work."""
    row = connection.execute(select(orders).where(orders.c.id == order_id)).one_or_none()
    return None if row is None else _stored(row)


def list_cancellable(connection: Connection, subscriber_id: int) -> list[StoredOrder]:
    """The subscriber's orders that have not been handed to the back end, for the platform's own work."""
    states = [state.value for state in CANCELLABLE]
    waiting = select(orders).where(orders.c.subscriber_id == subscriber_id, orders.c.state.in_(states))
    return [_stored(row) for row in connection.execute(waiting.order_by(orders.c.id))]


def list_visible(
    connection: Connection, principal: Principal, subscriber_id: int, state: str | None, cursor: str | None, limit: int
) -> list[StoredOrder]:
    """Up to `limit` orders, newest first, from the one before `cursor`. Ids are sortable by time."""
    query = visible_to(principal, subscriber_id)
    if state is not None:
        query = query.where(orders.c.state == state)
    if cursor is not None:
        query = query.where(orders.c.id < cursor)
    return [_stored(row) for row in connection.execute(query.order_by(orders.c.id.desc()).limit(limit))]


def get_open(connection: Connection, subscriber_id: int, offer_code: str, action: str) -> str | None:
    """The id of the order under way for this offer and action, if there is one."""
    return connection.scalar(
        select(orders.c.id).where(
            orders.c.subscriber_id == subscriber_id,
            orders.c.offer_code == offer_code,
            orders.c.action == action,
            is_open,
        )
    )


def list_transitions(connection: Connection, order_id: str) -> list[Transition]:
    """Every step of an order, oldest first. The actor is told by kind only, not by name."""
    of_order = select(order_transitions).where(order_transitions.c.order_id == order_id)
    return [
        Transition(row.to_state, row.at, row.actor.partition(":")[0], row.channel, row.reason, from_=row.from_state)
        for row in connection.execute(of_order.order_by(order_transitions.c.seq))
    ]


class Held(NamedTuple):
    """An offer in force."""

    id: str
    offer_code: str
    started_at: datetime


def list_held(connection: Connection, subscriber_id: int, cursor: str | None, limit: int) -> list[Held]:
    """Up to `limit` subscriptions in force, oldest first, from the one after `cursor`."""
    columns = (subscriptions.c.id, subscriptions.c.offer_code, subscriptions.c.started_at)
    query = select(*columns).where(subscriptions.c.subscriber_id == subscriber_id, subscriptions.c.ended_at.is_(None))
    if cursor is not None:
        query = query.where(subscriptions.c.id > cursor)
    return [Held(*row) for row in connection.execute(query.order_by(subscriptions.c.id).limit(limit))]


def get_held(connection: Connection, subscriber_id: int, offer_code: str) -> Held | None:
    """The subscription to one offer in force, or None if it is not held."""
    row = connection.execute(
        select(subscriptions.c.id, subscriptions.c.offer_code, subscriptions.c.started_at).where(
            subscriptions.c.subscriber_id == subscriber_id,
            subscriptions.c.offer_code == offer_code,
            subscriptions.c.ended_at.is_(None),
        )
    ).one_or_none()
    return None if row is None else Held(*row)


_OPEN = AtOnce(
    select(orders.c.subscriber_id, orders.c.offer_code, orders.c.action, orders.c.id).where(
        orders.c.subscriber_id.in_(numbers("ids")), is_open
    )
)
_HELD = AtOnce(
    select(
        subscriptions.c.subscriber_id, subscriptions.c.id, subscriptions.c.offer_code,
        type_coerce(subscriptions.c.started_at, BigInteger),
    ).where(subscriptions.c.subscriber_id.in_(numbers("ids")), subscriptions.c.ended_at.is_(None))
)  # fmt: skip


def list_all_open(connection: Connection, subscribers: Collection[int]) -> dict[tuple[int, str, str], str]:
    """(subscriber, offer, action) → id of every order these subscribers have under way."""
    rows = _OPEN.rows(connection, {"ids": packed(subscribers)})
    return {(number, offer, action): order for number, offer, action, order in rows}


def list_all_held(connection: Connection, subscribers: Collection[int]) -> dict[tuple[int, str], Held]:
    """(subscriber, offer) → every subscription these subscribers have in force."""
    rows = _HELD.rows(connection, {"ids": packed(subscribers)})
    return {(number, offer): Held(held, offer, moment(began)) for number, held, offer, began in rows}
