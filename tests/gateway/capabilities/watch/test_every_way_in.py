"""A stopped partner, and a number on the grey list, over every way in that orders come by; on both databases."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from tests.fixtures.world import OPERATOR
from tests.gateway.capabilities.test_order_files import hand_in, results
from tests.surfaces.cases import PAID
from tests.surfaces.drivers import Mcp, Rest, Soap, Tmf, WebSocket
from tests.surfaces.stage import Ask, Stage, WallClock, staged

PHONE = "+8613800009999"
SURFACES: list[Callable[[Stage], Any]] = [Rest, WebSocket, Soap, Mcp, Tmf]


@pytest.fixture
async def stage(make_world: Callable[..., Any], database_url: str) -> AsyncIterator[Stage]:
    async with staged(await make_world(database_url, clock=WallClock())) as opened:
        yield opened


async def every_answer(stage: Stage) -> set[str]:
    """How an order for the held number ends by each way in."""
    ends = set()
    for surface in SURFACES:
        outcome = await surface(stage)(Ask("orders.place", {"offer": PAID}, "partner", "u"))
        ends.add(outcome.ends)
    item = {"user": "u", "key": "k", "offer": PAID}
    batch = await Rest(stage)(Ask("orders.place_batch", {"items": [item]}, "partner", "u"))
    ends.add(batch.answer["items"][0]["problem"]["code"])
    file = await hand_in(stage.world, f"user,offer\nu,{PAID}\n".encode())
    await stage.world.work()
    (row,) = await results(stage.world, file.id)
    return ends | {row["code"]}


async def test_a_stop_holds_over_every_way_in(stage: Stage) -> None:
    await stage.world.subscriber("partner:shop:u", phone=PHONE)
    await stage.world.call(OPERATOR, "watch.set_standing", id="shop", standing="stopped", reason="r")
    assert await every_answer(stage) == {"ordering-stopped"}


async def test_a_number_on_the_grey_list_is_held_over_every_way_in(stage: Stage) -> None:
    await stage.world.subscriber("partner:shop:u", phone=PHONE)
    await stage.world.call(OPERATOR, "greylist.add", phone=PHONE, reason="resold", evidence="7")
    assert await every_answer(stage) == {"number-on-hold"}
