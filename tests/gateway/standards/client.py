"""A gateway over real sockets, and a partner's server that calls it."""

from __future__ import annotations

import contextlib
import io
from collections.abc import AsyncIterator
from typing import Any, NamedTuple

import aiohttp

from gateway.app import create_app
from gateway.server import listen, serving
from tests.fixtures.world import OPERATOR, World

SCOPES = ("offers:*", "orders:*", "subscriptions:*", "recommendations:*", "bindings:*")


class Answer(NamedTuple):
    """What came back."""

    status: int
    body: Any
    headers: Any


class Client:
    """A partner's server."""

    def __init__(self, session: aiohttp.ClientSession, url: str, world: World) -> None:
        self.session = session
        self.url = url
        self.world = world
        self.headers: dict[str, str] = {}

    async def __call__(self, method: str, path: str, body: Any = None, **headers: str) -> Answer:
        sent = {**self.headers, **{name.replace("_", "-"): value for name, value in headers.items()}}
        data = {"data": io.BytesIO(body)} if isinstance(body, bytes) else {"json": body}
        async with self.session.request(method, self.url + path, headers=sent, **data) as response:
            return Answer(response.status, await response.json(content_type=None), response.headers)

    async def log_in(self, *scopes: str, partner: str = "shop", per_second: int | None = None) -> None:
        """Register a partner and show its token from now on."""
        given = await self.world.call(
            OPERATOR,
            "partners.create",
            id=partner,
            name="Shop",
            scopes=list(scopes or SCOPES),
            origins=[],
            per_second=per_second,
            per_day=None if per_second is None else 1_000_000_000,
        )
        form = {"grant_type": "client_credentials"}
        basic = {"Authorization": aiohttp.encode_basic_auth(given.client_id, given.client_secret)}
        async with self.session.post(self.url + "/oauth/token", data=form, headers=basic) as response:
            token = (await response.json())["access_token"]
        self.headers["Authorization"] = f"Bearer {token}"


@contextlib.asynccontextmanager
async def client_of(world: World) -> AsyncIterator[Client]:
    """A client of that world's gateway."""
    async with serving(create_app(world.platform), listen("127.0.0.1", 0)) as url, aiohttp.ClientSession() as session:
        yield Client(session, url, world)
