"""Whether a grant still holds, for the access tokens given out under it."""

from __future__ import annotations

from datetime import datetime, timedelta

from gateway.capabilities.grants import repository
from gateway.kit.clock import Clock
from gateway.store import Store

_FRESH_FOR = timedelta(seconds=3)
_REMEMBERED = 10_000


class LiveGrants:
    """Grants by id, remembered for three seconds: so long may other processes take to feel a revocation."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._known: dict[str, tuple[datetime, bool]] = {}

    async def holds(self, grant_id: str) -> bool:
        """Whether the grant was neither revoked, nor ended with its binding, nor outlived."""
        now = self._clock()
        known = self._known.get(grant_id)
        if known is not None and known[0] > now:
            return known[1]
        found = await self._store.read(repository.grant, grant_id)
        live = found is not None and found.is_live(now)
        if len(self._known) >= _REMEMBERED:
            self._known.clear()
        self._known[grant_id] = (now + _FRESH_FOR, live)
        return live

    def forget(self, grant_id: str) -> None:
        """Read the grant anew next time."""
        self._known.pop(grant_id, None)
