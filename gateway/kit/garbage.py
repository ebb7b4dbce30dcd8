"""Python's cyclic garbage collector, told what kind of process this is."""

from __future__ import annotations

import atexit
import gc

_YOUNG = 50_000
"""New objects after which the collector looks through them. Its own 700 makes thousands of rows that are decided at once
be looked through again and again: a fifth of the processor time of an order file."""


def settle() -> None:
    """Call once when catalog, model and code are in place: they stay, and are looked through no more."""
    gc.collect()
    gc.freeze()
    atexit.register(gc.unfreeze)  # else libraries that count what they made call it leaked when the process ends
    gc.set_threshold(_YOUNG, 20, 100)
