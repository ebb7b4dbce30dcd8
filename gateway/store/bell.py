"""A bell that several may wait for: each hears every ring since it last listened, whoever else heard it too."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterator


class Bell:
    """Wakes everybody who listens, in this process."""

    def __init__(self) -> None:
        self._listening: set[asyncio.Event] = set()

    def ring(self) -> None:
        """Wake all who listen."""
        for heard in self._listening:
            heard.set()

    @contextlib.contextmanager
    def listening(self) -> Iterator[asyncio.Event]:
        """Within the block, an event that each ring sets; its owner clears it."""
        heard = asyncio.Event()
        self._listening.add(heard)
        try:
            yield heard
        finally:
            self._listening.discard(heard)
