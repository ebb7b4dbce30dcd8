"""The made-up subscribers: always the same, lawful, unreachable by telephone, and with habits worth learning."""

import random
import tracemalloc
from collections import Counter
from datetime import UTC, date, datetime, timedelta
from itertools import chain
from pathlib import Path

import phonenumbers
import pytest

from gateway.capabilities.offers import Catalog, EligibilityIndex, SubscriberFacts, why_not
from gateway.capabilities.recommendations import Ranker, incidence, profile_items, train, usage_items
from gateway.demo.generator import CHUNK, DemoSubscriber, generate

DEMO = Path(__file__).parents[3] / "config" / "catalog"
TODAY = date(2026, 3, 1)
NOON = datetime(2026, 3, 1, 4, tzinfo=UTC)
SEED = 11


@pytest.fixture(scope="module")
def catalog() -> Catalog:
    return Catalog.load(DEMO)


@pytest.fixture(scope="module")
def people(catalog) -> list[DemoSubscriber]:
    return list(chain.from_iterable(generate(catalog, 9_000, SEED, TODAY)))


def facts_of(one: DemoSubscriber, held) -> SubscriberFacts:
    return SubscriberFacts(1, one.brand, one.region, frozenset(one.device_abilities), frozenset(held))


def test_the_same_seed_makes_the_same_people_however_many(catalog, people):
    again = list(chain.from_iterable(generate(catalog, CHUNK + 10, SEED, TODAY)))
    assert again == people[: CHUNK + 10]


def test_another_seed_makes_other_people(catalog, people):
    others = next(generate(catalog, 100, SEED + 1, TODAY))
    assert sum(one.usage == other.usage for one, other in zip(people, others, strict=False)) < 20


def test_exactly_as_many_as_asked_for(catalog):
    assert [len(chunk) for chunk in generate(catalog, CHUNK + 1, SEED, TODAY)] == [CHUNK, 1]
    assert list(generate(catalog, 0, SEED, TODAY)) == []
    with pytest.raises(ValueError, match="between 0 and"):
        next(generate(catalog, 10_000_001, SEED, TODAY))


def test_phone_numbers_are_well_formed_unique_and_of_the_machines_block(people):
    assert len({one.phone for one in people}) == len({one.ref for one in people}) == len(people)
    for one in people[:500]:
        number = phonenumbers.parse(one.phone)
        assert phonenumbers.is_valid_number(number)
        assert phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164) == one.phone
        assert one.phone.startswith("+86172")


def test_everything_held_was_open_when_it_was_taken(catalog, people):
    for one in people:
        for number, code in enumerate(one.held):
            assert why_not(catalog.by_code[code], facts_of(one, one.held[:number]), NOON) is None
            assert catalog.by_code[code].period == "month"


def test_orders_are_of_the_last_year_in_order_and_agree_with_what_is_held(catalog, people):
    for one in people:
        moments = [order.placed_at for order in one.orders]
        assert moments == sorted(moments)
        for order in one.orders:
            assert (
                max(NOON - timedelta(days=366), NOON - (TODAY - one.joined_on) - timedelta(hours=1)) <= order.placed_at
            )
            assert order.placed_at <= NOON
            assert order.offer in catalog.by_code
        last = {order.offer: order.action for order in one.orders if order.state == "completed"}
        monthly = {code: action for code, action in last.items() if catalog.by_code[code].period == "month"}
        assert {code for code, action in monthly.items() if action == "subscribe"} <= set(one.held)
        assert not {code for code, action in monthly.items() if action == "unsubscribe"} & set(one.held)


def test_people_are_as_varied_as_a_market(catalog, people):
    assert {one.brand for one in people} == set(catalog.brands)
    assert len({one.region for one in people}) > 20
    assert {order.channel for one in people for order in one.orders} == {"wechat", "sms", "web", "hall", "partner"}
    assert {order.state for one in people for order in one.orders} == {"completed", "failed", "cancelled"}
    assert {order.action for one in people for order in one.orders} == {"subscribe", "unsubscribe"}
    assert 1 < sum(len(one.held) for one in people) / len(people) < 4
    assert all(0 < weight <= 1 for one in people for weight in one.usage.values())
    assert all(0 <= one.traffic_used_pct <= 100 for one in people)
    known = Counter(item.partition(":")[0] for one in people for item in one.usage)
    assert set(known) == {"service", "content"}


def test_many_people_take_no_more_memory_than_a_few(catalog):
    tracemalloc.start()
    try:
        peaks = []
        for n in (CHUNK, 2 * CHUNK):
            tracemalloc.reset_peak()
            for chunk in generate(catalog, n, SEED, TODAY):
                del chunk
            peaks.append(tracemalloc.get_traced_memory()[1])
    finally:
        tracemalloc.stop()
    assert peaks[1] < 1.2 * peaks[0]


def items_of(catalog: Catalog, one: DemoSubscriber):
    yield from one.held
    yield from {order.offer for order in one.orders if catalog.by_code[order.offer].period != "month"}
    yield from usage_items(one.usage, one.traffic_used_pct)
    yield from profile_items(one.brand, one.region)


def test_habits_can_be_learnt_an_offer_taken_away_is_found_again(catalog, people, record_property):
    learnt, asked = people[:7_000], people[7_000:]
    x, items = incidence((number, item) for number, one in enumerate(learnt) for item in items_of(catalog, one))
    index = EligibilityIndex(catalog)
    ranker = Ranker(catalog, train(x, items, catalog.codes), index)
    held_by = Counter(code for one in learnt for code in one.held)
    chance = random.Random(SEED)
    n = by_habit = by_popularity = 0
    for one in asked:
        if not one.held:
            continue
        taken_away = chance.choice(one.held)
        facts = facts_of(one, set(one.held) - {taken_away})
        mask = index.mask(facts, NOON)
        if not mask[catalog.position[taken_away]]:
            continue
        n += 1
        ranked = ranker.rank(facts, usage_items(one.usage, one.traffic_used_pct), (), 3, "any", NOON)
        by_habit += taken_away in {one.offer.code for one in ranked}
        open_codes = (code for code, is_open in zip(catalog.codes, mask, strict=True) if is_open)
        by_popularity += taken_away in sorted(open_codes, key=lambda code: -held_by[code])[:3]
    record_property("hit_rate_at_3", round(by_habit / n, 3))
    record_property("hit_rate_at_3_of_popularity", round(by_popularity / n, 3))
    assert n > 1_000
    assert by_habit > 1.5 * by_popularity
