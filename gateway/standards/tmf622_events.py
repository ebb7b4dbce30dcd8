"""What the events of TMF622 4.0.0 tell of: product orders and cancellations as they stood when the event happened.

A delivery that is late or comes again says the same.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal

import msgspec
from msgspec import Struct

from gateway.capabilities.events import StoredEvent
from gateway.capabilities.offers import LiveCatalog
from gateway.capabilities.orders import Order, OrderState, as_it_stood
from gateway.capabilities.orders.views import told
from gateway.standards.operation import Asked
from gateway.standards.tmf622_bodies import cancellation_of, product_order
from gateway.standards.tmf_hub import Resource
from gateway.store import Store

_CREATED = "ProductOrderCreateEvent"
_CANCELLATION_STATES: Mapping[str, Literal["acknowledged", "done"]] = {
    "CancelProductOrderCreateEvent": "acknowledged",
    "CancelProductOrderStateChangeEvent": "done",
}


class _Step(msgspec.Struct):
    order: str
    version: int


def resource(store: Store, catalog: LiveCatalog, asked: Asked) -> Resource:
    """The product order, or the cancellation, that an event tells of. `asked` has the addresses and the language."""

    async def of(event: StoredEvent, kind: str) -> Struct | None:
        step = msgspec.json.decode(event.body, type=_Step)
        then = await store.read(as_it_stood, step.order, step.version, event.at)
        orders = [told(order, catalog, asked.locale, event.partner_id) for order in then]
        if kind in _CANCELLATION_STATES:
            return _cancellation(orders, step.order, _CANCELLATION_STATES[kind], asked)
        if kind == _CREATED and orders[0].id != step.order:
            return None  # with its first order the whole is told
        return product_order(orders, asked)

    return of


def _cancellation(
    orders: Sequence[Order], order_id: str, state: Literal["acknowledged", "done"], asked: Asked
) -> Struct | None:
    """The cancellation, told once: with the first of the orders that were given up at that moment."""
    given_up = [order for order in orders if order.state == OrderState.CANCELLED]
    at = next(order.updated_at for order in given_up if order.id == order_id)
    if next(order.id for order in given_up if order.updated_at == at) != order_id:
        return None
    if state == "acknowledged" and any(order.updated_at < at for order in given_up):
        return None  # more of it is given up: that there is a cancellation was told before
    return cancellation_of(orders, state, asked)
