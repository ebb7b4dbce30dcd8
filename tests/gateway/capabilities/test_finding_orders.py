"""A partner finds the orders it placed, and only those, without naming a user."""

from __future__ import annotations

import asyncio
from collections import Counter
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import Connection, text

from auth.principal import Principal
from gateway.capabilities.orders import OrderNotFound, PartnerRefTaken, repository
from gateway.capabilities.sessions import SESSION_SCOPES
from gateway.errors import Forbidden, GatewayError, MalformedRequest
from tests.fixtures.world import World, partner, person

PAID = "TM-MUSIC-10"
OTHER = "TM-READ-5"


async def place(world: World, user: str, offer: str = PAID, ref: str | None = None, of: str = "shop") -> Any:
    return await world.call(partner(of), "orders.place", account=f"partner:{of}:{user}", offer=offer, partner_ref=ref)


async def found(world: World, of: str = "shop", **conditions: Any) -> list[str]:
    return [order.id for order in (await world.call(partner(of), "orders.search", **conditions)).items]


async def test_an_order_is_found_by_its_id_and_by_the_partners_own_number(world: World) -> None:
    await world.subscriber("partner:shop:u1")
    order = await place(world, "u1", ref="R1")
    for name in ({"id": order.id}, {"partner_ref": "R1"}):
        seen = await world.call(partner(), "orders.find", **name)
        assert (seen.id, seen.user, [step.to for step in seen.history]) == (
            order.id, "u1", ["acknowledged", "awaiting_confirmation"],
        )  # fmt: skip
        with pytest.raises(OrderNotFound):
            await world.call(partner("rival"), "orders.find", **name)
    for neither_nor_both in ({}, {"id": order.id, "partner_ref": "R1"}):
        with pytest.raises(MalformedRequest):
            await world.call(partner(), "orders.find", **neither_nor_both)


async def test_every_condition_narrows_and_nothing_of_another_partner_is_seen(world: World) -> None:
    for name in ("partner:shop:u1", "partner:shop:u2", "partner:rival:u1"):
        await world.subscriber(name)
    first = (await place(world, "u1", ref="R1")).id
    world.clock.advance(minutes=1)
    second = (await place(world, "u2", OTHER)).id
    await world.call(partner(), "orders.cancel", account="partner:shop:u2", id=second)
    await place(world, "u1", ref="R1", of="rival")
    start, end = world.clock() - timedelta(minutes=1), world.clock()
    assert await found(world) == [second, first]
    for conditions, expected in (
        ({"state": "cancelled"}, [second]), ({"offer": PAID}, [first]), ({"user": "u2"}, [second]),
        ({"partner_ref": "R1"}, [first]), ({"action": "unsubscribe"}, []), ({"created_from": end}, [second]),
        ({"created_from": start, "created_to": end}, [first]), ({"user": "u1", "state": "cancelled"}, []),
    ):  # fmt: skip
        assert await found(world, **conditions) == expected, conditions


async def test_pages_follow_one_another_even_where_many_orders_are_of_one_moment(world: World) -> None:
    placed = []
    for number in range(7):
        await world.subscriber(f"partner:shop:u{number}")
        placed.append((await place(world, f"u{number}")).id)
    seen: list[str] = []
    cursor = None
    while True:
        page = await world.call(partner(), "orders.search", limit=3, **({"cursor": cursor} if cursor else {}))
        seen += [order.id for order in page.items]
        cursor = page.next
        if cursor is None:
            break
    assert seen == sorted(placed, reverse=True)
    with pytest.raises(MalformedRequest):
        await world.call(partner("rival"), "orders.search", cursor=placed[0])


async def test_only_a_partners_server_searches(world: World) -> None:
    visitor = Principal("session", "web:1", SESSION_SCOPES, account="web:1", partner_id="shop")
    for stranger in (person("wechat:gh:me"), visitor):
        for capability in ("orders.search", "orders.find"):
            with pytest.raises(Forbidden) as refused:
                await world.call(stranger, capability)
            assert refused.value.extra["reason"] == "partner_required"


async def test_a_number_names_one_order_until_that_ends_without_effect(world: World) -> None:
    await world.subscriber("partner:shop:u1")
    await world.subscriber("partner:rival:u1")
    order = await place(world, "u1", ref="R1")
    with pytest.raises(PartnerRefTaken) as refused:
        await place(world, "u1", OTHER, ref="R1")
    assert refused.value.extra["order_id"] == order.id
    assert (await place(world, "u1", ref="R1", of="rival")).partner_ref == "R1"
    await world.call(partner(), "orders.cancel", account="partner:shop:u1", id=order.id)
    again = await place(world, "u1", ref="R1")
    assert (await world.call(partner(), "orders.find", partner_ref="R1")).id == again.id


async def test_of_ten_orders_under_one_number_at_once_one_is_taken_down(world: World) -> None:
    for number in range(10):
        await world.subscriber(f"partner:shop:u{number}")

    async def outcome(number: int) -> str:
        try:
            await place(world, f"u{number}", ref="R1")
        except GatewayError as error:
            return error.code
        return "placed"

    assert Counter(await asyncio.gather(*map(outcome, range(10)))) == {"placed": 1, "partner-ref-taken": 9}


async def test_a_visitor_cannot_use_up_a_partners_numbers(world: World) -> None:
    await world.subscriber("web:1")
    visitor = Principal("session", "web:1", SESSION_SCOPES, account="web:1", partner_id="shop")
    with pytest.raises(MalformedRequest):
        await world.call(visitor, "orders.place", offer=PAID, partner_ref="R1")


async def test_searches_go_by_an_index(world: World) -> None:
    now = world.clock()
    searches = {
        "ix_orders_partner_created_at": (repository.Conditions(), (now - timedelta(days=1), now)),
        "ix_orders_partner_state": (repository.Conditions(state="completed"), (now, None)),
        "ix_orders_partner_account": (repository.Conditions(account="partner:shop:u1"), (None, None)),
        "ix_orders_partner_ref": (repository.Conditions(partner_ref="R1"), (None, None)),
    }

    def plans(connection: Connection) -> dict[str, str]:
        statements: dict[str, str] = {}
        explain = "EXPLAIN QUERY PLAN "
        if connection.dialect.name == "postgresql":
            connection.execute(text("SET LOCAL enable_seqscan = off"))
            connection.execute(text("SET LOCAL enable_sort = off"))
            explain = "EXPLAIN "
        for index, (conditions, span) in searches.items():
            query = repository.placed(partner_id="shop", conditions=conditions, span=span)
            compiled = query.limit(50).compile(connection, compile_kwargs={"literal_binds": True})
            rows = connection.exec_driver_sql(explain + str(compiled))
            statements[index] = "\n".join(str(row) for row in rows)
        return statements

    for index, plan in (await world.platform.store.read(plans)).items():
        if "SEARCH" in plan:  # SQLite; PostgreSQL takes any index as long as the table is empty
            assert index in plan, plan
        assert "ndex Scan" in plan or "USING INDEX" in plan, plan
        assert "Sort" not in plan and "TEMP B-TREE" not in plan, plan
