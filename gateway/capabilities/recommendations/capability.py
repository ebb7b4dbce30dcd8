"""Recommending offers, and hearing what became of them."""

from __future__ import annotations

from typing import Annotated, Literal
from urllib.parse import urlencode

from msgspec import Meta, Struct

from config.settings import Settings
from gateway.capabilities.interactions import record
from gateway.capabilities.recommendations.items import usage_items
from gateway.capabilities.recommendations.live import LiveRanker
from gateway.capabilities.recommendations.ranking import Ranked, Ranker
from gateway.capabilities.recommendations.reasons import words
from gateway.capabilities.subscribers import facts_of
from gateway.capability import CapabilitySet, Context, Effect, Subject

recommendations = CapabilitySet("recommendations")

Place = Annotated[
    str, Meta(pattern=r"^[a-z0-9_:-]{1,60}$", description="Where it is shown: any, chat, service:music …")
]
Impression = Annotated[
    str, Meta(pattern=r"^[0-9a-f-]{36}\.[0-9]{1,2}$", description="Impression id as given with a recommendation.")
]


class ListRecommendations(Struct, frozen=True):
    """Ask for the best offers for the subject."""

    place: Place = "any"
    limit: Annotated[int, Meta(ge=1, le=20, description="Offers at most; 3 where a person reads them.")] = 3


class Why(Struct, frozen=True):
    """Why an offer is recommended, from evidence."""

    code: str
    words: str


class Recommendation(Struct, frozen=True):
    """One offer worth showing."""

    impression: str
    """Pass it on with the order: it says which showing led to it."""
    offer: str
    name: str
    price_fen: int
    """Price of one period, fen."""
    period: str
    score: float
    """0 to 1, comparable within one answer."""
    reason: Why
    link: str
    """Where the offer can be ordered, carrying the impression."""


class RecommendationList(Struct, frozen=True):
    """Offers, best first; empty when nothing suits."""

    items: list[Recommendation]
    model: str
    """Version of the model that ranked them."""


class GiveFeedback(Struct, frozen=True):
    """Say what the subject did with what they were shown."""

    kind: Annotated[Literal["clicked", "declined"], Meta(description="clicked, or declined: not interested.")]
    offer: Annotated[str, Meta(min_length=1, max_length=60, description="Code of a product offering.")]
    impression: Impression | None = None
    place: Place = "any"


class FeedbackTaken(Struct, frozen=True):
    """The feedback counts from the next answer on, on every channel."""

    kind: str
    offer: str


@recommendations.capability(
    scope="recommendations:read",
    subject=Subject.OPTIONAL,
    effect=Effect.READ,
    http="GET /v1/recommendations",
    title={"zh": "推荐", "en": "Recommend offers"},
    examples=(ListRecommendations("any", 3),),
    consent="recommend",
)
async def list(request: ListRecommendations, ctx: Context) -> RecommendationList:
    """Rank what the subject may order, best first, each with its reason; an unknown visitor gets what is popular."""
    subject = ctx.subject
    ranker = ctx.part(LiveRanker).current
    items = {} if subject is None else usage_items(subject.usage, subject.traffic_used_pct or 0)
    declined = frozenset() if subject is None else subject.declined
    ranked = ranker.rank(facts_of(subject), items, declined, request.limit, request.place, ctx.now)
    shown = ctx.ids()
    base = ctx.part(Settings).public_url
    answer = RecommendationList(
        [_view(one, f"{shown}.{place}", ranker, base, ctx.locale) for place, one in enumerate(ranked)],
        ranker.model.version,
    )
    record(ctx, "shown", [one.offer.code for one in ranked], place=request.place, id=shown)
    return answer


@recommendations.capability(
    scope="recommendations:write",
    subject=Subject.OPTIONAL,
    effect=Effect.WRITE,
    http="POST /v1/recommendations/feedback",
    title={"zh": "推荐反馈", "en": "Give feedback on a recommendation"},
    examples=(GiveFeedback("declined", "TM-MUSIC-10"),),
)
async def feedback(request: GiveFeedback, ctx: Context) -> FeedbackTaken:
    """Note a click, or that the subject is not interested: the offer then stays away for 90 days."""
    record(ctx, request.kind, [request.offer], place=request.place, impression=request.impression)
    return FeedbackTaken(request.kind, request.offer)


def _view(ranked: Ranked, impression: str, ranker: Ranker, base: str, locale: str) -> Recommendation:
    offer = ranked.offer
    reason = words(ranked.reason, ranker.catalog)
    return Recommendation(
        impression=impression,
        offer=offer.code,
        name=offer.names.to(locale),
        price_fen=offer.price_fen,
        period=offer.period,
        score=round(ranked.score, 4),
        reason=Why(ranked.reason.code, reason.to(locale)),
        link=f"{base}/portal?{urlencode({'offer': offer.code, 'impression': impression})}",
    )
