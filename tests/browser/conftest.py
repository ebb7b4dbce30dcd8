"""The real gateway with outside systems in memory, served on a real socket, and a browser page on it."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
from playwright.async_api import Locator, Page

from gateway.app import create_app
from gateway.kit.clock import utc_now
from gateway.server import listen, serving
from tests.fixtures.world import CODE, OPERATOR, World

PHONE = "13800001111"
"""Number of the subscriber that visitors turn out to be."""


class Portal:
    """The demo portal as one visitor sees it."""

    def __init__(self, world: World, url: str, page: Page) -> None:
        self.world = world
        self.url = url
        self.page = page
        self.offers = page.locator("tuila-recommendations")
        self.orders = page.locator("tuila-orders")
        self.dialog = page.get_by_role("dialog")

    async def open(self, query: str = "") -> None:
        """Go to the portal and wait until something is recommended."""
        await self.page.goto(f"{self.url}/portal{query}")
        await self.card().wait_for()

    def card(self, number: int = 0) -> Locator:
        """A recommended offer, the first being 0."""
        return self.offers.get_by_role("listitem").nth(number)

    async def name(self, number: int = 0) -> str:
        """What the offer on a card is called."""
        return await self.card(number).get_by_role("heading", level=3).inner_text()

    async def bind(self, place: Locator, phone: str = PHONE) -> None:
        """Prove a phone number in the form that is open in `place`."""
        await place.get_by_role("textbox", name="手机号").fill(phone)
        await place.get_by_role("button", name="获取验证码").click()
        await place.get_by_role("textbox", name="验证码").fill(CODE)
        await place.get_by_role("button", name="验证并继续").click()


@contextlib.asynccontextmanager
async def at_work(world: World) -> AsyncIterator[None]:
    """Have the outbox's work done meanwhile."""
    worker = asyncio.create_task(world.platform.worker().run())
    try:
        yield
    finally:
        worker.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await worker


@pytest.fixture
async def portal(make_world: Callable[..., Any], sqlite_url: str, page: Page) -> AsyncIterator[Portal]:
    # Browsers have a clock of their own: what expires must do so by the same one.
    world = await make_world(sqlite_url, clock=utc_now)
    await world.subscriber(phone=f"+86{PHONE}")
    listener = listen("127.0.0.1", 0)
    async with serving(create_app(world.platform), listener) as url, at_work(world):
        await world.call(
            OPERATOR, "partners.create", id="demo-portal", name="Portal", scopes=["recommendations:*"], origins=[url]
        )
        yield Portal(world, url, page)
