"""TMF680 Recommendation 4.0.0: asking for recommendations, and reading again what was recommended.

The published file gives `/customer/v4/` as its base path, a slip: the document's own name for the interface, and the path
used here, is `/tmf-api/recommendation/v4/`.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

from msgspec import Meta, Struct

from gateway.capabilities.recommendations.schemas import RecommendationList, Shown, ShownPage
from gateway.errors import MalformedRequest
from gateway.standards import tmf
from gateway.standards.operation import Asked, Operation, Shape, Standard
from gateway.standards.tmf import Answered, Charge, GivenParty, Ref, TimePeriod
from gateway.standards.tmf_hub import Kinds, hub

FORMAT = "tmf680"
"""Name of the delivery format of this interface's events."""

KINDS: Kinds = {"QueryProductRecommendationCreateEvent": ("interaction.shown",)}
"""The event types that are told. A recommendation is done when it is made, so its state never changes."""

MOST = 10
"""Offers in one answer: the document has no place to ask for a number."""

ServiceCode = Annotated[str, Meta(pattern=r"^[a-z][a-z0-9_]{0,39}$", description="Id of a category of TMF620.")]


class GivenCategory(Struct, frozen=True):
    """A category to recommend for."""

    id: ServiceCode


class GivenQuery(Struct, frozen=True, rename="camel"):
    """A request for recommendations."""

    related_party: GivenParty | None = None
    category: list[GivenCategory] | None = None
    instant_sync_recommendation: bool | None = None


class RecommendedProduct(Answered, frozen=True):
    """What the subject would have, and why it is recommended."""

    name: str
    product_offering: Ref
    product_price: list[Charge]
    description: str | None = None


class RecommendationItem(Answered, frozen=True, tag_field="@type", tag="RecommendationItem"):
    """One recommended offer; `id` is the impression to hand on."""

    id: str
    priority: int
    product: RecommendedProduct
    product_offering: Ref


class QueryProductRecommendation(Answered, frozen=True, tag_field="@type", tag="QueryProductRecommendation"):
    """A request for recommendations and its answer."""

    id: str
    href: str
    state: str
    instant_sync_recommendation: bool
    recommendation_item: list[RecommendationItem]
    category: list[Ref] | None = None
    related_party: Ref | None = None
    valid_for: TimePeriod | None = None


def recommended(answer: RecommendationList, asked: Asked) -> QueryProductRecommendation:
    """An answer that recommends."""
    given: GivenQuery = asked.body
    items = [
        _item(at, one.impression, (one.offer, one.name, one.price_fen, one.period), one.reason.words, asked)
        for at, one in enumerate(answer.items)
    ]
    return _query(answer.id, items, [one.id for one in given.category or []], None, asked)


def recalled(shown: Shown, asked: Asked) -> QueryProductRecommendation:
    """What was recommended before. Why is not kept."""
    items = [
        _item(at, one.impression, (one.offer, one.name, one.price_fen, one.period), None, asked)
        for at, one in enumerate(shown.items)
    ]
    service = shown.place.removeprefix("service:")
    return _query(shown.id, items, [service] if service != shown.place else [], shown.at, asked)


def recalled_page(page: ShownPage, asked: Asked) -> list[QueryProductRecommendation]:
    """A page of what was recommended before."""
    return [recalled(shown, asked) for shown in page.items]


def _query(
    id: str, items: list[RecommendationItem], categories: list[str], at: datetime | None, asked: Asked
) -> QueryProductRecommendation:
    party = tmf.customer(asked.user)
    refs = [
        Ref(id=code, href=f"{asked.root}{tmf.CATALOG}/category/{code}", referred_type="Category") for code in categories
    ]
    return QueryProductRecommendation(
        id=id,
        href=f"{asked.root}{tmf.RECOMMENDATION}/queryProductRecommendation/{id}",
        state="done",
        instant_sync_recommendation=True,
        recommendation_item=items,
        category=refs or None,
        related_party=None if party is None else party[0],
        valid_for=None if at is None else TimePeriod(start_date_time=at),
    )


def _item(
    at: int, impression: str, offer: tuple[str, str, int, str], reason: str | None, asked: Asked
) -> RecommendationItem:
    code, name, price_fen, period = offer
    ref = tmf.offering_ref(code, name, asked)
    return RecommendationItem(
        id=impression,
        priority=at + 1,
        product=RecommendedProduct(
            name=name, product_offering=ref, product_price=[tmf.charge(price_fen, period)], description=reason
        ),
        product_offering=ref,
    )


def asking(asked: Asked) -> dict[str, Any]:
    """What to recommend.

    Raises:
        MalformedRequest: it asks for what is not offered.
    """
    given: GivenQuery = asked.body
    categories = given.category or []
    if len(categories) > 1:
        raise MalformedRequest({"zh": "category 只能有一个", "en": "recommendations are for one category at most"})
    if given.instant_sync_recommendation is False:
        raise MalformedRequest(
            {
                "zh": "推荐立即返回，instantSyncRecommendation 只能是 true",
                "en": "recommendations are answered at once: instantSyncRecommendation is true",
            }
        )
    return {"limit": MOST, "place": f"service:{categories[0].id}" if categories else "any"}


def asking_user(asked: Asked) -> str | None:
    """The user to recommend to."""
    given: GivenQuery = asked.body
    return None if given.related_party is None else given.related_party.id


_PATH = "/queryProductRecommendation"
_TOLD: dict[str, Any] = {"resource": QueryProductRecommendation, "user": tmf.named_in_query}

TMF680 = Standard(
    "tmf680",
    tmf.RECOMMENDATION,
    (
        Operation("POST", _PATH, "recommendations.list", recommended, asking, GivenQuery, 201, user=asking_user),
        Operation(
            "GET", _PATH, "recommendations.list_shown", recalled_page, tmf.greatest_page, shape=Shape.LIST, **_TOLD
        ),
        Operation("GET", f"{_PATH}/{{id}}", "recommendations.get_shown", recalled, tmf.by_id, **_TOLD),
        *hub(FORMAT, KINDS),
    ),
    tmf.refusal,
    media_type=tmf.MEDIA_TYPE,
    selects=True,
)
