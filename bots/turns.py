"""One message of an account at a time."""

from __future__ import annotations

import asyncio
from collections import deque

from bots.claims import Claims

_POLL_SECONDS = 0.03


class Turns:
    """Lets the messages of one account in one after the other: in order within this process, by claims between several."""

    def __init__(self, claims: Claims) -> None:
        self._claims = claims
        self._queues: dict[str, deque[asyncio.Future[None]]] = {}

    async def take(self, account: str) -> None:
        """Wait until it is our turn. Give it back with `give`, whatever happens."""
        queue = self._queues.get(account)
        if queue is None:
            self._queues[account] = deque()
        else:
            await self._queue_up(account, queue)
        try:
            key = f"turn:{account}"
            while not await self._claims.take(key):  # noqa: ASYNC110 - another process gives no signal
                await asyncio.sleep(_POLL_SECONDS)
        except BaseException:
            self._let_next(account)
            raise

    async def give(self, account: str) -> None:
        """Let the next one in."""
        try:
            await self._claims.release(f"turn:{account}")
        finally:
            self._let_next(account)

    async def _queue_up(self, account: str, queue: deque[asyncio.Future[None]]) -> None:
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        queue.append(turn)
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():  # it was our turn just then
                self._let_next(account)
            raise

    def _let_next(self, account: str) -> None:
        queue = self._queues[account]
        while queue:
            turn = queue.popleft()
            if not turn.done():
                turn.set_result(None)
                return
        del self._queues[account]
