"""The rules of abnormal ordering by property."""

from __future__ import annotations

from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from config.settings import OrderingRules
from gateway.capabilities.watch.ordering import NumberOrder, abuses_arrears, is_burst, judge_number
from gateway.capabilities.watch.rates import Counts
from tests.fixtures.world import NOON

RULES = OrderingRules()


def order(at: int, partner: str = "p0", state: str = "awaiting_confirmation", *, arrears: bool = False) -> NumberOrder:
    moment = NOON + timedelta(minutes=at)
    return NumberOrder(f"o{at}-{partner}", partner, moment, moment, state, arrears)


_orders = st.lists(
    st.builds(
        order, st.integers(0, 3000), st.sampled_from(["p0", "p1", "p2", "p3"]),
        st.sampled_from(["completed", "cancelled", "failed"]), arrears=st.booleans(),
    ), max_size=30,
)  # fmt: skip


@given(_orders)
def test_what_trips_a_rule_is_as_much_as_the_rule_says_within_its_time(orders: list[NumberOrder]) -> None:
    for trip in judge_number(orders, RULES):
        moments = [one.placed_at if trip.cause == "flooded" else one.changed_at for one in trip.orders]
        span, least = {
            "flooded": (RULES.number_span, RULES.number_orders),
            "cycles": (RULES.cycles_span, RULES.cycles),
            "arrears": (RULES.refusals_span, RULES.refusals),
        }[trip.cause]
        assert len(trip.orders) >= least and max(moments) - min(moments) <= span
        assert trip.cause != "flooded" or len(trip.partners) >= RULES.number_partners
        assert trip.cause != "cycles" or {one.state for one in trip.orders} == {"cancelled"}
        assert trip.cause != "arrears" or all(one.in_arrears for one in trip.orders)


@given(_orders)
def test_the_order_in_which_orders_are_read_does_not_matter(orders: list[NumberOrder]) -> None:
    assert {one.cause for one in judge_number(orders, RULES)} == {
        one.cause for one in judge_number(orders[::-1], RULES)
    }


@given(_orders, _orders)
def test_more_orders_never_make_a_number_innocent(orders: list[NumberOrder], more: list[NumberOrder]) -> None:
    before = {one.cause for one in judge_number(orders, RULES)}
    assert before <= {one.cause for one in judge_number([*orders, *more], RULES)}


def test_each_rule_trips_at_its_threshold_and_not_before() -> None:
    flood = [order(at, f"p{at % 3}") for at in range(6)]
    cycles = [order(at, state="cancelled") for at in range(5)]
    arrears = [order(at * 60, state="failed", arrears=True) for at in range(3)]
    for cause, enough in (("flooded", flood), ("cycles", cycles), ("arrears", arrears)):
        assert [one.cause for one in judge_number(enough, RULES)] == [cause]
        assert judge_number(enough[1:], RULES) == []
    assert judge_number([order(at, f"p{at % 2}") for at in range(20)], RULES) == []  # two partners only
    assert judge_number([order(at * 13, f"p{at % 3}") for at in range(6)], RULES) == []  # over more than an hour


@given(st.integers(0, 5000), st.lists(st.integers(0, 5000), max_size=20))
def test_a_burst_is_large_and_beyond_the_habit(numbers: int, habit: list[int]) -> None:
    burst = is_burst(numbers, habit, RULES)
    assert burst == (numbers >= RULES.burst_numbers and all(numbers > RULES.burst_factor * one for one in habit))


@given(st.integers(0, 19), st.integers(0, 10_000))
def test_few_refusals_are_no_abuse(refused: int, completed: int) -> None:
    assert not abuses_arrears(Counts(failed=refused, in_arrears=refused, completed=completed), RULES)


def test_many_refusals_are_an_abuse_unless_they_are_a_small_share() -> None:
    assert abuses_arrears(Counts(failed=20, in_arrears=20, completed=40), RULES)
    assert not abuses_arrears(Counts(failed=20, in_arrears=20, completed=4000), RULES)
