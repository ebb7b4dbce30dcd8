"""Many orders in one call: each by itself, in order, once."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from gateway.errors import Forbidden, MalformedRequest
from gateway.invoke import Call
from tests.fixtures.world import OPERATOR, World, partner, person

PAID = "TM-MUSIC-10"


async def place(world: World, *items: dict[str, Any]) -> Any:
    return await world.call(partner(), "orders.place_batch", items=list(items))


def item(user: str, key: str, offer: str = PAID, **more: Any) -> dict[str, Any]:
    return {"user": user, "key": key, "offer": offer, **more}


async def test_each_item_has_its_own_result_and_a_bad_one_spoils_no_other(world: World) -> None:
    for user in ("u1", "u2"):
        await world.subscriber(f"partner:shop:{user}")
    answer = await place(
        world, item("u1", "a", partner_ref="R1"), item("stranger", "b"), item("u1", "c", "NO-SUCH"), item("u1", "d"),
        item("u2", "e", partner_ref="R1"), item("u2", "f", action="juggle"), item("u2", "a space"), item("u2", "g"),
    )  # fmt: skip
    results = [one.problem["code"] if one.order is None else one.order.user for one in answer.items]
    assert results == [
        "u1", "forbidden", "offer-unknown", "order-already-open", "partner-ref-taken", "malformed-request",
        "malformed-request", "u2",
    ]  # fmt: skip
    assert (answer.placed, answer.refused) == (2, 6)
    assert answer.items[1].problem["instance"] == "/items/1"


async def test_the_same_batch_again_has_the_same_answer_and_no_second_effect(world: World) -> None:
    for number in range(20):
        await world.subscriber(f"partner:shop:u{number}")
    items = [item(f"u{number}", f"k{number}") for number in range(20)]
    answers = await asyncio.gather(place(world, *items), place(world, *items))
    assert answers[0] == answers[1] == await place(world, *items)
    assert len({one.order.id for one in answers[0].items}) == 20
    alone = await world.call(partner(), "orders.place", account="partner:shop:u3", key="k3", offer=PAID)
    assert alone.id == answers[0].items[3].order.id


async def test_items_count_against_the_day_and_the_batch_once_against_the_second(world: World) -> None:
    for number in range(4):
        await world.subscriber(f"partner:shop:u{number}")
    contract = {"id": "shop", "name": "Shop", "scopes": ["orders:*"], "per_second": 1, "per_day": 4}
    await world.platform.invoke(Call("partners.create", OPERATOR, contract))
    answer = await place(world, *(item(f"u{number}", f"k{number}") for number in range(4)))
    assert sorted(one.problem["code"] if one.problem else "placed" for one in answer.items) == [
        "placed", "placed", "placed", "too-many-requests",
    ]  # fmt: skip


async def test_a_batch_is_a_partners_and_has_bounds(world: World) -> None:
    with pytest.raises(Forbidden):
        await world.call(person("wechat:gh:me"), "orders.place_batch", items=[item("u1", "a")])
    for items in ([], [item("u1", "a")] * 1001):
        with pytest.raises(MalformedRequest):
            await place(world, *items)
