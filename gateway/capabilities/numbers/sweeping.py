"""Going through all bound numbers, a little at a time."""

from __future__ import annotations

import structlog

from adapters.errors import UpstreamError
from config.settings import NumberCheckSettings
from gateway.capabilities.numbers.checking import NumberChecks
from gateway.capabilities.numbers.repository import bound_after
from gateway.kit.clock import Clock
from gateway.store import Clash, Store
from gateway.store.hot import HotState

EVERY = 60.0
"""Seconds between two rounds."""
_PAGE = 1000
_log = structlog.get_logger("numbers")


class NumberSweep:
    """Checks each bound number once in a while; of the processes of an installation one at a time."""

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
        """Look at up to a thousand bound subscribers and check those that are due, so many a minute; how many."""
        if not await self._hot.add("number-sweep", b"1", EVERY * 0.75):
            return 0
        page = await self._store.read(bound_after, self._after, _PAGE)
        due_before = self._clock() - self._rules.sweep_every
        checked = 0
        for subscriber_id, at in page:
            if at is None or at <= due_before:
                if checked == self._rules.sweep_per_minute:
                    return checked
                if not await self._checked(subscriber_id):
                    return checked
                checked += 1
            self._after = subscriber_id
        if len(page) < _PAGE:
            self._after = 0
        return checked

    async def _checked(self, subscriber_id: int) -> bool:
        try:
            await self._checks.check(subscriber_id)
        except Clash:  # somebody else checks it at this moment
            return True
        except UpstreamError as error:
            _log.warning("the sweep of numbers stops until its next round", error=str(error))
            return False
        return True
