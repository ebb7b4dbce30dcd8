"""Whether a partner's orders go wrong too often to be chance, and what follows. Pure."""

from __future__ import annotations

import math
from collections.abc import Mapping
from enum import StrEnum
from typing import NamedTuple

from msgspec import Struct

_CONFIDENCE = 1.96
"""Standard deviations of the normal distribution between which 95 % lie."""
_RECOVERED_BELOW = 0.75
"""A slowed partner has recovered when its rates are below this part of the limits that slow: else it would swing."""


class Standing(StrEnum):
    """How a partner may order."""

    NORMAL = "normal"
    SLOWED = "slowed"
    """With a small part of its quota."""
    STOPPED = "stopped"
    """Not at all, until an operator says so."""


class Counts(Struct, frozen=True):
    """What became of a partner's orders in a span of time."""

    confirmed: int = 0
    unconfirmed: int = 0
    """Expired or cancelled."""
    completed: int = 0
    failed: int = 0
    complained: int = 0
    ended_early: int = 0
    """Subscriptions ended within days of their beginning."""
    placed: int = 0
    in_arrears: int = 0
    """Those of the failed that were refused for want of money."""

    def __add__(self, other: Counts) -> Counts:
        return Counts(*(getattr(self, name) + getattr(other, name) for name in self.__struct_fields__))


class Rate(NamedTuple):
    """`bad` of `of`."""

    bad: int
    of: int

    @property
    def share(self) -> float:
        """The share seen; 0 of nothing."""
        return min(self.bad, self.of) / self.of if self.of else 0.0

    def at_least(self) -> float:
        """Lower end of the 95 % interval of the share (Wilson 1927): so much is sure, however few were seen."""
        n, p, z = self.of, self.share, _CONFIDENCE
        if not n:
            return 0.0
        middle, spread = p + z * z / (2 * n), z * math.sqrt(p * (1 - p) / n + z * z / (4 * n * n))
        return max(0.0, (middle - spread) / (1 + z * z / n))


Limits = Mapping[str, float]
"""Name of a rate → the share, 0 to 1, beyond which it is too high."""


class Verdict(NamedTuple):
    """The standing that follows, and the rate it follows from; None where nothing is too high."""

    standing: Standing
    because: str | None = None


def rates(counts: Counts) -> dict[str, Rate]:
    """The four rates that are watched, by name."""
    answered = counts.confirmed + counts.unconfirmed
    return {
        "failed": Rate(counts.failed, counts.completed + counts.failed),
        "unconfirmed": Rate(counts.unconfirmed, answered),
        "complained": Rate(counts.complained, answered),
        "ended_early": Rate(counts.ended_early, counts.completed),
    }


def judge(counts: Counts, slow: Limits, stop: Limits, standing: Standing, smallest_sample: int) -> Verdict:
    """The partner's standing after these counts, coming from `standing`.

    A rate counts as too high when even the lower end of its interval is beyond the limit, and never before
    `smallest_sample` were seen. Who was stopped stays so.
    """
    seen = rates(counts)
    enough = {name: rate for name, rate in seen.items() if rate.of >= smallest_sample}
    if standing is Standing.STOPPED:
        return Verdict(standing)
    for limits, follows in ((stop, Standing.STOPPED), (slow, Standing.SLOWED)):
        for name, rate in enough.items():
            if rate.at_least() > limits[name]:
                return Verdict(follows, name)
    if standing is Standing.SLOWED and not _has_recovered(seen, slow, smallest_sample):
        return Verdict(Standing.SLOWED)
    return Verdict(Standing.NORMAL)


def _has_recovered(seen: Mapping[str, Rate], slow: Limits, smallest_sample: int) -> bool:
    """Whether enough is seen again and well below the limits, or nothing any more."""
    if not any(rate.of for rate in seen.values()):
        return True
    measured = [(rate, slow[name]) for name, rate in seen.items() if rate.of]
    return all(rate.of >= smallest_sample and rate.share < _RECOVERED_BELOW * limit for rate, limit in measured)
