"""Letting go of those who may be connected no longer: suspended, or without the grant or binding they rest on."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Sequence
from datetime import timedelta

import structlog

from gateway.capabilities.bindings import withdrawn_bindings
from gateway.errors import Unavailable
from gateway.store import Store, StoreUnavailable
from gateway.surfaces.websocket.connected import Connected, Member

_AT_ONCE = 500
"""Connections looked at before others have their turn; their bindings are one query."""
_log = structlog.get_logger("websocket")


class Standing:
    """Looks at all connections of the process, again and again. Each call is decided for itself; this ends the silence."""

    def __init__(self, connected: Connected, store: Store, every: timedelta) -> None:
        self._connected = connected
        self._store = store
        self._every = every.total_seconds()

    async def run(self) -> None:
        """Look until cancelled."""
        while True:
            await asyncio.sleep(self._every * random.uniform(0.8, 1.2))  # noqa: S311 - jitter, not a secret
            try:
                await self.look()
            except (StoreUnavailable, Unavailable) as error:
                _log.warning("store unavailable", error=str(error))
            except Exception:  # noqa: BLE001 - the others are looked at the next time
                _log.exception("looking at connections failed")

    async def look(self) -> None:
        """Close every connection whose ground is gone.

        Raises:
            StoreUnavailable, Unavailable: it cannot be found out now.
        """
        members = self._connected.members()
        for start in range(0, len(members), _AT_ONCE):
            some = members[start : start + _AT_ONCE]
            await self._refuse(some)
            await self._withdraw(some)

    async def _refuse(self, members: Sequence[Member]) -> None:
        for member in members:
            refusal = await member.refusal()
            if refusal is not None:
                member.withdraw(str(refusal.extra["reason"]))
        await asyncio.sleep(0)

    async def _withdraw(self, members: Sequence[Member]) -> None:
        """Those who connected after their binding was suspended may stay: that is how a number is proved again."""
        resting = [(member, *member.rests_on()) for member in members]
        named = {of for _, of, _ in resting if of is not None}
        if not named:
            return
        accounts = {of for of in named if ":" in of}
        gone = await self._store.read(withdrawn_bindings, named - accounts, accounts)
        for member, of, since in resting:
            if of is not None and of in gone and gone[of] >= since:
                member.withdraw("binding_suspended_or_ended")
