"""A gateway over real sockets, seen by a partner that speaks the standards."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from tests.fixtures.world import World
from tests.gateway.standards.client import Client, client_of
from tests.gateway.standards.listener import Listener, listening


@pytest.fixture
async def client(world: World) -> AsyncIterator[Client]:
    """A client of a fresh gateway, once on SQLite and once on PostgreSQL."""
    async with client_of(world) as opened:
        yield opened


@pytest.fixture
async def small(make_world: Callable[..., Any], sqlite_url: str) -> AsyncIterator[Client]:
    """A client of a fresh gateway on SQLite, for what the database has no part in."""
    async with client_of(await make_world(sqlite_url)) as opened:
        yield opened


@pytest.fixture
async def listener(make_world: Callable[..., Any], sqlite_url: str) -> AsyncIterator[Listener]:
    """A listener of a fresh gateway on SQLite, which a partner may register with every hub."""
    async with listening(make_world, sqlite_url) as opened:
        yield opened
