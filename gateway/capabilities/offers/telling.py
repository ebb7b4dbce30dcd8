"""Telling partners of offers that an import adds, changes or takes away."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import NamedTuple

import msgspec
from sqlalchemy import Connection, select

from gateway.bulk import is_among
from gateway.capabilities.events import emit, wants
from gateway.capabilities.offers.live import offers
from gateway.capabilities.offers.schemas import Offer
from gateway.capabilities.offers.views import offer_as
from gateway.capabilities.webhooks import list_wanted
from gateway.kit.ids import ids_of
from gateway.store import Unit

CREATED, CHANGED, REMOVED = "offer.created", "offer.changed", "offer.removed"
LAUNCHED, RETIRED = "offer.launched", "offer.retired"
_CHANNEL = "api"


class News(NamedTuple):
    """What is new about offers, and who hears of it."""

    changes: Sequence[tuple[str, Offer]]
    """Types of events, each with the offer as it is from now on."""
    filters: Sequence[tuple[str, Sequence[str]]]
    """Partner and event types of every webhook that is enabled."""


def news_of(connection: Connection, found: Iterable[Offer], now: datetime) -> News:
    """What it changes that these offers are put in the place of those of their codes."""
    by_code = {offer.code: offer for offer in found}
    stored = connection.scalars(select(offers.c.body).where(is_among(connection, offers.c.code, sorted(by_code))))
    before = {offer.code: offer for offer in (msgspec.json.decode(body, type=Offer) for body in stored)}
    changes = [
        (change, offer) for offer in by_code.values() for change in changes_between(before.get(offer.code), offer, now)
    ]
    return News(changes, list_wanted(connection) if changes else [])


def changes_between(before: Offer | None, after: Offer, now: datetime) -> list[str]:
    """The types of events that tell what became of an offer. Nobody hears of a draft."""
    had, has = before is not None and before.lifecycle != "draft", after.lifecycle != "draft"
    if before is None or not (had and has):
        return [CREATED] if has else [REMOVED] if had else []
    found = []
    if _without_state(before) != _without_state(after):
        found.append(CHANGED)
    if before.on_sale_at(now) != after.on_sale_at(now):
        found.append(LAUNCHED if after.on_sale_at(now) else RETIRED)
    return found


def _without_state(offer: Offer) -> Offer:
    """What of an offer is shown: not how it is sold by us, nor whether it is on sale."""
    return msgspec.structs.replace(offer, lifecycle="on_sale", worth_fen=0, commission_fen=0, keywords=())


def tell(unit: Unit, news: News, now: datetime, locale: str) -> None:
    """Record the events, one for each partner that has a webhook for it, with the offer in a language."""
    ids = ids_of(now)
    for change, offer in news.changes:
        body = {"offer": offer.code, "details": offer_as(offer, locale, _CHANNEL, now)}
        for partner_id in sorted({partner_id for partner_id, types in news.filters if wants(types, change)}):
            emit(unit, change, body, id=next(ids), at=now, key=offer.code, partner_id=partner_id, account=None)
