"""The delivery formats of every hub, as webhooks know them."""

from __future__ import annotations

from gateway.capabilities.offers import LiveCatalog
from gateway.capabilities.webhooks import Render
from gateway.standards import (
    tmf,
    tmf620,
    tmf620_events,
    tmf622,
    tmf622_events,
    tmf637,
    tmf637_events,
    tmf680,
    tmf680_events,
)
from gateway.standards.operation import Asked
from gateway.standards.tmf_hub import rendering
from gateway.store import Store


def listener_formats(store: Store, catalog: LiveCatalog, root: str, locale: str) -> dict[str, Render]:
    """Format → how its deliveries look; `root` is the gateway's address as others reach it."""

    def asked(base: str) -> Asked:
        return Asked({}, {}, None, locale, root + base, root)

    return {
        tmf620.FORMAT: rendering(tmf620.KINDS, tmf620_events.resource(asked(tmf.CATALOG))),
        tmf622.FORMAT: rendering(tmf622.KINDS, tmf622_events.resource(store, catalog, asked(tmf.ORDERING))),
        tmf637.FORMAT: rendering(tmf637.KINDS, tmf637_events.resource(catalog, asked(tmf.INVENTORY))),
        tmf680.FORMAT: rendering(tmf680.KINDS, tmf680_events.resource(catalog, asked(tmf.RECOMMENDATION))),
    }
