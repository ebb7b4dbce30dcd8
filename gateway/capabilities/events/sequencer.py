"""Numbering events in one order without gaps.

A number given when an event is recorded would be seen before a smaller one whose transaction takes longer, and who reads
"after 7" would miss that one for ever. So events get their numbers after their commit, from whoever is first.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections import defaultdict
from collections.abc import Callable, Sequence
from datetime import timedelta

import structlog

from gateway.capabilities.events.feed import EventFeed
from gateway.capabilities.events.repository import Waiting, list_waiting
from gateway.capabilities.events.tables import events
from gateway.store import Clash, Store, StoreUnavailable, Unit

_BATCH = 1000
_log = structlog.get_logger("events")


class Sequencer:
    """Gives committed events their numbers. Several may run: they want the same numbers, and the later one clashes."""

    def __init__(
        self,
        store: Store,
        feed: EventFeed,
        *,
        poll: timedelta = timedelta(milliseconds=100),
        chance: Callable[[], float] = random.random,
    ) -> None:
        """`poll` is how soon events of another process are found."""
        self._store = store
        self._feed = feed
        self._poll = poll.total_seconds()
        self._chance = chance

    async def run(self) -> None:
        """Number events as they come, until cancelled."""
        with self._store.work_arrived.listening() as arrived:
            while True:
                arrived.clear()
                pause = self._poll
                try:
                    if await self.number() == _BATCH:
                        continue
                except Clash:  # another process is at it, and will see ours too
                    pause *= 10
                except StoreUnavailable as error:
                    _log.warning("store unavailable", error=str(error))
                    pause *= 10
                except Exception:  # noqa: BLE001 - without numbers nobody would hear of anything
                    _log.exception("numbering failed")
                    pause *= 10
                await self._rest(arrived, pause)

    async def _rest(self, arrived: asyncio.Event, pause: float) -> None:
        pause *= 0.5 + self._chance() / 2
        if pause > self._poll:
            await asyncio.sleep(pause)
            return
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(arrived.wait(), pause)

    async def number(self) -> int:
        """Number up to a thousand events; how many were numbered.

        Raises:
            Clash: another sequencer was first.
        """
        newest, waiting = await self._store.read(list_waiting, _BATCH)
        if not waiting:
            return 0
        unit = Unit()
        for seq, event in enumerate(in_order(waiting), newest + 1):
            unit.update(events, {"id": event.id}, seq=seq)
        await self._store.commit(unit)
        self._feed.advance(newest + len(waiting))
        return len(waiting)


def in_order(waiting: Sequence[Waiting]) -> list[Waiting]:
    """The events in the order they get: by id, but those of one key by their steps, in the places their ids give them.

    Ids follow the clock of the machine that made them; the steps of an order taken on two machines follow no clock.
    """
    of_key: defaultdict[str, list[Waiting]] = defaultdict(list)
    for event in waiting:
        of_key[event.key].append(event)
    steps = {key: iter(sorted(found, key=lambda event: (event.step, event.id))) for key, found in of_key.items()}
    return [next(steps[event.key]) for event in waiting]
