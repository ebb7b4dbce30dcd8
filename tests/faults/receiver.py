"""A partner's own server that events are sent to, and all the ways in which it does not take them."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import Awaitable, Callable
from typing import NamedTuple

from aiohttp import web
from standardwebhooks.webhooks import Webhook

from tests.fixtures.server_process import free_tcp_port


class Told(NamedTuple):
    """One delivery of an order's event that was taken."""

    id: str
    order: str
    version: int
    state: str


Mood = Callable[[web.Request], Awaitable[web.StreamResponse]]
"""What becomes of a delivery."""


class WebhookReceiver:
    """Notes every delivery it takes, after its signature; a `mood` decides whether it takes one."""

    def __init__(self) -> None:
        self.taken: list[Told] = []
        self.asked: Counter[str] = Counter()
        """Attempts by event, those that were not taken among them."""
        self.mood: Mood = self.take
        self.port = free_tcp_port()
        self.url = f"http://127.0.0.1:{self.port}/hooks"
        self.secret = ""
        self._bodies: dict[str, bytes] = {}
        self._runner: web.AppRunner | None = None

    async def open(self) -> None:
        """Listen."""
        app = web.Application()
        app.router.add_post("/hooks", self._deal_with)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", self.port, reuse_address=True).start()

    async def close(self) -> None:
        """Listen no more: connections are refused."""
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None

    async def _deal_with(self, request: web.Request) -> web.StreamResponse:
        body = await request.read()
        Webhook(self.secret).verify(body, dict(request.headers))  # raises, and so is a 500 that ends no test well
        event_id = request.headers["webhook-id"]
        assert self._bodies.setdefault(event_id, body) == body, f"{event_id} came with another body"
        self.asked[event_id] += 1
        return await self.mood(request)

    # Moods

    async def take(self, request: web.Request) -> web.StreamResponse:
        """Note it and say so."""
        event_id = request.headers["webhook-id"]
        data = json.loads(self._bodies[event_id])["data"]
        self.taken.append(Told(event_id, data["order"], data["version"], data["state"]))
        return web.Response(status=204)

    async def take_slowly(self, request: web.Request) -> web.StreamResponse:
        """Note it and say so, in a while."""
        await asyncio.sleep(0.1)  # the fault
        return await self.take(request)

    async def take_and_hang_up(self, request: web.Request) -> web.StreamResponse:
        """Note it, and cut the connection where the answer is due."""
        await self.take(request)
        assert request.transport is not None
        request.transport.abort()
        return web.Response()

    async def hang(self, request: web.Request) -> web.StreamResponse:
        """Never answer."""
        await asyncio.Event().wait()
        raise AssertionError("unreachable")

    def answering(self, status: int, **headers: str) -> Mood:
        """A mood that takes nothing and answers this."""

        async def refuse(request: web.Request) -> web.StreamResponse:
            return web.Response(status=status, headers={name.replace("_", "-"): text for name, text in headers.items()})

        return refuse
