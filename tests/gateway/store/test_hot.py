"""Hot state, the same in the process and in Redis."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable

import pytest

from gateway.store import StoreUnavailable
from gateway.store.hot import HotState, LocalHotState, RedisHotState
from tests.waiting import wait_for


@pytest.fixture(params=["local", "redis"])
async def hot(request: pytest.FixtureRequest) -> AsyncIterator[HotState]:
    made: HotState
    made = LocalHotState() if request.param == "local" else RedisHotState(request.getfixturevalue("redis_url"))
    yield made
    await made.close()


async def test_only_the_first_claim_of_a_key_succeeds(hot: HotState) -> None:
    taken = await asyncio.gather(*(hot.add("claim", str(number).encode(), 10) for number in range(20)))
    assert sum(taken) == 1


async def test_a_value_ends_with_its_life(hot: HotState) -> None:
    await hot.put("short", b"1", 0.05)

    async def is_gone() -> bool:
        return await hot.get("short") is None

    await wait_for(is_gone)
    assert await hot.add("short", b"2", 10)


async def test_counts_at_once_are_all_counted(hot: HotState) -> None:
    counts = await asyncio.gather(*(hot.count("n", 10) for _ in range(50)))
    assert sorted(counts) == list(range(1, 51))


async def test_a_key_is_deleted_only_by_who_holds_it(hot: HotState) -> None:
    await hot.put("lease", b"mine", 10)
    assert not await hot.delete("lease", b"yours")
    assert await hot.delete("lease", b"mine")
    assert not await hot.delete("lease")


async def test_one_who_waits_is_told_when_the_value_comes(hot: HotState) -> None:
    waiting = asyncio.create_task(hot.wait("answer", 5))
    await asyncio.sleep(0)
    await hot.put("answer", b"42", 10)
    assert await waiting == b"42"
    assert await hot.wait("nothing", 0.05) is None


async def test_memory_stays_bounded_as_keys_come_and_go() -> None:
    now = [0.0]
    clock: Callable[[], float] = lambda: now[0]  # noqa: E731 - a clock in one line
    hot = LocalHotState(clock)
    for number in range(50_000):
        now[0] += 0.001
        await hot.add(f"nonce:{number}", b"1", 1.0)
    assert hot.size < 10_000


async def test_a_redis_that_does_not_answer_is_unavailable(free_port: int) -> None:
    hot = RedisHotState(f"redis://127.0.0.1:{free_port}/0")
    for asked in (hot.get("k"), hot.put("k", b"1", 1), hot.add("k", b"1", 1), hot.count("k", 1), hot.delete("k")):
        with pytest.raises(StoreUnavailable):
            await asked
    await hot.close()
