"""The events of TMF622 4.0.0, as they are posted to a listener.

Each tells the product order as it stood when the event happened: a delivery that is late or comes again says the same.
"""

from __future__ import annotations

from datetime import datetime

import msgspec

from gateway.capabilities.events import StoredEvent
from gateway.capabilities.offers import LiveCatalog
from gateway.capabilities.orders import as_it_stood
from gateway.capabilities.orders.views import told
from gateway.capabilities.webhooks import Render, Rendered, standard
from gateway.standards import tmf
from gateway.standards.operation import Asked
from gateway.standards.tmf import Answered
from gateway.standards.tmf622 import KINDS
from gateway.standards.tmf622_bodies import ProductOrder, product_order
from gateway.store import Store

_CREATED = "ProductOrderCreateEvent"
_KIND_OF = {ours: kind for kind, types in KINDS.items() for ours in types}


class ProductOrderPayload(Answered, frozen=True):
    """What an event is about."""

    product_order: ProductOrder


class ProductOrderEvent(Answered, frozen=True):
    """Something happened to a product order."""

    event_id: str
    event_time: datetime
    event_type: str
    event: ProductOrderPayload


class _Step(msgspec.Struct):
    order: str
    version: int


def rendering(store: Store, catalog: LiveCatalog, root: str, locale: str) -> Render:
    """The format; `root` is the gateway's address as others reach it. What TMF622 does not tell goes out as `standard`."""
    asked = Asked({}, {}, None, locale, root + tmf.ORDERING, root)

    async def render(event: StoredEvent) -> Rendered | None:
        kind = _KIND_OF.get(event.type)
        if kind is None:
            return await standard(event)
        step = msgspec.json.decode(event.body, type=_Step)
        then = await store.read(as_it_stood, step.order, step.version, event.at)
        if kind == _CREATED and then[0].id != step.order:
            return None  # with its first order the whole is told
        shown = product_order([told(order, catalog, locale, event.partner_id) for order in then], asked)
        body = ProductOrderEvent(
            event_id=event.id, event_time=event.at, event_type=kind, event=ProductOrderPayload(product_order=shown)
        )
        return Rendered(msgspec.json.encode(body), f"/listener/{kind[0].lower()}{kind[1:]}")

    return render
