"""What browsing the catalog takes and answers."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from msgspec import Meta, Struct

from gateway.capabilities.offers.schemas import Allowance, Eligibility, Offer


class ListOffers(Struct, frozen=True):
    """Page through the offers on sale, by code."""

    service: Annotated[str, Meta(max_length=40, description="Only offers of this service.")] | None = None
    kind: Annotated[Literal["service", "allowance", "bundle"] | None, Meta(description="Only this kind.")] = None
    q: Annotated[str, Meta(max_length=100, description="Words people type: a name, an alias, a code.")] | None = None
    cursor: Annotated[str, Meta(max_length=60, description="`next` of the page before.")] | None = None
    limit: Annotated[int, Meta(ge=1, le=100, description="Offers on one page.")] = 20


class GetOffer(Struct, frozen=True):
    """Name one offer."""

    code: Annotated[str, Meta(min_length=1, max_length=60, description="Code of a product offering.")]


class OfferView(Struct, frozen=True):
    """One offer in the caller's language."""

    code: str
    name: str
    kind: str
    service: str
    price_fen: int
    """Price of one period, fen."""
    period: str
    allowance: Allowance
    effective: str
    trial_days: int | None
    how_to_cancel: str
    description: str
    components: tuple[str, ...]
    on_sale: bool
    """Whether it can be ordered now. False: retired, but perhaps still held."""
    on_sale_from: datetime | None
    on_sale_until: datetime | None
    min_term_days: int
    """Days before it can be given up; 0: at any time."""
    eligibility: Eligibility
    bookable: bool
    """Whether it can only be booked (action `book`), because it cannot be set up online."""


class OfferPage(Struct, frozen=True):
    """One page of offers."""

    items: list[OfferView]
    next: str | None = None
    """Cursor of the next page; null on the last one."""


class ListServices(Struct, frozen=True):
    """Page through the services offers belong to, by code."""

    cursor: Annotated[str, Meta(max_length=60, description="`next` of the page before.")] | None = None
    limit: Annotated[int, Meta(ge=1, le=100, description="Services on one page.")] = 100


class ServiceView(Struct, frozen=True):
    """One service in the caller's language."""

    code: str
    name: str


class ServicePage(Struct, frozen=True):
    """One page of services."""

    items: list[ServiceView]
    next: str | None = None
    """Cursor of the next page; null on the last one."""


def offer_as(offer: Offer, locale: str, channel: str, now: datetime) -> OfferView:
    """The offer in a language, with the words of a channel, as it is at that moment."""
    words = offer.copy.get(channel) or offer.copy.get("wechat")
    how = offer.cancel_rule.en if locale.startswith("en") else offer.cancel_rule.zh
    return OfferView(
        code=offer.code,
        name=offer.names.to(locale),
        kind=offer.kind,
        service=offer.service,
        price_fen=offer.price_fen,
        period=offer.period,
        allowance=offer.allowance,
        effective=offer.effective,
        trial_days=None if offer.trial is None else offer.trial.days,
        how_to_cancel=how,
        description="" if words is None else words.to(locale),
        components=offer.components,
        on_sale=offer.on_sale_at(now),
        on_sale_from=offer.on_sale_from,
        on_sale_until=offer.on_sale_until,
        min_term_days=offer.cancel_rule.min_term_days,
        eligibility=offer.eligibility,
        bookable=offer.bookable,
    )
