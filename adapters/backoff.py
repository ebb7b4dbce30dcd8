"""Waiting between tries of one call."""

from collections.abc import Iterator
from random import Random

import msgspec


class Backoff(msgspec.Struct, frozen=True):
    """How often a call is tried and how long it waits in between: exponential, with full jitter, and capped."""

    tries: int = 3
    first_seconds: float = 0.2
    cap_seconds: float = 5.0

    def waits(self, rng: Random) -> Iterator[float]:
        """The `tries - 1` waits in seconds that lie between the tries."""
        for again in range(self.tries - 1):
            yield rng.uniform(0.0, min(self.cap_seconds, self.first_seconds * 2**again))
