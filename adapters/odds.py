"""How often a stand-in's fault strikes."""

import re
from random import Random

_NEXT = re.compile(r"next ([0-9]{1,6})")


class Odds:
    """A fault's odds: a probability between 0 and 1, or "next N" for the next N events and no more.

    Raises:
        ValueError: it is neither.
    """

    def __init__(self, value: float | str = 0.0) -> None:
        self._left: int | None = None
        self._probability = 0.0
        if isinstance(value, str):
            found = _NEXT.fullmatch(value.strip())
            if found is None:
                raise ValueError('odds are a number from 0 to 1 or "next N"')
            self._left = int(found[1])
        elif 0.0 <= value <= 1.0:
            self._probability = float(value)
        else:
            raise ValueError("a probability lies between 0 and 1")

    @property
    def value(self) -> float | str:
        """What is left of it, in the form it was given."""
        return self._probability if self._left is None else f"next {self._left}"

    def strike(self, rng: Random) -> bool:
        """Whether this event is struck; counts "next N" down."""
        if self._left is None:
            return rng.random() < self._probability
        struck = self._left > 0
        self._left -= struck
        return struck
