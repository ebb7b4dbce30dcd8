"""Waiting for news of the feed: however many wait in a process, one looks."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import structlog

from gateway.capabilities.events.repository import head
from gateway.store import Store, StoreUnavailable

_log = structlog.get_logger("events")


class EventFeed:
    """The newest event's number, as this process knows it, and a way to wait for the next one."""

    def __init__(self, store: Store, *, poll: timedelta = timedelta(milliseconds=100)) -> None:
        """`poll` is how soon events that another process numbered are seen here."""
        self._store = store
        self._poll = poll.total_seconds()
        self._head = 0
        self._news = asyncio.Event()
        self._waiters = 0
        self._looking: asyncio.Task[None] | None = None

    async def wait(self, after: int) -> int:
        """The number of the newest event, as soon as it is above `after`."""
        self._waiters += 1
        try:
            while self._head <= after:
                if self._looking is None:
                    self._looking = asyncio.create_task(self._look())
                await self._news.wait()
            return self._head
        finally:
            self._waiters -= 1

    def advance(self, newest: int) -> None:
        """Tell this process's waiters of an event they need not look for."""
        if newest > self._head:
            self._head = newest
            news, self._news = self._news, asyncio.Event()
            news.set()

    async def _look(self) -> None:
        try:
            while self._waiters:
                try:
                    self.advance(await self._store.read(head))
                except StoreUnavailable as error:
                    _log.warning("store unavailable", error=str(error))
                except Exception:  # noqa: BLE001 - those who wait must not wait for ever
                    _log.exception("looking for news failed")
                await asyncio.sleep(self._poll)
        finally:
            self._looking = None

    async def close(self) -> None:
        """Stop looking; those who still wait are their owners' to cancel."""
        if self._looking is not None:
            self._looking.cancel()
            await asyncio.gather(self._looking, return_exceptions=True)
