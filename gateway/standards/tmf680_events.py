"""What the events of TMF680 4.0.0 tell of: what was recommended to a visitor of the partner's pages."""

from __future__ import annotations

from dataclasses import replace

import msgspec
from msgspec import Struct

from gateway.capabilities.events import StoredEvent
from gateway.capabilities.interactions import Recalled
from gateway.capabilities.offers import LiveCatalog
from gateway.capabilities.recommendations.capability import shown_as
from gateway.standards.operation import Asked
from gateway.standards.tmf680 import recalled
from gateway.standards.tmf_hub import Resource


class _Told(msgspec.Struct):
    impression: str
    place: str
    offers: list[str]
    user: str | None = None


def resource(catalog: LiveCatalog, asked: Asked) -> Resource:
    """The recommendation that an event tells of. `asked` has the addresses and the language."""

    async def of(event: StoredEvent, kind: str) -> Struct:
        told = msgspec.json.decode(event.body, type=_Told)
        shown = Recalled(told.impression, event.at, told.place, told.offers)
        return recalled(shown_as(shown, catalog.current, asked.locale), replace(asked, user=told.user))

    return of
