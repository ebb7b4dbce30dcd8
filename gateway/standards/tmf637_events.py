"""What the events of TMF637 4.0.0 tell of: products as they were when they started, changed or ended."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

import msgspec
from msgspec import Struct

from gateway.capabilities.events import StoredEvent
from gateway.capabilities.offers import LiveCatalog
from gateway.capabilities.orders import Held
from gateway.capabilities.orders.views import held_as
from gateway.standards.operation import Asked
from gateway.standards.tmf637 import product
from gateway.standards.tmf_hub import Resource


class _Told(msgspec.Struct):
    subscription: str
    offer: str
    started_at: datetime
    trial_ends_at: datetime | None
    ended_at: datetime | None
    user: str | None = None


def resource(catalog: LiveCatalog, asked: Asked) -> Resource:
    """The product that an event tells of. `asked` has the addresses and the language."""

    async def of(event: StoredEvent, kind: str) -> Struct:
        told = msgspec.json.decode(event.body, type=_Told)
        held = Held(told.subscription, told.offer, told.started_at, told.trial_ends_at)
        return product(held_as(held, catalog, asked.locale), replace(asked, user=told.user), told.ended_at)

    return of
