"""The catalog in the store, kept at hand as an immutable snapshot."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime
from pathlib import Path

import msgspec
from sqlalchemy import Column, Connection, String, Table, Text, func, select

from gateway.capabilities.offers.catalog import Catalog
from gateway.capabilities.offers.schemas import Brand, Offer, Service
from gateway.store import Instant, Store, Unit, metadata

offers = Table(
    "offers",
    metadata,
    Column("code", String(60), primary_key=True),
    Column("body", Text, nullable=False),
    Column("updated_at", Instant, nullable=False),
)


class LiveCatalog:
    """The catalog now on sale. `current` is replaced as a whole when the store's changes, never altered."""

    def __init__(self, services: Iterable[Service] = (), brands: Iterable[Brand] = ()) -> None:
        self._services = tuple(services)
        self._brands = tuple(brands)
        self._stamp: tuple[int, datetime | None] = (0, None)
        self._listeners: list[Callable[[Catalog], None]] = []
        self.current = Catalog((), self._services, self._brands)

    @classmethod
    def with_words_of(cls, path: Path) -> LiveCatalog:
        """An empty catalog that knows the services and brands described in the files under `path`."""
        described = Catalog.load(path)
        return cls(described.services.values(), described.brands.values())

    def on_change(self, listener: Callable[[Catalog], None]) -> None:
        """Call `listener` with each new snapshot."""
        self._listeners.append(listener)

    async def refresh(self, store: Store) -> bool:
        """Take over the store's catalog if it changed; whether it had."""
        stamp = await store.read(_stamp)
        if stamp == self._stamp:
            return False
        found = await store.read(_all_offers)
        self._stamp = stamp
        self.current = Catalog(found, self._services, self._brands)
        for listener in self._listeners:
            listener(self.current)
        return True


def put_offers(unit: Unit, found: Iterable[Offer], now: datetime) -> None:
    """Record offers, new ones and ones that replace those of the same code."""
    for offer in found:
        unit.upsert(offers, code=offer.code, body=msgspec.json.encode(offer).decode(), updated_at=now)


def _stamp(connection: Connection) -> tuple[int, datetime | None]:
    row = connection.execute(select(func.count(), func.max(offers.c.updated_at))).one()
    return row[0], row[1]


def _all_offers(connection: Connection) -> list[Offer]:
    decoder = msgspec.json.Decoder(Offer)
    return [decoder.decode(body) for body in connection.scalars(select(offers.c.body))]
