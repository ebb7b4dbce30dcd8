"""What the recommender would show a subscriber, named by the operator's own number."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

import msgspec
from sqlalchemy import Connection, select

from gateway.capabilities.interactions import DECLINED_FOR, interactions
from gateway.capabilities.offers import Catalog, LiveCatalog, SubscriberFacts
from gateway.capabilities.orders import is_open, orders, subscriptions
from gateway.capabilities.recommendations import Ranked, Ranker, usage_items
from gateway.capabilities.recommendations.live import LiveRanker
from gateway.capabilities.subscribers import Profile, profiles, subscribers
from gateway.store import Store


class Known(NamedTuple):
    """What decides the ranking for one subscriber."""

    facts: SubscriberFacts
    profile: Profile
    declined: frozenset[str]


class Preview(NamedTuple):
    """The ranked offers and what their words are made of."""

    ranked: list[Ranked]
    catalog: Catalog


async def preview(store: Store, words: LiveCatalog, ref: str, limit: int, place: str, now: datetime) -> Preview | None:
    """The best offers for the subscriber; None when there is no such subscriber. Nothing is logged as shown."""
    known = await store.read(_known, ref, now)
    if known is None:
        return None
    ranker = await _ranker(store, words)
    usage = usage_items(known.profile.usage, known.profile.traffic_used_pct or 0)
    # Usage under an offer's own code means that the subscriber has it.
    passed_over = known.declined | (usage.keys() & ranker.catalog.by_code.keys())
    return Preview(ranker.rank(known.facts, usage, passed_over, limit, place, now), ranker.catalog)


async def _ranker(store: Store, words: LiveCatalog) -> Ranker:
    live = LiveRanker()
    words.on_change(live.use_catalog)
    await words.refresh(store)
    await live.refresh(store)
    return live.current


def _known(connection: Connection, ref: str, now: datetime) -> Known | None:
    asked = (
        select(subscribers.c.id, subscribers.c.brand, subscribers.c.region, profiles.c.body)
        .join(profiles, profiles.c.subscriber_id == subscribers.c.id, isouter=True)
        .where(subscribers.c.ref == ref)
    )
    row = connection.execute(asked).one_or_none()
    if row is None:
        return None
    held = select(subscriptions.c.offer_code).where(
        subscriptions.c.subscriber_id == row.id, subscriptions.c.ended_at.is_(None)
    )
    under_way = select(orders.c.offer_code).where(orders.c.subscriber_id == row.id, is_open)
    declined = select(interactions.c.offers).where(
        interactions.c.subscriber_id == row.id, interactions.c.kind == "declined",
        interactions.c.at > now - DECLINED_FOR,
    )  # fmt: skip
    profile = Profile() if row.body is None else msgspec.json.decode(row.body, type=Profile)
    facts = SubscriberFacts(
        row.id,
        row.brand,
        row.region,
        frozenset(profile.device_abilities),
        frozenset(connection.scalars(held)),
        frozenset(connection.scalars(under_way)),
    )
    said_no = (msgspec.json.decode(codes, type=list[str]) for codes in connection.scalars(declined))
    return Known(facts, profile, frozenset(code for codes in said_no for code in codes))
