"""Offers: whole catalog files (TOML), or one offer a record."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
from sqlalchemy import Connection, select

from gateway.bulk import is_among
from gateway.capabilities.offers import Catalog, CatalogError, Offer, offers, put_offers
from gateway.capabilities.offers.telling import news_of, tell
from gateway.importing.fields import Field
from gateway.importing.reading import WHOLE
from gateway.importing.refusal import ImportRefused
from gateway.importing.rows import Rows
from gateway.importing.run import Batch, Conclude
from gateway.kit.clock import Clock
from gateway.store import Store, Unit
from gateway.store.unit import Statements, apply

_TEXTS = (
    "code", "names.zh", "names.en", "kind", "service", "price_fen", "period", "lifecycle", "worth_fen",
    "cancel_rule.zh", "cancel_rule.en", "cancel_rule.min_term_days", "commission_fen", "effective",
    "allowance.traffic_mb", "allowance.sms", "allowance.minutes", "trial.days", "on_sale_from", "on_sale_until",
    "copy.wechat.zh", "copy.wechat.en",
)  # fmt: skip
_LISTS = (
    "keywords", "components", "eligibility.brands", "eligibility.regions", "eligibility.device_abilities",
    "eligibility.excludes", "eligibility.requires",
)  # fmt: skip
_REQUIRED = {"code", "names.zh", "names.en", "kind", "service", "price_fen", "period", "lifecycle", "worth_fen"}


class OfferImporter:
    """Writes `offers` from records; an offer of a known code is replaced."""

    kind = "offers"

    def __init__(self, store: Store, clock: Clock, *, locale: str, whole: bool, batch_rows: int = 20_000) -> None:
        """`locale`: in which partners are told; `whole`: a record is an offer as JSON, not columns."""
        self._locale = locale
        self.batch_rows = batch_rows
        self.fields: tuple[Field, ...] = (Field(WHOLE, "json", required=True),) if whole else _COLUMNS
        self._store = store
        self._clock = clock
        self._whole = whole

    async def begin(self, run: str, position: int) -> None:
        """Everything is written in the database's own transactions: there is nothing to forget."""

    async def take(self, batch: Batch, conclude: Conclude) -> None:
        await self._store.write(self._write, batch.rows, conclude)

    def _write(self, connection: Connection, rows: Rows, conclude: Conclude) -> None:
        reasons: dict[int, str] = {}
        found: dict[int, Offer] = {}
        for at, record in enumerate(rows.fields.to_pylist()):
            try:
                found[at] = self._offer(record)
            except msgspec.ValidationError as error:
                problem, _, place = str(error).partition(" - at ")
                reasons[at] = f"{place.strip('`$.') or 'offer'}: {problem}"
        for at, unknown in _unknown_codes(connection, found).items():
            reasons[at] = f"it names offers that do not exist: {', '.join(unknown)}"
        unit = Unit()
        good, now = [offer for at, offer in found.items() if at not in reasons], self._clock()
        put_offers(unit, good, now)
        tell(unit, news_of(connection, good, now), now, self._locale)
        apply(connection, [unit], Statements(connection.dialect.name))
        conclude(connection, rows.reject(dict(sorted(reasons.items()))))

    def _offer(self, record: dict[str, Any]) -> Offer:
        if self._whole:
            return msgspec.json.decode(record[WHOLE], type=Offer)
        nested: dict[str, Any] = {}
        for name, value in record.items():
            if value is None:
                continue
            *folders, last = name.split(".")
            place = nested
            for folder in folders:
                place = place.setdefault(folder, {})
            place[last] = [entry.strip() for entry in value if entry.strip()] if isinstance(value, list) else value
        return msgspec.convert(nested, Offer, strict=False)


_COLUMNS = tuple(Field(name, "text", required=name in _REQUIRED) for name in _TEXTS) + tuple(
    Field(name, "list") for name in _LISTS
)


def _unknown_codes(connection: Connection, found: dict[int, Offer]) -> dict[int, list[str]]:
    """By place, the codes an offer refers to that are neither known nor among these."""
    named = {at: _named(offer) for at, offer in found.items() if _named(offer)}
    if not named:
        return {}
    codes = sorted(set().union(*named.values()) - {offer.code for offer in found.values()})
    known = set(connection.scalars(select(offers.c.code).where(is_among(connection, offers.c.code, codes))))
    unknown = set(codes) - known
    return {at: sorted(some & unknown) for at, some in named.items() if some & unknown}


def _named(offer: Offer) -> set[str]:
    return {*offer.components, *offer.eligibility.excludes, *offer.eligibility.requires}


async def import_catalog(store: Store, path: Path, clock: Clock, locale: str) -> int:
    """Put the offers of a catalog file, or of a folder of them, on sale, and tell partners in that language; how many.

    All of them or, when one is wrong, none.

    Raises:
        ImportRefused: something is wrong; the message names file, offer and field.
    """
    try:
        catalog = Catalog.load(path)
    except (CatalogError, OSError) as error:
        raise ImportRefused(str(error)) from error
    if not len(catalog):
        raise ImportRefused(f"{path}: there are no offers in it")
    unit = Unit()
    now = clock()
    put_offers(unit, catalog, now)
    tell(unit, await store.read(news_of, catalog, now), now, locale)
    await store.commit(unit)
    return len(catalog)
