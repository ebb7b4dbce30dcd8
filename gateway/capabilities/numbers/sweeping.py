"""Going through all bound numbers, a little at a time."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Sequence

import structlog

from adapters.camara.protocol import INVALID_ARGUMENT
from adapters.errors import UpstreamError, UpstreamRefused
from config.settings import NumberCheckSettings
from gateway.capabilities.numbers.checking import NumberChecks
from gateway.capabilities.numbers.repository import bound_after
from gateway.kit.clock import Clock
from gateway.store import Clash, Store
from gateway.store.hot import HotState

LOOKS = 1.0
"""Seconds between two looks whether a round is due."""
_ROUND = 5.0
"""Seconds that belong to one round, of whichever process is first."""
_PAGE = 1000
_PAGES = 20
"""Pages read in one round, at most: most of what they hold is fresh."""
_log = structlog.get_logger("numbers")


class NumberSweep:
    """Checks each bound number once in a while. The processes of an installation share one rate."""

    def __init__(
        self, store: Store, hot: HotState, checks: NumberChecks, rules: NumberCheckSettings, clock: Clock
    ) -> None:
        self._store = store
        self._hot = hot
        self._checks = checks
        self._rules = rules
        self._clock = clock
        self._after = 0
        """The last subscriber looked at; after a restart the round begins anew, and passes over what is fresh."""

    async def sweep(self) -> int:
        """Check the next bound numbers that are due, as many as one round may; how many."""
        if not await self._hot.add("number-sweep", b"1", _ROUND):
            return 0
        left = math.ceil(self._rules.sweep_per_minute * _ROUND / 60)
        checked = 0
        for _ in range(_PAGES):
            page = await self._store.read(bound_after, self._after, _PAGE)
            due_before = self._clock() - self._rules.sweep_every
            due = [one for one, at in page if at is None or at <= due_before]
            done = await self._check(due[: left - checked])
            checked += done
            if done < len(due):
                break
            self._after = page[-1][0] if len(page) == _PAGE else 0
            if self._after == 0:
                break
        return checked

    async def _check(self, due: Sequence[int]) -> int:
        """Check these, some at a time, until the network fails; how many were checked."""
        checked, at_once = 0, self._rules.sweep_at_once
        for start in range(0, len(due), at_once):
            some = due[start : start + at_once]
            done = sum(await asyncio.gather(*(self._checked(one) for one in some)))
            checked += done
            if done < len(some):
                break
            self._after = some[-1]
        return checked

    async def _checked(self, subscriber_id: int) -> bool:
        try:
            await self._checks.check(subscriber_id)
        except Clash:  # somebody else checks it at this moment
            return True
        except UpstreamError as error:
            if isinstance(error, UpstreamRefused) and error.code == INVALID_ARGUMENT:
                _log.warning("the network does not take a number", subscriber=subscriber_id, error=str(error))
                return True
            _log.warning("the sweep of numbers stops until its next round", error=str(error))
            return False
        return True
