"""Numbers on the grey list take no pushed orders, on both databases; their holders still order."""

from __future__ import annotations

from typing import Any

import pytest

from gateway.capabilities.greylist import GreyEntryNotFound
from gateway.capabilities.orders import NumberOnHold
from tests.fixtures.world import OPERATOR, World, partner, person

PAID = "TM-MUSIC-10"
PHONE = "+8613800009999"
WHY: dict[str, Any] = {"phone": "138 0000 9999", "reason": "resold", "evidence": "case 7"}


async def pushed(world: World) -> str:
    order = await world.call(partner(), "orders.place", account="partner:shop:u1", offer=PAID)
    await world.call(partner(), "orders.cancel", account="partner:shop:u1", id=order.id)
    return str(order.state)


async def test_no_order_is_pushed_for_a_number_until_its_entry_expires(world: World) -> None:
    number = await world.subscriber("partner:shop:u1", phone=PHONE)
    await world.bind("wechat:gh:me", number)
    entry = await world.call(OPERATOR, "greylist.add", **WHY, days=2)
    with pytest.raises(NumberOnHold):
        await pushed(world)
    own = await world.call(person("wechat:gh:me"), "orders.place", offer=PAID)
    assert own.state == "awaiting_confirmation"
    await world.call(person("wechat:gh:me"), "orders.cancel", id=own.id)
    listed = await world.call(OPERATOR, "greylist.list_live", phone=PHONE)
    assert [(one.id, one.reason) for one in listed.items] == [(entry.id, "resold")]
    world.clock.advance(days=2, seconds=1)
    assert await pushed(world) == "awaiting_confirmation"
    assert (await world.call(OPERATOR, "greylist.list_live")).items == []


async def test_an_entry_ends_before_its_time_and_stays_on_record(world: World) -> None:
    await world.subscriber("partner:shop:u1", phone=PHONE)
    entry = await world.call(OPERATOR, "greylist.add", **WHY)
    ended = await world.call(OPERATOR, "greylist.end", id=entry.id, reason="a mistake")
    assert ended.ended_at == world.clock()
    assert await pushed(world) == "awaiting_confirmation"
    with pytest.raises(GreyEntryNotFound):
        await world.call(OPERATOR, "greylist.end", id=entry.id, reason="again")


async def test_other_numbers_are_not_held(world: World) -> None:
    await world.subscriber("partner:shop:u1")
    await world.call(OPERATOR, "greylist.add", **WHY)
    assert await pushed(world) == "awaiting_confirmation"
