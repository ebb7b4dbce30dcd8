"""One at a time for each account, whatever happens to those who wait."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from bots.claims import Claims
from bots.turns import Turns
from gateway.store.hot import LocalHotState
from tests.waiting import wait_for


@pytest.fixture
async def hot() -> LocalHotState:
    return LocalHotState()


@pytest.fixture
async def claims(hot: LocalHotState) -> AsyncIterator[Claims]:
    made = Claims(hot, "p1", lease=0.2)
    yield made
    await made.close()


async def test_those_who_wait_go_in_in_order(claims: Claims) -> None:
    turns, entered, inside = Turns(claims), [], 0

    async def enter(number: int) -> None:
        nonlocal inside
        await turns.take("a")
        assert inside == 0
        inside += 1
        entered.append(number)
        await asyncio.sleep(0)
        inside -= 1
        await turns.give("a")

    await asyncio.gather(*(enter(number) for number in range(20)))
    assert entered == list(range(20)) and not turns._queues


async def test_one_who_gives_up_waiting_holds_up_nobody(claims: Claims) -> None:
    turns = Turns(claims)
    await turns.take("a")
    gives_up, stays = (asyncio.create_task(turns.take("a")) for _ in range(2))
    await asyncio.sleep(0)
    gives_up.cancel()
    await asyncio.sleep(0)
    await turns.give("a")
    await asyncio.wait_for(stays, 1)
    await turns.give("a")
    assert not turns._queues


async def test_accounts_do_not_wait_for_one_another(claims: Claims) -> None:
    turns = Turns(claims)
    await turns.take("a")
    await asyncio.wait_for(turns.take("b"), 1)


async def test_two_processes_take_turns_and_a_dead_ones_turn_ends(hot: LocalHotState, claims: Claims) -> None:
    other = Claims(hot, "p2", lease=0.2)
    one, two = Turns(claims), Turns(other)
    await one.take("a")
    waiting = asyncio.create_task(two.take("a"))
    await asyncio.sleep(0)
    assert not waiting.done()
    await claims.close()  # it renews no more, as if it were dead
    await asyncio.wait_for(waiting, 2)
    await other.close()


async def test_a_claim_lasts_as_long_as_its_work(hot: LocalHotState) -> None:
    claims, other = Claims(hot, "p1", lease=0.1), Claims(hot, "p2", lease=0.1)
    assert await claims.take("k")
    loop = asyncio.get_running_loop()
    end = loop.time() + 0.4
    await wait_for(lambda: loop.time() > end)
    assert not await other.take("k")
    await claims.release("k")
    assert await other.take("k")
    for each in (claims, other):
        await each.close()
