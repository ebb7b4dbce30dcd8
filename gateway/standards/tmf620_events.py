"""What the events of TMF620 4.1.0 tell of: product offerings as they were when an import changed them."""

from __future__ import annotations

import msgspec
from msgspec import Struct

from gateway.capabilities.events import StoredEvent
from gateway.capabilities.offers.views import OfferView
from gateway.standards.operation import Asked
from gateway.standards.tmf620 import offering
from gateway.standards.tmf_hub import Resource


class _Told(msgspec.Struct):
    details: OfferView


def resource(asked: Asked) -> Resource:
    """The product offering that an event tells of. `asked` has the addresses."""

    async def of(event: StoredEvent, kind: str) -> Struct:
        return offering(msgspec.json.decode(event.body, type=_Told).details, asked)

    return of
