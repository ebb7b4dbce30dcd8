"""Several orders in one call: all or none, and each of them counts."""

from __future__ import annotations

from typing import Any

import pytest

from gateway.errors import GatewayError, TooManyRequests
from gateway.invoke import Call
from tests.fixtures.world import OPERATOR, World, partner

ACCOUNT = "partner:shop:u1"
PAIR = [{"offer": "TM-MUSIC-10"}, {"offer": "TM-NEWS-3"}]


async def place(world: World, items: list[dict[str, Any]], key: str | None = None) -> Any:
    return await world.call(
        partner(), "orders.place_together", account=ACCOUNT, key=key, items=items, partner_ref="R-1"
    )


async def listed(world: World) -> int:
    return len((await world.call(partner(), "orders.list", account=ACCOUNT)).items)


async def contract(world: World, **quota: int) -> None:
    given = {"id": "shop", "name": "Shop", "scopes": ["orders:*"], **quota}
    await world.platform.invoke(Call("partners.create", OPERATOR, given))


async def test_all_are_taken_down_or_none_and_the_one_in_the_way_is_named(world: World) -> None:
    await world.subscriber(ACCOUNT)
    with pytest.raises(GatewayError) as refused:
        await place(world, [*PAIR, {"offer": "NO-SUCH"}])
    assert (refused.value.code, refused.value.extra["item"]) == ("offer-unknown", "3")
    assert await listed(world) == 0
    page = await place(world, PAIR, key="k1")
    assert [order.offer for order in page.items] == ["TM-MUSIC-10", "TM-NEWS-3"]
    assert {order.together for order in page.items} == {page.items[0].id}
    assert {order.partner_ref for order in page.items} == {"R-1"}
    assert await place(world, PAIR, key="k1") == page
    assert await listed(world) == 2


async def test_each_order_counts_against_the_day_and_all_of_them_once_against_the_second(world: World) -> None:
    await world.subscriber(ACCOUNT)
    await contract(world, per_second=1, per_day=3)
    await place(world, PAIR)
    world.clock.advance(seconds=2)
    with pytest.raises(TooManyRequests):
        await place(world, [{"offer": "TM-READ-5"}, {"offer": "TM-COMIC-5"}])
    with pytest.raises(TooManyRequests):  # it was counted, though refused
        await listed(world)
    world.clock.advance(hours=24)
    assert await listed(world) == 2, "what goes beyond the quota is not taken down in part"


async def test_one_alone_counts_once(world: World) -> None:
    await world.subscriber(ACCOUNT)
    await contract(world, per_second=100, per_day=2)
    await place(world, PAIR[:1])
    assert await listed(world) == 1
    with pytest.raises(TooManyRequests):
        await listed(world)
