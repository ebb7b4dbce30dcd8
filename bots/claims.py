"""Claims in hot state that last as long as their work, however long that is, and end soon after a crash."""

from __future__ import annotations

import asyncio

from gateway.store.hot import HotState


class Claims:
    """Claims of one process. A claim is a lease of `lease` seconds; those held longer are renewed by one timer for all.

    A process that dies lets its claims run out. One that stands still for longer than a lease may find that another
    went on with its work, so what a claim protects from is double effort, never a double effect.
    """

    def __init__(self, hot: HotState, owner: str, *, lease: float = 6.0) -> None:
        self._hot = hot
        self._owner = b"?" + owner.encode()
        self._lease = lease
        self._held: set[str] = set()
        self._renewing: asyncio.Task[None] | None = None

    async def take(self, key: str) -> bool:
        """Claim the key unless somebody has; whether it is ours now."""
        if not await self._hot.add(key, self._owner, self._lease):
            return False
        self._held.add(key)
        if self._renewing is None:
            self._renewing = asyncio.create_task(self._renew())
        return True

    async def release(self, key: str) -> None:
        """Give the key back."""
        self._held.discard(key)
        await self._hot.delete(key, self._owner)

    async def settle(self, key: str, value: bytes, ttl: float) -> None:
        """Put a lasting value in the claim's place. It must not begin with `?`."""
        self._held.discard(key)
        await self._hot.put(key, value, ttl)

    @staticmethod
    def is_claim(value: bytes) -> bool:
        """Whether a value of hot state is somebody's claim."""
        return value.startswith(b"?")

    async def close(self) -> None:
        """Renew nothing any more."""
        if self._renewing is not None:
            self._renewing.cancel()

    async def _renew(self) -> None:
        # One task for all claims, so that the usual message, long done by then, pays nothing for it.
        seen: set[str] = set()
        while True:
            await asyncio.sleep(self._lease / 4)
            for key in seen & self._held:
                if await self._hot.get(key) == self._owner:
                    await self._hot.put(key, self._owner, self._lease)
            seen = set(self._held)
