"""Which offers to recommend to whom, best first.

    score = min(1, P(t) · Π lift(a → t)^(w_a / W^d)) · (worth_t / greatest worth)^e,    W = Σ w_a

P(t) is the popularity of offer t, a the subscriber's items with weights w_a. Items overlap (who plays also uses data),
so their lifts are not multiplied outright: the exponent d lies between 0 (independent items) and 1 (their mean).
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import datetime
from math import exp
from typing import TypeVar

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from gateway.capabilities.offers import Bilingual, Catalog, EligibilityIndex, Offer, SubscriberFacts
from gateway.capabilities.recommendations.items import profile_items
from gateway.capabilities.recommendations.reasons import Reason, code_of, words
from gateway.capabilities.recommendations.training import ItemModel

Number = TypeVar("Number", bound=np.generic)

DAMPING = 0.7
"""d above; chosen on a validation part of the training data, never on test data."""

WORTH_EXPONENT = 0.25
"""e above: 0 ranks by likely acceptance alone, 1 by expected margin."""

LEAST_EVIDENCE = 20
"""Subscribers that must have both item and offer before their share is told to anyone; smaller groups stay private."""

_LEAST_TELLING_LIFT = 1.2
_REMEMBERED_REASONS = 50_000
_HELD_WEIGHT = 1.0
_PLACE_WEIGHT = 1.0
_PROFILE_WEIGHT = 0.5


class Ranked(Struct, frozen=True):
    """One recommended offer: score in 0..1, comparable within one model, and the reason that weighed most."""

    offer: Offer
    score: float
    reason: Reason


class Ranker:
    """Ranks the offers of one catalog with one model; immutable, made anew when either changes."""

    def __init__(self, catalog: Catalog, model: ItemModel, index: EligibilityIndex) -> None:
        self.catalog = catalog
        self.model = model
        self._index = index
        self._row = {item: at for at, item in enumerate(model.items)}
        self._counts = _by_offer(catalog, model, model.together)
        self._similarity = _by_offer(catalog, model, model.similarity)
        self._telling = _telling(self._counts, self._similarity)
        unknown = np.full(len(catalog), 1 / (model.subscribers + 2), np.float32)
        self._popularity = _by_offer(catalog, model, model.popularity, unknown)
        log_worth = WORTH_EXPONENT * np.log(_relative_worth(catalog))
        self._worth: list[float] = log_worth.tolist()
        self._base = (np.log(self._popularity) + log_worth).astype(np.float32)
        self._bit = {code: 1 << at for at, code in enumerate(catalog.codes)}
        self._alternatives = _alternatives(catalog)
        self._general = _general_reasons(catalog, self._popularity)
        self._said: dict[Reason, Bilingual] = {}

    def rank(
        self,
        facts: SubscriberFacts,
        items: Mapping[str, float],
        declined: Collection[str],
        limit: int,
        place: str,
        now: datetime,
    ) -> list[Ranked]:
        """The best offers for a subscriber, at most ``limit``, best first, ties by offer code.

        Every offer is open to the subscriber (``VISITOR`` for one nobody knows) at ``now`` and not among the
        ``declined`` codes, and no two of them are alternatives to each other: of one kind and service, or excluding
        one another. ``items`` are usage weights by item, about 0..1, as ``usage_items`` makes them; items the model
        does not know are passed over. ``place`` is where the recommendation is shown; when it is an item such as
        ``service:music``, it counts as evidence like one.
        """
        allowed = self._index.bits(facts, now)
        for code in declined:
            allowed &= ~self._bit.get(code, 0)
        if not allowed or limit <= 0:
            return []
        evidence = self._evidence(facts, items, place)
        if not evidence:
            chosen = self._choose(self._base, allowed, limit)
            return [self._ranked(at, self._base.item(at), self._general[at]) for at in chosen]
        keys = self._keys(evidence)
        return [
            self._ranked(at, keys.item(at), self._reason(evidence, at, items, place))
            for at in self._choose(keys, allowed, limit)
        ]

    def words(self, reason: Reason) -> Bilingual:
        """The reason for people; the same few are given again and again."""
        said = self._said.get(reason)
        if said is None:
            if len(self._said) >= _REMEMBERED_REASONS:
                self._said.clear()
            said = self._said[reason] = words(reason, self.catalog)
        return said

    def _keys(self, evidence: Sequence[tuple[int, float]]) -> NDArray[np.float32]:
        """Log of each offer's score, shape (n_offers,). Few numpy calls: each costs as much as fifty offers' sums."""
        weights = [weight for _, weight in evidence]
        lifts = self._similarity.take([row for row, _ in evidence], axis=0)
        keys: NDArray[np.float32] = np.array(weights, np.float32).dot(lifts)
        keys *= sum(weights) ** -DAMPING
        keys += self._base
        return keys

    def _evidence(self, facts: SubscriberFacts, items: Mapping[str, float], place: str) -> list[tuple[int, float]]:
        """Rows of the model with their weights, in the order of the rows, so that no sum depends on a hash seed."""
        row_of = self._row
        found = {row_of[item]: weight for item, weight in items.items() if weight > 0 and item in row_of}
        for code in facts.held:
            if code in row_of:
                found[row_of[code]] = _HELD_WEIGHT
        for item in profile_items(facts.brand, facts.region):
            if item in row_of:
                found.setdefault(row_of[item], _PROFILE_WEIGHT)
        if place in row_of:
            found.setdefault(row_of[place], _PLACE_WEIGHT)
        return sorted(found.items())

    def _choose(self, keys: NDArray[np.float32], allowed: int, limit: int) -> Iterator[int]:
        for at in (-keys).argsort(kind="stable").tolist():
            if allowed >> at & 1:
                yield at
                limit -= 1
                allowed &= ~self._alternatives[at]
                if not allowed or not limit:
                    return

    def _ranked(self, at: int, key: float, reason: Reason) -> Ranked:
        worth = self._worth[at]
        return Ranked(self.catalog.offers[at], exp(min(0.0, key - worth) + worth), reason)

    def _reason(self, evidence: Sequence[tuple[int, float]], at: int, items: Mapping[str, float], place: str) -> Reason:
        """What speaks loudest for the offer: the first item of the greatest influence, or why it is offered to anybody."""
        telling, loudest, row = self._telling[at], 0.0, -1
        for candidate, weight in evidence:
            influence = weight * telling.get(candidate, 0.0)
            if influence > loudest:
                loudest, row = influence, candidate
        if row < 0:
            return self._general[at]
        item = self.model.items[row]
        code = "viewing" if item == place and item not in items else code_of(item)
        share = float(self._counts[row, at] / self.model.support[row])
        percent = round(100 * items[item]) if code == "allowance_used" else 0
        return Reason(code, item, share, share / float(self._popularity[at]), percent)


def _by_offer(
    catalog: Catalog, model: ItemModel, by_target: NDArray[Number], rest: NDArray[Number] | None = None
) -> NDArray[Number]:
    """The last axis in the order of the catalog instead of the targets; ``rest`` (default 0) for offers not learnt."""
    shape = (*by_target.shape[:-1], len(catalog))
    ordered = np.zeros(shape, by_target.dtype) if rest is None else np.broadcast_to(rest, shape).copy()
    known = [(at, catalog.position[code]) for at, code in enumerate(model.targets) if code in catalog.position]
    ordered[..., [place for _, place in known]] = by_target[..., [at for at, _ in known]]
    return ordered


def _telling(counts: NDArray[np.int32], similarity: NDArray[np.float32]) -> list[dict[int, float]]:
    """For each offer, by row of the model, the log lifts that may be told: of enough people, and above the usual."""
    telling = (counts >= LEAST_EVIDENCE) & (similarity >= np.log(_LEAST_TELLING_LIFT))
    return [
        {int(row): similarity.item(row, at) for row in np.flatnonzero(telling[:, at])}
        for at in range(similarity.shape[1])
    ]


def _relative_worth(catalog: Catalog) -> NDArray[np.float64]:
    """Worth over the greatest worth; an offer that earns nothing counts as one fen."""
    worth = np.array([max(offer.worth_fen, 1) for offer in catalog], np.float64)
    relative: NDArray[np.float64] = worth / worth.max(initial=1)
    return relative


def _alternatives(catalog: Catalog) -> list[int]:
    """For each offer the bits of those not shown beside it: itself, same kind and service, excluding or excluded."""
    alike: dict[tuple[str, str], int] = {}
    for at, offer in enumerate(catalog):
        alike[offer.kind, offer.service] = alike.get((offer.kind, offer.service), 0) | 1 << at
    bits = [alike[offer.kind, offer.service] for offer in catalog]
    for at, offer in enumerate(catalog):
        for code in offer.eligibility.excludes:
            if code in catalog.position:
                bits[at] |= 1 << catalog.position[code]
                bits[catalog.position[code]] |= 1 << at
    return bits


def _general_reasons(catalog: Catalog, popularity: NDArray[np.float32]) -> list[Reason]:
    """Reasons without evidence of the subscriber's own: "popular" for the best third of the offers on sale."""
    on_sale = [at for at, offer in enumerate(catalog) if offer.lifecycle == "on_sale"]
    best = set(sorted(on_sale, key=lambda at: -popularity[at])[: len(on_sale) // 3])
    return [
        Reason("popular", share=float(popularity[at])) if at in best else Reason("available")
        for at in range(len(catalog))
    ]
