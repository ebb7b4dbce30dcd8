"""Browsing the catalog."""

from __future__ import annotations

from gateway.capabilities.offers.live import LiveCatalog
from gateway.capabilities.offers.schemas import Offer
from gateway.capabilities.offers.views import (
    GetOffer,
    ListOffers,
    ListServices,
    OfferPage,
    OfferView,
    ServicePage,
    ServiceView,
    offer_as,
)
from gateway.capability import CapabilitySet, Context, Effect
from gateway.errors import NotFound
from gateway.kit.page import cut

offers = CapabilitySet("offers")


class OfferNotFound(NotFound):
    """There is no offer with that code on sale."""

    code = "offer-not-found"
    title = {"zh": "没有这个商品", "en": "There is no such offer"}


@offers.capability(
    scope="public",
    effect=Effect.READ,
    http="GET /v1/offers",
    title={"zh": "商品目录", "en": "List offers"},
    examples=(ListOffers(service="music"),),
)
async def list(request: ListOffers, ctx: Context) -> OfferPage:
    """The offers on sale, by code, a page at a time."""
    catalog = ctx.part(LiveCatalog).current
    wanted = catalog.offers if request.q is None else sorted(catalog.find(request.q), key=lambda offer: offer.code)
    found = [offer for offer in wanted if _is_wanted(offer, request, ctx)]
    page, further = cut(found, request.limit, lambda offer: offer.code)
    return OfferPage([_view(offer, ctx) for offer in page], further)


@offers.capability(
    scope="public",
    effect=Effect.READ,
    http="GET /v1/offers/{code}",
    title={"zh": "商品详情", "en": "Get an offer"},
    errors=(OfferNotFound,),
)
async def get(request: GetOffer, ctx: Context) -> OfferView:
    """One offer on sale, or retired but perhaps still held."""
    offer = ctx.part(LiveCatalog).current.by_code.get(request.code)
    if offer is None or offer.lifecycle == "draft":
        raise OfferNotFound
    return _view(offer, ctx)


@offers.capability(
    scope="public",
    effect=Effect.READ,
    http="GET /v1/services",
    title={"zh": "服务分类", "en": "List services"},
)
async def list_services(request: ListServices, ctx: Context) -> ServicePage:
    """The services that offers belong to, by code."""
    services = ctx.part(LiveCatalog).current.services
    codes = sorted(code for code in services if request.cursor is None or code > request.cursor)
    page, further = cut(codes, request.limit, lambda code: code)
    return ServicePage([ServiceView(code, services[code].names.to(ctx.locale)) for code in page], further)


def _is_wanted(offer: Offer, request: ListOffers, ctx: Context) -> bool:
    return (
        offer.on_sale_at(ctx.now)
        and request.service in (None, offer.service)
        and request.kind in (None, offer.kind)
        and (request.cursor is None or offer.code > request.cursor)
    )


def _view(offer: Offer, ctx: Context) -> OfferView:
    return offer_as(offer, ctx.locale, ctx.channel, ctx.now)
