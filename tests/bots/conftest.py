"""The bot on a real platform with fake outside systems."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import timedelta
from typing import Any

import pytest

import bots.tables  # noqa: F401 - its table belongs to the schema that tests make
from bots.bot import Bot
from bots.claims import Claims
from bots.dialogue import Dialogue
from bots.late import LateAnswers
from bots.wechat.channel import WeChatCallbacks
from bots.wechat.links import as_text
from config.settings import WeChatSettings
from gateway.platform import Platform
from tests.bots.wechat_phone import ACCOUNT, MakeCallbacks, WeChatPhone
from tests.fixtures.world import World


@pytest.fixture
async def another(make_world: Callable[..., Any]) -> AsyncIterator[Callable[[World], Awaitable[Platform]]]:
    """Opens a further process's worth of platform over a world, and closes it before the world."""
    made: list[Platform] = []

    async def one(world: World) -> Platform:
        platform = world.another()
        made.append(platform)
        await platform.refresh()
        return platform

    yield one
    for platform in made:
        await platform.close()


@pytest.fixture
async def compose(another: Any) -> AsyncIterator[MakeCallbacks]:
    """Composes callbacks on a platform and closes them before it."""
    made: list[WeChatCallbacks] = []

    def one(platform: Platform, deadline: float = 4.5, account: WeChatSettings = ACCOUNT) -> WeChatCallbacks:
        store, clock = platform.store, platform.clock
        claims = Claims(platform.hot, platform.ids())
        bot = Bot(Dialogue(platform.invoke, platform.catalog, clock), store, claims, clock)
        late = LateAnswers(bot, store, platform.keys, clock, platform.ids, render={"wechat": as_text})
        platform.handlers.update(late.handlers())
        callbacks = WeChatCallbacks(
            account, bot, late, claims, platform.hot, clock, deadline=timedelta(seconds=deadline)
        )
        made.append(callbacks)
        return callbacks

    yield one
    for callbacks in made:
        await callbacks.close()


@pytest.fixture
def callbacks(world: World, compose: MakeCallbacks) -> WeChatCallbacks:
    """The account's callbacks on a fresh world."""
    return compose(world.platform)


@pytest.fixture
def phone(world: World, callbacks: WeChatCallbacks) -> WeChatPhone:
    """A person who is not bound yet."""
    return WeChatPhone(callbacks, world.clock)
