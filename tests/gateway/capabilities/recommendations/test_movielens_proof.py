"""Real habits: films people liked, from which the films they liked later are recommended.

Positive = rated 4 or more; of everyone with at least 5 of them the last fifth by time is hidden; NDCG@10 over the rest.
"""

from collections import defaultdict
from datetime import UTC, datetime
from math import log2
from pathlib import Path

import pytest

from gateway.capabilities.offers import Catalog, EligibilityIndex, SubscriberFacts
from gateway.capabilities.recommendations import Ranker, incidence, train
from tests.gateway.capabilities.random_catalogs import offer

RATINGS = Path(__file__).parents[5] / "shared" / "data" / "movielens-100k" / "u.data"
NOON = datetime(2026, 3, 1, 4, tzinfo=UTC)
POPULARITY = 0.0740
ITEM_NEIGHBOURS = 0.1200

pytestmark = pytest.mark.skipif(not RATINGS.exists(), reason="the film ratings (../shared/data) are not present")


def seen_and_hidden() -> tuple[dict[int, list[str]], dict[int, set[str]]]:
    liked = defaultdict(list)
    for line in RATINGS.read_text("ascii").splitlines():
        user, film, rating, moment = map(int, line.split("\t"))
        if rating >= 4:
            liked[user].append((moment, film))
    seen, hidden = {}, {}
    for user, events in liked.items():
        if len(events) >= 5:
            films = [f"F-{film}" for _, film in sorted(events)]
            cut = max(1, int(len(films) * 0.2))
            seen[user], hidden[user] = films[:-cut], set(films[-cut:])
    return seen, hidden


def ndcg(recommended: list[str], wanted: set[str]) -> float:
    gain = sum(1 / log2(place + 2) for place, film in enumerate(recommended) if film in wanted)
    return gain / sum(1 / log2(place + 2) for place in range(min(10, len(wanted))))


def test_films_liked_later_are_recommended_from_films_liked_before(record_property):
    seen, hidden = seen_and_hidden()
    assert len(seen) == 938
    x, items = incidence((user, film) for user, films in seen.items() for film in films)
    everything = sorted({*items, *(film for films in hidden.values() for film in films)})
    catalog = Catalog([offer(code, service=f"f{number}") for number, code in enumerate(everything)])
    ranker = Ranker(catalog, train(x, items, items), EligibilityIndex(catalog))
    scores = []
    for user, films in seen.items():
        facts = SubscriberFacts(user, "", "", held=frozenset(films))
        ranked = ranker.rank(facts, {}, (), 10, "any", NOON)
        scores.append(ndcg([one.offer.code for one in ranked], hidden[user]))
    found = sum(scores) / len(scores)
    record_property("ndcg_at_10", round(found, 4))
    assert found > ITEM_NEIGHBOURS > POPULARITY
