"""The way of a case: which step may follow which, and what each must name. Pure."""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple


class CaseState(StrEnum):
    """Where a case stands."""

    OPEN = "open"
    """Being looked into."""
    RECOVERING = "recovering"
    """Founded: the partner owes money back, and how much is named."""
    OFFSETTING = "offsetting"
    """What is owed is set off against the partner's settlement of a month."""
    CLOSED = "closed"


class Outcome(StrEnum):
    """How a closed case ended."""

    UNFOUNDED = "unfounded"
    """Nothing is owed after all."""
    REPAID = "repaid"
    """The partner paid back what it owed, otherwise than by its settlement."""
    OFFSET = "offset"
    """What was owed was set off."""


_S = CaseState

NEXT: dict[CaseState, frozenset[CaseState]] = {
    _S.OPEN: frozenset({_S.RECOVERING, _S.CLOSED}),
    _S.RECOVERING: frozenset({_S.OFFSETTING, _S.CLOSED}),
    _S.OFFSETTING: frozenset({_S.CLOSED}),
    _S.CLOSED: frozenset(),
}
"""From each state, the states that may follow."""


class StepRefused(Exception):
    """The case cannot take this step now, or the step names too little or too much."""


class Course(NamedTuple):
    """How far a case is, and what its steps have named."""

    state: CaseState = CaseState.OPEN
    owed_fen: int | None = None
    """What the partner owes back; from `recovering` on."""
    month: str | None = None
    """The month whose settlement it is set off against; from `offsetting` on."""
    outcome: str | None = None
    """How a closed case ended."""


def take(
    course: Course, to: CaseState, *, owed_fen: int | None, month: str | None, outcome: Outcome | None,
    has_partner: bool,
) -> Course:  # fmt: skip
    """The course after the step. `outcome` is for a case that is closed while money is owed: it was repaid, or never owed.

    Raises:
        StepRefused: no such step leads on from here; or the amount, the month or the outcome is missing, or out of place.
    """
    if to not in NEXT[course.state]:
        raise StepRefused(f"{course.state} cannot be followed by {to}")
    if (to is CaseState.RECOVERING) != (owed_fen is not None):
        raise StepRefused("owed_fen is named by the step to recovering, and by no other")
    if (to is CaseState.OFFSETTING) != (month is not None):
        raise StepRefused("month is named by the step to offsetting, and by no other")
    ends_recovery = course.state is CaseState.RECOVERING and to is CaseState.CLOSED
    if ends_recovery != (outcome in (Outcome.UNFOUNDED, Outcome.REPAID)) or outcome is Outcome.OFFSET:
        raise StepRefused(
            "outcome (unfounded or repaid) is named by the step from recovering to closed, and by no other"
        )
    if to is CaseState.RECOVERING and not has_partner:
        raise StepRefused("the case names no partner that could owe anything")
    if to is CaseState.RECOVERING:
        return course._replace(state=to, owed_fen=owed_fen)
    if to is CaseState.OFFSETTING:
        return course._replace(state=to, month=month)
    ends = outcome or (Outcome.UNFOUNDED if course.state is CaseState.OPEN else Outcome.OFFSET)
    return course._replace(state=to, outcome=ends.value)
