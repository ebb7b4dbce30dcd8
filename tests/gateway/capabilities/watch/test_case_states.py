"""The way of a case by property: only legal steps, and money named exactly where it belongs."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.capabilities.watch.case_states import NEXT, CaseState, Course, Outcome, StepRefused, take

_steps = st.lists(
    st.tuples(
        st.sampled_from(CaseState),
        st.none() | st.integers(1, 10**9),
        st.none() | st.just("2026-11"),
        st.none() | st.sampled_from(Outcome),
    ),
    max_size=12,
)
_LEGAL = {
    ("open",), ("open", "closed"), ("open", "recovering"), ("open", "recovering", "offsetting"),
    ("open", "recovering", "closed"), ("open", "recovering", "offsetting", "closed"),
}  # fmt: skip


@given(_steps, st.booleans())
def test_whatever_is_tried_a_case_goes_one_of_its_ways_and_names_what_it_must(
    tried: list[tuple[CaseState, int | None, str | None, Outcome | None]], has_partner: bool
) -> None:
    course, went = Course(), ["open"]
    for to, owed, month, outcome in tried:
        before = course
        try:
            course = take(course, to, owed_fen=owed, month=month, outcome=outcome, has_partner=has_partner)
        except StepRefused:
            assert course == before
            continue
        went.append(course.state.value)
        assert before.owed_fen in (None, course.owed_fen)  # what was named stays
    assert tuple(went) in _LEGAL
    assert (course.owed_fen is not None) == ("recovering" in went)
    assert (course.month is not None) == ("offsetting" in went)
    assert (course.outcome is not None) == (course.state is CaseState.CLOSED)
    assert (course.outcome == "offset") == (course.month is not None and course.state is CaseState.CLOSED)
    assert course.outcome != "repaid" or went == ["open", "recovering", "closed"]
    assert has_partner or course.owed_fen is None


@given(st.sampled_from(CaseState), st.sampled_from(CaseState))
def test_a_step_the_table_does_not_know_is_refused(before: CaseState, after: CaseState) -> None:
    owed = 1 if after is CaseState.RECOVERING else None
    month = "2026-11" if after is CaseState.OFFSETTING else None
    ends_recovery = (before, after) == (CaseState.RECOVERING, CaseState.CLOSED)
    outcome = Outcome.REPAID if ends_recovery else None

    def step() -> Course:
        return take(Course(before), after, owed_fen=owed, month=month, outcome=outcome, has_partner=True)

    if after in NEXT[before]:
        assert step().state is after
    else:
        with pytest.raises(StepRefused):
            step()


@given(st.sampled_from(CaseState))
def test_every_case_can_be_closed(state: CaseState) -> None:
    reached = {state}
    while more := {after for one in reached for after in NEXT[one]} - reached:
        reached |= more
    assert CaseState.CLOSED in reached
