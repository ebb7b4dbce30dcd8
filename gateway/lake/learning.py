"""From usage and orders to profiles and a trained model."""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from time import monotonic

import msgspec
from msgspec import Struct
from sqlalchemy import Connection, func, select

from gateway.bulk import put_profiles
from gateway.capabilities.interactions import interactions
from gateway.capabilities.orders import subscriptions
from gateway.capabilities.recommendations import incidence, profile_items, train, usage_items
from gateway.capabilities.recommendations.live import put_model
from gateway.capabilities.subscribers import Profile, is_real, profiles, subscribers
from gateway.kit.clock import Clock
from gateway.lake.usage import UsageLake
from gateway.store import Store, Unit

PROFILE_ITEMS = 50
"""Items of usage kept in a profile, the strongest."""
LEARNT_FROM = 100_000
"""Subscribers a model is learnt from at most, evenly spread: what goes together does not change with more of them."""
LEARNT_ITEMS = 10_000
"""Items of usage a model knows at most, those that most subscribers use."""
ITEMS_EACH = 500
"""Items of usage of one subscriber that are learnt from: a machine that uses everything teaches nothing."""
ORDERS_OF = timedelta(days=365)
"""How far back completed orders count as taste."""

_CHUNK = 20_000
_profile = msgspec.json.Decoder(Profile)
_codes = msgspec.json.Decoder(list[str])

Step = Callable[[str, int], None]
"""Told what is being done and how many subscribers are done with."""


class Learnt(Struct, frozen=True):
    """What a training came to."""

    profiles: int
    """Profiles brought up to date."""
    subscribers: int
    """Subscribers learnt from."""
    items: int
    targets: int
    """Offers that can now be recommended on evidence."""
    version: str
    seconds: float


async def learn(
    store: Store, lake: UsageLake, targets: Sequence[str], clock: Clock, step: Step = lambda what, done: None
) -> Learnt:
    """Bring profiles up to date from the lake, train on them and on orders, and hand the model to the gateways.

    `targets` are offer codes. Usage of an item that is an offer's own code counts as having that offer.
    """
    begun = monotonic()
    written = 0 if lake.is_empty() else await _put_habits(store, lake, clock, step)
    every = max(1, -(-await store.read(_highest_id) // LEARNT_FROM))
    pairs = _Pairs()
    await _collect_known(store, pairs, clock() - ORDERS_OF, every, step)
    if not lake.is_empty():
        step("reading usage", 0)
        pairs.extend(lake.pairs(every=every, items=LEARNT_ITEMS, most=ITEMS_EACH))
    step("training", 0)
    x, items = incidence(pairs)
    model = train(x, items, targets)
    unit = Unit()
    put_model(unit, model, clock())
    await store.commit(unit)
    return Learnt(written, model.subscribers, len(items), len(model.targets), model.version, monotonic() - begun)


async def _put_habits(store: Store, lake: UsageLake, clock: Clock, step: Step) -> int:
    written = 0
    for chunk in lake.habits(PROFILE_ITEMS):
        changes = {number: {"usage": usage} for number, usage in chunk.items()}
        await store.write(put_profiles, changes, clock)
        written += len(chunk)
        step("profiles", written)
    return written


class _Pairs:
    """(subscriber id, item) pairs in twelve bytes each."""

    def __init__(self) -> None:
        self._subscribers = array("q")
        self._items = array("i")
        self._number_of: dict[str, int] = {}

    def extend(self, pairs: Iterable[tuple[int, str]]) -> None:
        """Add pairs."""
        for subscriber, item in pairs:
            self._subscribers.append(subscriber)
            self._items.append(self._number_of.setdefault(item, len(self._number_of)))

    def __iter__(self) -> Iterator[tuple[int, str]]:
        names = list(self._number_of)
        return ((subscriber, names[at]) for subscriber, at in zip(self._subscribers, self._items, strict=True))


async def _collect_known(store: Store, pairs: _Pairs, since: datetime, every: int, step: Step) -> None:
    """Add what is held, ordered, used and shared with others."""
    last, done = 0, 0
    while True:
        found, last = await store.read(_known, last, every, since)
        if last == 0:
            return
        pairs.extend(found)
        done += _CHUNK
        step("reading subscribers", done)


def _known(connection: Connection, after: int, every: int, since: datetime) -> tuple[list[tuple[int, str]], int]:
    """The pairs of the next subscribers, and the last one's id, 0 when there are no more."""
    asked = (
        select(subscribers.c.id, subscribers.c.brand, subscribers.c.region, profiles.c.body)
        .join(profiles, profiles.c.subscriber_id == subscribers.c.id, isouter=True)
        .where(subscribers.c.id > after, subscribers.c.id % every == 0, is_real)
        .order_by(subscribers.c.id)
        .limit(_CHUNK)
    )
    rows = connection.execute(asked).all()
    if not rows:
        return [], 0
    pairs: list[tuple[int, str]] = []
    for number, brand, region, body in rows:
        profile = Profile() if body is None else _profile.decode(body)
        pairs += [(number, item) for item in usage_items(profile.usage, profile.traffic_used_pct or 0)]
        pairs += [(number, item) for item in profile_items(brand, region)]
    first, last = rows[0].id, rows[-1].id
    of_these = subscriptions.c.subscriber_id
    held = select(of_these, subscriptions.c.offer_code).where(
        of_these.between(first, last), of_these % every == 0, subscriptions.c.ended_at.is_(None)
    )
    pairs += [(number, code) for number, code in connection.execute(held)]
    of_these = interactions.c.subscriber_id
    ordered = select(of_these, interactions.c.offers).where(
        of_these.between(first, last), of_these % every == 0, interactions.c.kind == "completed",
        interactions.c.at > since,
    )  # fmt: skip
    for number, codes in connection.execute(ordered):
        pairs += [(number, code) for code in _codes.decode(codes)]
    return pairs, last


def _highest_id(connection: Connection) -> int:
    return connection.scalar(select(func.max(subscribers.c.id))) or 0
