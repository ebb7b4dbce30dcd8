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


_S = CaseState

NEXT: dict[CaseState, frozenset[CaseState]] = {
    _S.OPEN: frozenset({_S.RECOVERING, _S.CLOSED}),
    _S.RECOVERING: frozenset({_S.OFFSETTING}),
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
    """How a closed case ended: `unfounded`, or `offset`."""


def take(course: Course, to: CaseState, *, owed_fen: int | None, month: str | None, has_partner: bool) -> Course:
    """The course after the step.

    Raises:
        StepRefused: no such step leads on from here; or the amount or the month is missing, or out of place.
    """
    if to not in NEXT[course.state]:
        raise StepRefused(f"{course.state} cannot be followed by {to}")
    if (to is CaseState.RECOVERING) != (owed_fen is not None):
        raise StepRefused("owed_fen is named by the step to recovering, and by no other")
    if (to is CaseState.OFFSETTING) != (month is not None):
        raise StepRefused("month is named by the step to offsetting, and by no other")
    if to is CaseState.RECOVERING and not has_partner:
        raise StepRefused("the case names no partner that could owe anything")
    if to is CaseState.RECOVERING:
        return course._replace(state=to, owed_fen=owed_fen)
    if to is CaseState.OFFSETTING:
        return course._replace(state=to, month=month)
    return course._replace(state=to, outcome="unfounded" if course.state is CaseState.OPEN else "offset")
