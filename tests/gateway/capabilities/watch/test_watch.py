"""Partners are slowed and stopped by what became of their orders, on both databases."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from sqlalchemy import select

from config.settings import WatchSettings
from gateway.capabilities.events import emit
from gateway.capabilities.orders import OrderingStopped
from gateway.capabilities.watch import Watch
from gateway.capabilities.watch.tables import watch_hours, watch_progress
from gateway.errors import GatewayError, TooManyRequests
from gateway.store import Unit
from tests.fixtures.world import OPERATOR, World, partner, person

PAID = "TM-MUSIC-10"
FEW = WatchSettings(smallest_sample=10)


def watching(world: World) -> Watch:
    return Watch(world.platform.store, FEW, world.clock, world.platform.ids)


async def new_partner(world: World, **fields: Any) -> None:
    await world.call(OPERATOR, "partners.create", id="shop", name="Shop", scopes=["orders:*", "events:*"], **fields)


async def told(world: World, event: str, number: int) -> None:
    """As many events of the partner's orders."""
    unit = Unit()
    for at in range(number):
        emit(unit, event, {}, id=world.platform.ids(), at=world.clock(), key=f"o{at}", partner_id="shop", account=None)
    await world.platform.store.commit(unit)


async def look(world: World, watch: Watch | None = None) -> str:
    """The partner's standing after all is counted."""
    while await world.platform.sequencer.number():
        pass
    await (watch or watching(world)).look()
    world.clock.advance(seconds=4)  # a standing is felt within seconds
    return str((await world.call(OPERATOR, "watch.get", id="shop")).standing)


async def feed(world: World) -> list[tuple[str, Any]]:
    while await world.platform.sequencer.number():
        pass
    page = await world.call(partner(), "events.list", types="partner.*")
    return [(one.type, one.data.get("reason")) for one in page.items]


async def test_real_orders_are_counted_once_whoever_counts(world: World) -> None:
    await new_partner(world)
    for user in ("u1", "u2"):
        await world.subscriber(f"partner:shop:{user}")
        await world.call(partner(), "orders.place", account=f"partner:shop:{user}", offer=PAID)
    world.clock.advance(minutes=31)
    await world.work()
    while await world.platform.sequencer.number():
        pass
    first, second = watching(world), watching(world)
    await asyncio.gather(first.look(), second.look())
    await first.look()
    rows = await world.platform.store.read(lambda connection: connection.execute(select(watch_hours)).all())
    assert [(row.partner_id, row.confirmed, row.unconfirmed) for row in rows] == [("shop", 0, 2)]
    steps = await world.platform.store.read(lambda connection: connection.execute(select(watch_progress)).all())
    assert len(steps) == 1


async def test_a_partner_whose_orders_fail_is_slowed_and_recovers_when_they_do_not(world: World) -> None:
    await new_partner(world, per_second=10, per_day=1000)
    await told(world, "order.completed", 10)
    await told(world, "order.failed", 12)
    assert await look(world) == "slowed"
    await world.call(partner(), "events.list")  # a tenth of ten a second is left
    with pytest.raises(TooManyRequests):
        await world.call(partner(), "events.list")
    world.clock.advance(hours=25)
    await told(world, "order.completed", 9)
    assert await look(world) == "slowed"  # too few to tell
    await told(world, "order.completed", 9)
    assert await look(world) == "normal"
    told_of = await feed(world)
    assert [name for name, _ in told_of] == ["partner.slowed", "partner.normal"]
    assert told_of[0][1] == "failed too often"


async def test_a_partner_whose_orders_nobody_wants_is_stopped_until_an_operator_restores_it(world: World) -> None:
    await new_partner(world)
    await world.subscriber("partner:shop:u1")
    await told(world, "order.expired", 60)
    assert await look(world) == "stopped"
    with pytest.raises(OrderingStopped):
        await world.call(partner(), "orders.place", account="partner:shop:u1", offer=PAID)
    assert (await world.call(partner(), "orders.list", account="partner:shop:u1")).items == []
    listed = await world.call(OPERATOR, "watch.list_partners")
    assert [(one.id, one.standing) for one in listed.items] == [("shop", "stopped")]
    world.clock.advance(hours=30)
    assert await look(world) == "stopped"
    await world.call(OPERATOR, "watch.set_standing", id="shop", standing="normal", reason="they mended their page")
    assert await look(world) == "normal"
    assert (await world.call(partner(), "orders.place", account="partner:shop:u1", offer=PAID)).state
    history = (await world.call(OPERATOR, "watch.get", id="shop")).history
    assert [(one.standing, one.actor) for one in history] == [
        ("normal", "operator:cli"), ("stopped", "platform:watch"),
    ]  # fmt: skip
    assert history[1].evidence.unconfirmed == 60


async def test_a_restored_partner_is_judged_by_what_comes_after(world: World) -> None:
    await new_partner(world)
    await told(world, "order.expired", 60)
    assert await look(world) == "stopped"
    await world.call(OPERATOR, "watch.set_standing", id="shop", standing="normal", reason="heard")
    world.clock.advance(hours=2)
    await told(world, "order.accepted", 5)
    assert await look(world) == "normal"


async def test_complaints_are_kept_counted_and_told_to_the_partner(world: World) -> None:
    await new_partner(world)
    await world.subscriber("partner:shop:u1")
    order = await world.call(partner(), "orders.place", account="partner:shop:u1", offer=PAID)
    await told(world, "order.accepted", 40)
    for number in range(8):
        about: dict[str, Any] = {"order": order.id} if number == 0 else {"partner": "shop"}
        await world.call(OPERATOR, "watch.report_complaint", words="never asked for it", evidence="call 17", **about)
    assert await look(world) == "stopped"
    assert {name for name, _ in await feed(world)} == {"partner.complained", "partner.stopped"}
    wrong_ones: list[dict[str, Any]] = [{}, {"partner": "nobody"}, {"order": "00000000-0000-7000-8000-000000000000"}]
    for wrong in wrong_ones:
        with pytest.raises(GatewayError) as refused:
            await world.call(OPERATOR, "watch.report_complaint", words="w", evidence="e", **wrong)
        assert refused.value.status in (400, 404)


async def test_a_subscription_that_ends_within_days_counts_against_the_partner(world: World) -> None:
    await new_partner(world)
    number = await world.subscriber("partner:shop:u1")
    await world.bind("wechat:gh:me", number)
    me = person("wechat:gh:me")
    order = await world.call(partner(), "orders.place", account="partner:shop:u1", offer=PAID)
    await world.call(me, "orders.confirm", id=order.id)
    await world.work()
    watch = watching(world)
    await look(world, watch)
    world.clock.advance(hours=1)
    ending = await world.call(me, "orders.place", offer=PAID, action="unsubscribe")
    await world.call(me, "orders.confirm", id=ending.id)
    await world.work()
    world.clock.advance(minutes=2)
    for _ in range(2):
        await look(world, watch)
        rates = {one.name: one for one in (await world.call(OPERATOR, "watch.get", id="shop")).rates}
        assert (rates["ended_early"].bad, rates["ended_early"].of) == (1, 1)


async def test_limits_of_its_own_hold_for_a_partner(world: World) -> None:
    await new_partner(world)
    await world.call(OPERATOR, "watch.set_limits", id="shop", slow={"unconfirmed": 0.99}, stop={"unconfirmed": 1.0})
    await told(world, "order.expired", 60)
    assert await look(world) == "normal"
    seen = {one.name: one for one in (await world.call(OPERATOR, "watch.get", id="shop")).rates}
    assert seen["unconfirmed"].slows_beyond == 0.99 and seen["failed"].slows_beyond == 0.3


async def test_partners_have_no_part_in_the_watch(world: World) -> None:
    await new_partner(world)
    with pytest.raises(GatewayError) as refused:
        await world.call(partner("shop", "orders:*"), "watch.get", id="shop")
    assert refused.value.extra["reason"] == "scope_missing"
