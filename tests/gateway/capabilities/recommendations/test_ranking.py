"""Ranking: never what may not be ordered, always the same, best first, told why."""

from datetime import UTC, datetime
from math import log

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.capabilities.offers import VISITOR, Catalog, EligibilityIndex, SubscriberFacts, why_not
from gateway.capabilities.offers.schemas import Eligibility
from gateway.capabilities.recommendations import Ranker, incidence, profile_items, train, usage_items
from gateway.capabilities.recommendations.ranking import DAMPING, WORTH_EXPONENT
from tests.gateway.capabilities.random_catalogs import CODES, catalogs, facts, moments, offer

NOON = datetime(2026, 3, 1, 4, tzinfo=UTC)
SUBSCRIBER = SubscriberFacts(1, "", "")
ITEMS = [*CODES, "service:music", "content:music/pop", "allowance:traffic", "brand:lejia", "province:GD"]

histories = st.lists(st.frozensets(st.sampled_from(ITEMS), min_size=1), max_size=12)
usages = st.dictionaries(st.sampled_from([*ITEMS, "service:unheard"]), st.floats(0, 2), max_size=8)


def ranker_of(catalog: Catalog, people) -> Ranker:
    x, items = incidence((number, item) for number, has in enumerate(people) for item in sorted(has))
    return Ranker(catalog, train(x, items, catalog.codes), EligibilityIndex(catalog))


def ask(ranker: Ranker, who=SUBSCRIBER, items=None, declined=(), limit=3, place="any", now=NOON):
    return ranker.rank(who, items or {}, declined, limit, place, now)


def codes(ranked) -> list[str]:
    return [one.offer.code for one in ranked]


def offers_of_many_services(count: int) -> Catalog:
    return Catalog([offer(f"T-{number}", service=f"s{number}") for number in range(count)])


@given(
    catalogs(),
    histories,
    facts,
    usages,
    st.frozensets(st.sampled_from(CODES), max_size=3),
    st.integers(-1, 6),
    st.sampled_from(["any", "service:music"]),
    moments,
)
def test_what_is_recommended_may_be_ordered_is_not_declined_and_has_no_twin(
    catalog, people, who, items, declined, limit, place, now
):
    ranker = ranker_of(catalog, people)
    ranked = ranker.rank(who, items, declined, limit, place, now)
    assert len(ranked) <= max(limit, 0)
    assert not set(codes(ranked)) & declined
    for one in ranked:
        assert why_not(one.offer, who, now) is None
        assert 0 <= one.score <= 1
    services = [(one.offer.kind, one.offer.service) for one in ranked]
    assert len(services) == len(set(services))
    assert not any(first.offer.code in second.offer.eligibility.excludes for first in ranked for second in ranked)
    shuffled = dict(reversed(items.items()))
    assert ranked == ranker_of(catalog, people).rank(who, shuffled, tuple(declined), limit, place, now)


@given(catalogs(), histories, facts, usages, moments)
def test_a_smaller_limit_gives_the_head_of_the_longer_list(catalog, people, who, items, now):
    ranker = ranker_of(catalog, people)
    longest = ask(ranker, who, items, limit=len(CODES), now=now)
    for limit in range(len(CODES)):
        assert ask(ranker, who, items, limit=limit, now=now) == longest[:limit]


@given(catalogs(), histories, facts, moments)
def test_something_is_recommended_whenever_something_may_be_ordered(catalog, people, who, now):
    open_to_them = [one for one in catalog if why_not(one, who, now) is None]
    assert bool(ask(ranker_of(catalog, people), who, now=now)) == bool(open_to_them)


def test_the_score_is_damped_lift_times_popularity_times_worth():
    catalog = Catalog([offer("T-0", worth_fen=500), offer("T-1", service="games", worth_fen=1000)])
    ranker = ranker_of(catalog, [{"T-0", "a:1"}] * 3 + [{"T-1", "a:2"}, {"a:2"}, {"T-0", "a:2"}])
    model = ranker.model
    items = {"a:1": 0.5, "a:2": 1.0}
    column = model.targets.index("T-0")
    influence = sum(weight * model.similarity[model.items.index(item), column] for item, weight in items.items())
    expected = model.popularity[column] * 2.718281828 ** (influence / 1.5**DAMPING) * 0.5**WORTH_EXPONENT
    [first] = [one for one in ask(ranker, items=items) if one.offer.code == "T-0"]
    assert first.score == pytest.approx(expected, rel=1e-4)


def test_who_uses_a_service_is_shown_what_its_users_take():
    catalog = offers_of_many_services(3)
    ranker = ranker_of(catalog, [{"service:music", "T-2"}] * 30 + [{"T-0"}] * 60 + [{"T-1"}] * 10)
    assert codes(ask(ranker))[0] == "T-0"
    first = ask(ranker, items={"service:music": 1.0})[0]
    assert first.offer.code == "T-2"
    assert first.reason.code == "uses_service"
    assert first.reason.item == "service:music"
    assert first.reason.share == 1
    assert first.reason.lift == pytest.approx(1 / 0.31, rel=0.02)


def test_equal_offers_come_in_the_order_of_their_codes():
    assert codes(ask(ranker_of(offers_of_many_services(5), []), limit=9)) == [f"T-{number}" for number in range(5)]


def test_a_better_margin_decides_between_equally_liked_offers():
    catalog = Catalog([offer("T-0", worth_fen=100), offer("T-1", service="games", worth_fen=900)])
    assert codes(ask(ranker_of(catalog, [{"T-0"}, {"T-1"}]))) == ["T-1", "T-0"]


def test_a_visitor_is_shown_what_is_popular_and_open_to_all():
    catalog = Catalog(
        [
            offer("T-0", eligibility=Eligibility(brands=("lejia",))),
            offer("T-1", service="games"),
            offer("T-2", service="mail"),
            offer("T-3", service="news"),
        ]
    )
    ranker = ranker_of(catalog, [{"T-0"}] * 50 + [{"T-2"}] * 30 + [{"T-1"}] * 10)
    ranked = ask(ranker, VISITOR)
    assert codes(ranked) == ["T-2", "T-1", "T-3"]
    assert [one.reason.code for one in ranked] == ["available", "available", "available"]
    popular = ask(ranker, SubscriberFacts(1, "lejia", ""))[0].reason
    assert popular.code == "popular"
    assert popular.share == pytest.approx(51 / 92)


def test_the_place_counts_for_a_visitor():
    ranker = ranker_of(offers_of_many_services(2), [{"service:music", "T-1"}] * 30 + [{"T-0"}] * 60)
    assert codes(ask(ranker, VISITOR, place="chat"))[0] == "T-0"
    first = ask(ranker, VISITOR, place="service:music")[0]
    assert (first.offer.code, first.reason.code) == ("T-1", "viewing")


def test_what_is_held_brand_and_province_count_as_evidence():
    people = [{"T-0", "T-1"}] * 30 + [{"brand:lejia", "T-2"}] * 30 + [{"province:SC", "T-3"}] * 30 + [{"T-4"}] * 60
    ranker = ranker_of(offers_of_many_services(5), people)
    for who, expected, reason in (
        (SubscriberFacts(1, "", "", held=frozenset({"T-0"})), "T-1", "holds_offer"),
        (SubscriberFacts(1, "lejia", ""), "T-2", "same_brand"),
        (SubscriberFacts(1, "", "SC/510100/510104"), "T-3", "same_province"),
    ):
        first = ask(ranker, who)[0]
        assert (first.offer.code, first.reason.code) == (expected, reason)


def test_an_allowance_nearly_used_is_told_in_percent():
    catalog = offers_of_many_services(2)
    people = [{"allowance:traffic", "T-1"}] * 30 + [{"T-0"}] * 60
    first = ask(ranker_of(catalog, people), items=usage_items({}, 82))[0]
    assert (first.offer.code, first.reason.code, first.reason.percent) == ("T-1", "allowance_used", 82)


def test_the_share_of_a_small_group_is_told_to_nobody():
    catalog = offers_of_many_services(2)
    for size, code in ((19, "available"), (20, "uses_service")):
        ranker = ranker_of(catalog, [{"service:music", "T-1"}] * size + [{"T-0"}] * 60)
        [reason] = [one.reason for one in ask(ranker, items={"service:music": 1.0}) if one.offer.code == "T-1"]
        assert reason.code == code


def test_a_model_of_another_catalog_is_still_of_use():
    ranker = ranker_of(offers_of_many_services(2), [{"service:music", "T-1"}] * 30 + [{"T-0"}] * 40)
    newer = Catalog([*offers_of_many_services(2).offers[1:], offer("T-8", service="new")])
    later = Ranker(newer, ranker.model, EligibilityIndex(newer))
    assert codes(ask(later, items={"service:music": 1.0})) == ["T-1", "T-8"]
    assert log(ask(later)[1].score) < 0


def test_an_allowance_that_lasts_is_no_item():
    assert usage_items({"service:music": 0.4}, 79) == {"service:music": 0.4}
    assert usage_items({"service:music": 0.4}, 80) == {"service:music": 0.4, "allowance:traffic": 0.8}
    assert list(profile_items("", "")) == []
    assert list(profile_items("lejia", "GD/440100")) == ["brand:lejia", "province:GD"]
