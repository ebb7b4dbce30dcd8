"""The back end loses answers, is slow, is down and comes back: an unknown outcome is settled by asking."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from random import Random

import pytest
from sqlalchemy import Connection, select

from gateway.capabilities.orders.tables import order_transitions
from tests.faults.checker import Findings, check_books, open_matters
from tests.faults.clients import OFFERS, PartnerServer, insist_on_saying
from tests.faults.gateway_process import Stage, staged
from tests.faults.warm_starts import WarmStarts
from tests.waiting import wait_for

PEOPLE = 6


@pytest.mark.timeout(240)
async def test_answers_that_are_lost_slow_or_refused_for_a_while_double_nothing(
    sqlite_url: str, tmp_path: Path, starts: WarmStarts
) -> None:
    async with staged(sqlite_url, tmp_path, starts, people=PEOPLE) as stage:
        credentials = await stage.partner("shop")
        await stage.subscribers(PEOPLE, partner="shop")
        gateway = stage.gateway()
        await gateway.start()
        await stage.point_callbacks(gateway)
        server = PartnerServer([gateway], credentials, Random(3))
        try:
            await stage.boss_faults(lose_answer=1.0)
            await order_and_confirm(stage, server, OFFERS[0])
            await settled(stage)
            assert await stage.world.platform.store.read(times_unknown) == PEOPLE

            await stage.boss_faults(slow_seconds=1.0)  # longer than we wait for it
            await order_and_confirm(stage, server, OFFERS[2])
            await wait_for(lambda: has_unknown(stage, 2 * PEOPLE), timeout=20, message="slow orders are unknown")
            await stage.boss_faults()
            await settled(stage)

            await stage.boss_faults(down=True)
            await order_and_confirm(stage, server, OFFERS[4])
            await wait_for(lambda: was_turned_away(stage, PEOPLE), timeout=20, message="every order was turned away")
            await stage.boss_faults(processing_polls=1)
            await settled(stage)
            findings = await check_books(stage, server.promised)
        finally:
            await server.close()
    assert findings == Findings(Counter(completed=3 * PEOPLE), findings.requests, 3 * PEOPLE)


async def order_and_confirm(stage: Stage, server: PartnerServer, offer: str) -> None:
    """Each person's order of the offer, confirmed."""
    for person in range(1, PEOPLE + 1):
        assert await server.place(f"user-{person}", offer, f"{offer}-{person}") is not None
        await insist_on_saying(stage, person, f"订{offer}")
        await insist_on_saying(stage, person, "是")


async def settled(stage: Stage) -> None:
    async def nothing_is_open() -> bool:
        return await stage.world.platform.store.read(open_matters) == (0, 0)

    await wait_for(nothing_is_open, timeout=60, message="everything is settled")


async def has_unknown(stage: Stage, orders: int) -> bool:
    return await stage.world.platform.store.read(times_unknown) >= orders


async def was_turned_away(stage: Stage, orders: int) -> bool:
    busy = {request["number"] for request in await stage.ledger("requests") if request["outcome"] == "busy"}
    return len(busy) >= orders


def times_unknown(connection: Connection) -> int:
    """How often an order's outcome became unknown."""
    steps = select(order_transitions.c.order_id).where(order_transitions.c.to_state == "unknown")
    return len(connection.execute(steps).all())
