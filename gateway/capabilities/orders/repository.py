"""Every query on orders and subscriptions. Reads start from what the caller may see; nothing here writes."""

from __future__ import annotations

from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import Connection, Row, Select, select

from auth.principal import Principal
from gateway.capabilities.orders.schemas import Transition
from gateway.capabilities.orders.states import OrderState
from gateway.capabilities.orders.tables import is_open, order_transitions, orders, subscriptions


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


def get_any(connection: Connection, order_id: str) -> StoredOrder | None:
    """One order, for the platform's own work."""
    row = connection.execute(select(orders).where(orders.c.id == order_id)).one_or_none()
    return None if row is None else _stored(row)


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
