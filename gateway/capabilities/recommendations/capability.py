"""Recommending offers, and hearing what became of them."""

from __future__ import annotations

from collections.abc import Mapping

from config.settings import Settings
from gateway.capabilities.interactions import Recalled, recall, record
from gateway.capabilities.offers import Catalog
from gateway.capabilities.recommendations.items import usage_items
from gateway.capabilities.recommendations.live import LiveRanker
from gateway.capabilities.recommendations.ranking import Ranked, Ranker
from gateway.capabilities.recommendations.schemas import (
    FeedbackTaken,
    GiveFeedback,
    ListRecommendations,
    ListShown,
    Recommendation,
    RecommendationList,
    Shown,
    ShownOffer,
    ShownPage,
    ShownRef,
    Why,
)
from gateway.capabilities.subscribers import facts_of
from gateway.capability import CapabilitySet, Context, Effect, Subject
from gateway.errors import NotFound
from gateway.kit.page import cut
from gateway.store import Store
from gateway.subject import SubjectRecord

recommendations = CapabilitySet("recommendations")


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
    passed_over = _had_or_declined(subject, items, ranker)
    ranked = ranker.rank(facts_of(subject), items, passed_over, request.limit, request.place, ctx.now)
    shown = ctx.ids()
    base = ctx.part(Settings).public_url
    answer = RecommendationList(
        shown,
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


@recommendations.capability(
    scope="recommendations:read",
    subject=Subject.REQUIRED,
    effect=Effect.READ,
    http="GET /v1/recommendations/shown",
    title={"zh": "推荐记录", "en": "List what was recommended"},
    consent="recommend",
)
async def list_shown(request: ListShown, ctx: Context) -> ShownPage:
    """What was recommended to the subject through the calling account, newest first, a page at a time."""
    read = ctx.part(Store).read
    found = await read(recall, ctx.subscriber.identity, request.cursor, request.limit + 1)
    page, further = cut(found, request.limit, lambda one: one.id)
    return ShownPage([_shown(one, ctx) for one in page], further)


@recommendations.capability(
    scope="recommendations:read",
    subject=Subject.REQUIRED,
    effect=Effect.READ,
    http="GET /v1/recommendations/shown/{id}",
    title={"zh": "推荐记录详情", "en": "Get what was recommended"},
    errors=(NotFound,),
    consent="recommend",
)
async def get_shown(request: ShownRef, ctx: Context) -> Shown:
    """One answer that recommended something to the subject through the calling account."""
    found = await ctx.part(Store).read(recall, ctx.subscriber.identity, None, 1, request.id)
    if not found:
        raise NotFound
    return _shown(found[0], ctx)


def _shown(one: Recalled, ctx: Context) -> Shown:
    return shown_as(one, ctx.part(LiveRanker).current.catalog, ctx.locale)


def shown_as(one: Recalled, catalog: Catalog, locale: str) -> Shown:
    """What was shown, in a language, as far as the catalog still has it."""
    known = catalog.by_code
    items = [
        ShownOffer(f"{one.id}.{place}", code, known[code].names.to(locale), known[code].price_fen, known[code].period)
        for place, code in enumerate(one.offers)
        if code in known
    ]
    return Shown(one.id, one.at, one.place, items)


def _had_or_declined(subject: SubjectRecord | None, items: Mapping[str, float], ranker: Ranker) -> frozenset[str]:
    """Offers that are no news to the subject: declined lately, or used already, as a film that was seen."""
    if subject is None:
        return frozenset()
    return subject.declined.union(items.keys() & ranker.catalog.by_code.keys())


def _view(ranked: Ranked, impression: str, ranker: Ranker, base: str, locale: str) -> Recommendation:
    offer = ranked.offer
    reason = ranker.words(ranked.reason)
    return Recommendation(
        impression=impression,
        offer=offer.code,
        name=offer.names.to(locale),
        price_fen=offer.price_fen,
        period=offer.period,
        score=round(ranked.score, 4),
        reason=Why(ranked.reason.code, reason.to(locale)),
        link=f"{base}/portal?offer={offer.code}&impression={impression}",  # neither holds anything to be escaped
    )
