"""The token in hot state: one refresh at a time over processes, and no late token over a newer one."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import pytest

from adapters.wechat.token import AccessToken, AccessTokenKeeper, Fetched
from bots.wechat.token_store import HotTokenStore
from gateway.store.hot import HotState, LocalHotState, RedisHotState

NOON = datetime(2026, 11, 24, 4, 0, tzinfo=UTC)
LEASE = timedelta(seconds=15)


@pytest.fixture(params=["local", pytest.param("redis", marks=pytest.mark.redis)])
async def hot(request: pytest.FixtureRequest) -> AsyncIterator[HotState]:
    opened = LocalHotState() if request.param == "local" else RedisHotState(request.getfixturevalue("redis_url"))
    yield opened
    await opened.close()


def token(version: int) -> AccessToken:
    return AccessToken(f"token-{version}", NOON + timedelta(hours=2), version)


async def test_a_lease_is_held_by_one_and_numbers_only_rise(hot: HotState) -> None:
    one, two = HotTokenStore(hot, "wx1"), HotTokenStore(hot, "wx1")
    first = await one.acquire("p1", LEASE)
    assert first is not None
    assert await two.acquire("p2", LEASE) is None
    assert await HotTokenStore(hot, "wx2").acquire("p2", LEASE) is not None
    await two.release("p2", first)
    assert await two.acquire("p2", LEASE) is None
    await one.release("p1", first)
    second = await two.acquire("p2", LEASE)
    assert second is not None and second > first


async def test_one_who_lost_the_lease_cannot_give_back_the_next_ones(hot: HotState) -> None:
    one, two = HotTokenStore(hot, "wx1"), HotTokenStore(hot, "wx1")
    first = await one.acquire("p1", timedelta(milliseconds=200))
    assert first is not None
    while (second := await two.acquire("p2", LEASE)) is None:
        await asyncio.sleep(0)
    await one.release("p1", first)
    assert await one.acquire("p1", LEASE) is None
    assert second > first


async def test_a_late_token_is_dropped(hot: HotState) -> None:
    store = HotTokenStore(hot, "wx1")
    assert await store.get() is None
    assert await store.put(token(2))
    assert not await store.put(token(1))
    assert await store.get() == token(2)
    assert await store.put(token(3))
    assert await store.get() == token(3)


async def test_tokens_put_at_once_leave_the_newest(hot: HotState) -> None:
    store = HotTokenStore(hot, "wx1")
    await asyncio.gather(*(store.put(token(version)) for version in (3, 1, 5, 2, 4)))
    assert await store.get() == token(5)


async def test_many_keepers_that_need_a_token_fetch_once(hot: HotState) -> None:
    fetched: list[bool] = []

    async def fetch(force: bool) -> Fetched:
        fetched.append(force)
        await asyncio.sleep(0)
        return Fetched(f"token-{len(fetched)}", timedelta(hours=2))

    keepers = [
        AccessTokenKeeper(HotTokenStore(hot, "wx1"), fetch, f"p{n}", clock=lambda: NOON, poll_seconds=0.001)
        for n in range(4)
    ]
    tokens = await asyncio.gather(*(keeper.token() for keeper in keepers for _ in range(3)))
    assert {each.value for each in tokens} == {"token-1"} and fetched == [False]
    renewed = await asyncio.gather(*(keeper.renew(tokens[0]) for keeper in keepers))
    assert {each.value for each in renewed} == {"token-2"} and len(fetched) == 2
