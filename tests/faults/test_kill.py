"""SIGKILL at random moments while orders stream in: nothing lost, nothing done twice, everything answerable."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Sequence
from pathlib import Path
from random import Random

import pytest

from tests.faults.checker import check_books, open_matters
from tests.faults.clients import OFFERS, Chatter, PartnerServer, Shopper, insist_on_saying
from tests.faults.gateway_process import Gateway, Stage, staged
from tests.faults.warm_starts import WarmStarts
from tests.waiting import wait_for

SHOPPERS, CHATTERS = 10, 6

_log = logging.getLogger(__name__)


@pytest.mark.timeout(300)
async def test_fifty_kills_lose_and_double_nothing_on_sqlite(
    sqlite_url: str, tmp_path: Path, starts: WarmStarts
) -> None:
    async with staged(sqlite_url, tmp_path, starts, people=SHOPPERS + CHATTERS, seed=1) as stage:
        await stream_and_kill(stage, kills=50, rng=Random(20261124))


@pytest.mark.postgresql
@pytest.mark.timeout(300)
async def test_fifteen_kills_lose_and_double_nothing_on_postgresql(
    postgresql_url: str, tmp_path: Path, starts: WarmStarts
) -> None:
    async with staged(postgresql_url, tmp_path, starts, people=SHOPPERS + CHATTERS, seed=2) as stage:
        await stream_and_kill(stage, kills=15, rng=Random(7))


async def stream_and_kill(stage: Stage, *, kills: int, rng: Random) -> None:
    begun = time.perf_counter()
    credentials = await stage.partner("shop")
    await stage.subscribers(SHOPPERS + CHATTERS, partner="shop")
    # Lost answers and slow ones leave orders in every state for a kill to meet.
    await stage.boss_faults(slow_seconds=0.03, lose_answer=0.1)
    gateway = stage.gateway()
    await gateway.start()
    await stage.point_callbacks(gateway)
    server = PartnerServer([gateway], credentials, rng)
    stop = asyncio.Event()
    chatters = [Chatter(stage, SHOPPERS + number) for number in range(1, CHATTERS + 1)]
    shopping = [Shopper(stage, server, person).shop(shuffled(rng), stop) for person in range(1, SHOPPERS + 1)]
    busy = asyncio.gather(*shopping, *(chatter.shop(stop) for chatter in chatters))
    try:
        await kill_often(gateway, kills, rng, busy)
        stop.set()
        await asyncio.wait_for(busy, 60)
    finally:
        busy.cancel()
        await server.close()
    streamed = time.perf_counter()
    await settle(stage)
    findings = await check_books(stage, server.promised)
    assert len(gateway.start_seconds) == kills + 1
    assert findings.ended["completed"] >= kills
    typical = sorted(gateway.start_seconds)[len(gateway.start_seconds) // 2]
    _log.info(
        "%d kills, start %.2f s; %d orders by REST, %d refused; %d rounds of chat; ended %s; back end: %d requests, "
        "%d effects; %.0f s streaming, %.0f s settling",
        kills, typical, len(server.promised), server.refused, sum(chatter.rounds for chatter in chatters),
        dict(findings.ended), findings.requests, findings.effects, streamed - begun, time.perf_counter() - streamed,
    )  # fmt: skip


def shuffled(rng: Random) -> Sequence[str]:
    return rng.sample(OFFERS, len(OFFERS))


async def kill_often(gateway: Gateway, kills: int, rng: Random, busy: asyncio.Future[list[None]]) -> None:
    for _ in range(kills):
        await asyncio.sleep(rng.uniform(0.0, 0.8))  # the moment of the fault, not a wait for something
        if busy.done():
            busy.result()  # a client that failed says why
        await gateway.kill()
        await gateway.start()


async def settle(stage: Stage) -> None:
    """Wait until no order is open and nothing is owed. An order that waits for its yes is still answered."""
    await stage.boss_faults()

    async def is_settled() -> bool:
        unfinished, owed = await stage.world.platform.store.read(open_matters)
        return unfinished == owed == 0

    for person in range(1, SHOPPERS + CHATTERS + 1):
        await insist_on_saying(stage, person, "是")
    await wait_for(is_settled, timeout=90, message="everything is settled")
