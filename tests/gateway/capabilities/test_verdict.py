"""What the network's two answers mean together, for every combination of them."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.capabilities.numbers.repository import Bound
from gateway.capabilities.numbers.verdict import CHANGED, SAME, UNKNOWN, UNVOUCHED, Owner, Sim, asked_since, judge

DAY = datetime(2026, 1, 1, 12, tzinfo=UTC)
OLD, NEW = Bound("old", "a", DAY, None), Bound("new", "b", DAY + timedelta(days=100), None)
BOTH = [OLD, NEW]
BEFORE, BETWEEN = DAY - timedelta(days=1), DAY + timedelta(days=50)


@pytest.mark.parametrize(
    "owner, sim, answer, recycled, swapped, unvouched",
    [
        (Owner(), Sim(), SAME, [], [], []),
        (Owner(), Sim(BEFORE), SAME, [], [], []),
        (Owner([OLD]), Sim(), CHANGED, [OLD], [], []),
        (Owner(BOTH), Sim(), CHANGED, BOTH, [], []),
        (Owner(), Sim(BETWEEN), CHANGED, [], [OLD], []),
        (Owner([OLD]), Sim(DAY + timedelta(days=101)), CHANGED, [OLD], [NEW], []),
        # Too long ago: the SIM card of before answers, for a new owner would have another one.
        (Owner((), [OLD]), Sim(BEFORE), SAME, [], [], []),
        (Owner((), [OLD]), Sim(BETWEEN), CHANGED, [], [OLD], []),
        (Owner((), [OLD]), Sim(), UNVOUCHED, [], [], [OLD]),
        (Owner((), [OLD]), Sim(refusal="SERVICE_NOT_APPLICABLE"), UNVOUCHED, [], [], [OLD]),
        (Owner((), BOTH), Sim(), UNVOUCHED, [], [], BOTH),
        # Another network's number.
        (Owner((), (), "IDENTIFIER_NOT_FOUND"), Sim(BEFORE), UNVOUCHED, [], [], BOTH),
        (Owner(), Sim(refusal="IDENTIFIER_NOT_FOUND"), UNVOUCHED, [], [], BOTH),
        # Never said of this number: half an answer is none, unless it is the half that holds the other one.
        (Owner((), (), "SERVICE_NOT_APPLICABLE"), Sim(BEFORE), SAME, [], [], []),
        (Owner((), (), "SERVICE_NOT_APPLICABLE"), Sim(), UNKNOWN, [], [], []),
        (Owner(), Sim(refusal="SERVICE_NOT_APPLICABLE"), UNKNOWN, [], [], []),
        (Owner(), Sim(refusal="OUT_OF_RANGE"), UNKNOWN, [], [], []),
    ],
)
def test_both_answers_together(
    owner: Owner, sim: Sim, answer: str, recycled: list[Bound], swapped: list[Bound], unvouched: list[Bound]
) -> None:
    found = judge(BOTH, owner, sim)
    assert (found.answer, [*found.recycled], [*found.on_another_sim], [*found.unvouched]) == (
        answer, recycled, swapped, unvouched,
    )  # fmt: skip


@given(st.integers(0, 400), st.integers(0, 400), st.integers(0, 400), st.integers(-1, 1))
def test_no_change_falls_between_two_checks(bound: int, vouched: int, change: int, zone: int) -> None:
    """A change after a good check lies after the day asked about the next time, wherever the network counts its days."""
    first = date(2026, 1, 1)
    one = Bound("", "", datetime(2026, 1, 1, tzinfo=UTC) + timedelta(days=bound), None)
    vouched_at = None if vouched < bound else datetime(2026, 1, 1, tzinfo=UTC) + timedelta(days=vouched)
    since = asked_since(one, vouched_at)
    assert since >= one.bound_at.date()
    if change > max(bound, vouched):
        assert first + timedelta(days=change + zone) > since or change + zone <= bound
