"""What the network's answers about a number mean for the bindings that rest on it. Pure rules, no questions.

Two questions are asked: whether the number has another owner since a day, and when its SIM card was last changed. The
second also answers the first where that one is refused, for a new owner comes with another SIM card.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import NamedTuple

from adapters.camara.protocol import NOT_FOUND
from gateway.capabilities.numbers.repository import Bound

SAME, CHANGED, UNVOUCHED, UNKNOWN = "same", "changed", "unvouched", "unknown"

_DAYS_APART = timedelta(days=2)
"""A day as we count and as the network counts may differ by one, wherever the network is."""


@dataclass(frozen=True)
class Owner:
    """Whether the number has another owner, as far as the network told."""

    recycled: Sequence[Bound] = ()
    """Bound before the number got its owner of now."""
    out_of_range: Sequence[Bound] = ()
    """Bound longer ago than the network looks."""
    refusal: str | None = None
    """Why the question was refused, whatever the day."""


@dataclass(frozen=True)
class Sim:
    """When the SIM card was last changed, as far as the network told."""

    changed_at: datetime | None = None
    refusal: str | None = None


class Verdict(NamedTuple):
    """What becomes of whom."""

    answer: str
    """SAME: nothing changed. CHANGED: see who is concerned. UNVOUCHED: the network stands no longer for the number, which may
    be proved again. UNKNOWN: it never says this of this number, and proving it again would not help.
    """
    recycled: Sequence[Bound] = ()
    on_another_sim: Sequence[Bound] = ()
    unvouched: Sequence[Bound] = ()


def asked_since(bound: Bound, vouched_at: datetime | None) -> date:
    """The day from which on a binding's number must not have changed hands.

    After a check that found nothing only what came since matters: an old binding stays within the time that the network
    looks back as long as it is checked.
    """
    day = bound.bound_at.date()
    return day if vouched_at is None else max(day, (vouched_at - _DAYS_APART).date())


def judge(trusted: Sequence[Bound], owner: Owner, sim: Sim) -> Verdict:
    """Put both answers together; `trusted` is everybody asked about, oldest first."""
    swapped = [
        one for one in without(trusted, owner.recycled) if sim.changed_at is not None and one.bound_at < sim.changed_at
    ]
    left = without(trusted, [*owner.recycled, *swapped])
    if NOT_FOUND in (owner.refusal, sim.refusal):
        unvouched = left
    else:
        unvouched = [] if sim.changed_at is not None else [one for one in left if one in owner.out_of_range]
    return Verdict(_answer(owner, sim, bool(swapped), bool(unvouched)), owner.recycled, swapped, unvouched)


def without(all_: Sequence[Bound], some: Collection[Bound]) -> list[Bound]:
    """Those that are not among the others."""
    return [one for one in all_ if one not in some]


def _answer(owner: Owner, sim: Sim, swapped: bool, unvouched: bool) -> str:
    if owner.recycled or swapped:
        return CHANGED
    if unvouched:
        return UNVOUCHED
    half = owner.refusal is not None and sim.changed_at is None
    return UNKNOWN if half or sim.refusal is not None else SAME
