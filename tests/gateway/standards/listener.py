"""A listener of a hub behind a real socket, and a sender of webhooks that reaches it."""

from __future__ import annotations

import contextlib
import ipaddress
from collections.abc import AsyncIterator, Callable
from typing import Any, NamedTuple

import msgspec
from aiohttp import web

from adapters.webhooks.client import WebhookClient
from config.settings import WebhookSettings
from gateway.platform import Outside, Platform
from tests.gateway.standards.client import SCOPES, Client, client_of

HERE = WebhookSettings(allowed_networks=(ipaddress.ip_network("127.0.0.0/8"),))


class Heard(NamedTuple):
    """One delivery."""

    path: str
    headers: dict[str, str]
    raw: bytes
    body: dict[str, Any]

    @property
    def kind(self) -> str:
        """The standard's type of event."""
        return str(self.body["eventType"])

    @property
    def resource(self) -> dict[str, Any]:
        """What the event is about."""
        (resource,) = self.body["event"].values()
        return dict(resource)


class Listener:
    """Takes what is sent to it."""

    def __init__(self, client: Client, url: str, sender: Platform) -> None:
        self.client = client
        self.world = client.world
        self.url = url
        self._sender = sender
        self._got: list[Heard] = []

    async def take(self, request: web.Request) -> web.Response:
        """One delivery over HTTP."""
        raw = await request.read()
        self._got.append(Heard(request.path, dict(request.headers), raw, msgspec.json.decode(raw)))
        return web.Response(status=201)

    async def register(self, base: str, query: str | None = None) -> dict[str, Any]:
        """Register with the hub of the interface at that path; what it answers."""
        made = await self.client("POST", f"{base}/hub", {"callback": self.url, "query": query})
        assert made.status == 201, made.body
        return dict(made.body)

    async def hear(self) -> list[Heard]:
        """What is sent now, in order."""
        before = len(self._got)
        await self.world.platform.sequencer.number()
        await self._sender.webhooks.run_due()
        return self._got[before:]


@contextlib.asynccontextmanager
async def listening(make_world: Callable[..., Any], database_url: str) -> AsyncIterator[Listener]:
    """A gateway with a partner `shop`, which may use hubs, and its listener."""
    world = await make_world(database_url, webhooks=HERE)
    async with client_of(world) as client, contextlib.aclosing(WebhookClient(allowed=HERE.allowed_networks)) as post:
        sender = Platform(world.settings, Outside(world.boss, world.sms, {}, post), clock=world.clock)
        await sender.catalog.refresh(sender.store)
        listener = Listener(client, "", sender)
        app = web.Application()
        app.router.add_post("/{path:.*}", listener.take)
        runner = web.AppRunner(app)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        port = site._server.sockets[0].getsockname()[1]  # type: ignore[union-attr] # it was started
        listener.url = f"http://127.0.0.1:{port}/tmf"
        await client.log_in(*SCOPES, "webhooks:*")
        try:
            yield listener
        finally:
            await runner.cleanup()
            await sender.close()
