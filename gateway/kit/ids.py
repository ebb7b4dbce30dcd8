"""Sortable identifiers."""

from __future__ import annotations

import itertools
import os
from collections.abc import Callable, Iterator
from datetime import datetime

import numpy as np

from gateway.kit.clock import Clock, utc_now

_VARIANT = {digit: "89ab"[number & 3] for number, digit in enumerate("0123456789abcdef")}
"""Any random digit with its two upper bits set to the variant of RFC 9562."""
_COUNTER = np.arange(4096, dtype=np.uint16)
_DIGITS = [at for at in range(36) if at not in (8, 13, 18, 23)]
"""Where the text of an id has digits; a dash is in each other place."""


class Ids:
    """Makes UUIDv7 texts (RFC 9562 §5.7) that never go backwards within one process.

    The 12 bits after the millisecond are a counter, so ids made in one millisecond keep their order.
    """

    def __init__(self, clock: Clock = utc_now, random_bytes: Callable[[int], bytes] = os.urandom) -> None:
        self._clock = clock
        self._random_bytes = random_bytes
        self._last = 0
        self._tails: list[str] = []

    def __call__(self) -> str:
        tick = max((int(self._clock().timestamp() * 1000) << 12), self._last + 1)
        self._last = tick
        if not self._tails:  # one call of the system for many ids
            drawn = self._random_bytes(8 * 256).hex()
            self._tails = [drawn[at : at + 16] for at in range(0, len(drawn), 16)]
        tail = self._tails.pop()
        text = f"{tick:015x}"  # 12 digits of milliseconds, 3 of counter
        variant = _VARIANT[tail[0]]
        return f"{text[:8]}-{text[8:12]}-7{text[12:]}-{variant}{tail[1:4]}-{tail[4:]}"


def ids_of(moment: datetime, random_bytes: Callable[[int], bytes] = os.urandom) -> Iterator[str]:
    """Ids of one moment without end, in order: for thousands at once, at a tenth of what as many calls cost.

    More than 4,096 go on into the milliseconds after it.
    """
    milliseconds = itertools.count(int(moment.timestamp() * 1000))
    return itertools.chain.from_iterable(_ids_within(millisecond, random_bytes) for millisecond in milliseconds)


def _ids_within(millisecond: int, random_bytes: Callable[[int], bytes]) -> list[str]:
    raw = np.empty((4096, 16), np.uint8)
    raw[:, :6] = np.frombuffer(millisecond.to_bytes(6, "big"), np.uint8)
    raw[:, 6:8] = (_COUNTER | 0x7000).astype(">u2").view(np.uint8).reshape(-1, 2)
    raw[:, 8:] = np.frombuffer(random_bytes(8 * 4096), np.uint8).reshape(-1, 8)
    raw[:, 8] = raw[:, 8] & 0x3F | 0x80
    text = np.full((4096, 36), ord("-"), np.uint8)
    text[:, _DIGITS] = np.frombuffer(raw.tobytes().hex().encode(), np.uint8).reshape(-1, 32)
    joined = text.tobytes().decode()
    return [joined[at : at + 36] for at in range(0, len(joined), 36)]


def first_id(moment: datetime) -> str:
    """A text before every id made at the moment or later, and after every earlier one: ids begin with their milliseconds."""
    digits = f"{int(moment.timestamp() * 1000):012x}"
    return f"{digits[:8]}-{digits[8:]}-"
