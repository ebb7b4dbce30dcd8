"""Rates by property: chance trips nobody, and nobody swings between two standings."""

from __future__ import annotations

from hypothesis import assume, given
from hypothesis import strategies as st

from gateway.capabilities.watch.rates import Counts, Rate, Standing, judge, rates

SLOW = {"failed": 0.3, "unconfirmed": 0.6, "complained": 0.02, "ended_early": 0.3}
STOP = {"failed": 0.6, "unconfirmed": 0.9, "complained": 0.05, "ended_early": 0.6}
SAMPLE = 50

small = st.integers(0, SAMPLE // 2 - 1)
many = st.integers(0, 5000)
any_counts = st.builds(Counts, many, many, many, many, many, many)
standings = st.sampled_from(Standing)


def verdict(counts: Counts, standing: Standing = Standing.NORMAL) -> Standing:
    return judge(counts, SLOW, STOP, standing, SAMPLE).standing


@given(st.integers(0, 10_000), st.integers(0, 10_000))
def test_what_is_sure_is_never_more_than_what_was_seen(bad: int, good: int) -> None:
    rate = Rate(bad, bad + good)
    assert 0 <= rate.at_least() <= rate.share + 1e-12


@given(st.integers(1, 500), st.integers(0, 500))
def test_more_of_the_same_makes_surer(bad: int, good: int) -> None:
    assert Rate(bad, bad + good).at_least() < Rate(bad * 10, (bad + good) * 10).at_least()


def test_the_interval_is_wilsons() -> None:
    assert round(Rate(10, 50).at_least(), 4) == 0.1124  # as tables of the interval have it


@given(st.builds(Counts, small, small, small, small, many, many))
def test_small_numbers_trip_nobody(counts: Counts) -> None:
    assert verdict(counts) is Standing.NORMAL


@given(any_counts)
def test_who_was_stopped_stays_so_until_an_operator_speaks(counts: Counts) -> None:
    assert verdict(counts, Standing.STOPPED) is Standing.STOPPED


@given(any_counts, standings)
def test_a_second_look_at_the_same_counts_changes_nothing(counts: Counts, standing: Standing) -> None:
    once = verdict(counts, standing)
    assert verdict(counts, once) is once


@given(any_counts)
def test_who_is_slowed_recovers_only_well_below_the_limits(counts: Counts) -> None:
    assume(verdict(counts, Standing.SLOWED) is Standing.NORMAL)
    for name, rate in rates(counts).items():
        assert rate.of == 0 or rate.share < 0.75 * SLOW[name]


def test_each_rate_can_slow_and_stop() -> None:
    fine = Counts(confirmed=1000, completed=1000)
    assert verdict(fine) is Standing.NORMAL
    for name, slowing, stopping in (
        ("failed", Counts(failed=600), Counts(failed=2500)),
        ("unconfirmed", Counts(unconfirmed=2000), Counts(unconfirmed=20_000)),
        ("complained", Counts(complained=40), Counts(complained=100)),
        ("ended_early", Counts(ended_early=400), Counts(ended_early=800)),
    ):
        for added, follows in ((slowing, Standing.SLOWED), (stopping, Standing.STOPPED)):
            assert judge(fine + added, SLOW, STOP, Standing.NORMAL, SAMPLE) == (follows, name)
