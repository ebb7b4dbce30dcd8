"""A number that changed hands: what happens to bindings, orders, grants and messages, and when the network is silent."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import date, timedelta
from typing import Any

import msgspec
import pytest
from sqlalchemy import Connection, select

from adapters.camara.fake import FakeNumberWatch
from gateway.audit import audit_rows
from gateway.capabilities.bindings import bindings
from gateway.capabilities.events import events
from gateway.capabilities.grants.repository import Grant, grant
from gateway.capabilities.grants.tables import grants
from gateway.capabilities.numbers import number_checks
from gateway.capabilities.partners.tables import partners
from gateway.capabilities.subjects import SubscriberAccounts
from gateway.capabilities.subscribers import subscribers
from gateway.errors import Forbidden
from gateway.store import Unit
from tests.fixtures.world import CODE, OPERATOR, World, partner, person

PHONE = "+8613800000001"
ALICE, SHOP_USER = "wechat:gh_1:alice", "partner:shop:u1"
PAID = "TM-MUSIC-10"

pytestmark = pytest.mark.usefixtures("database_url")


@pytest.fixture
def network() -> FakeNumberWatch:
    return FakeNumberWatch()


@pytest.fixture
async def world(database_url: str, make_world: Callable[..., Any], network: FakeNumberWatch) -> World:
    opened: World = await make_world(database_url, numbers=network)
    await opened.call(OPERATOR, "partners.create", id="shop", name="Shop", scopes=["orders:*"])
    return opened


def rows(connection: Connection, table: Any) -> list[Any]:
    return list(connection.execute(select(table)))


async def all_of(world: World, table: Any) -> list[Any]:
    return await world.platform.store.read(rows, table)


async def accepted(world: World, offer: str = PAID) -> str:
    """An order of Alice's to which she said yes."""
    order = await world.call(person(ALICE), "orders.place", offer=offer)
    return str((await world.call(person(ALICE), "orders.confirm", id=order.id)).id)


async def state_of(world: World, order_id: str) -> str:
    return str((await world.call(person(ALICE), "orders.get", id=order_id)).state)


async def states(world: World) -> dict[str, str]:
    from gateway.capabilities.orders import orders

    return {row.id: row.state for row in await all_of(world, orders)}


async def test_an_unchanged_number_is_asked_about_once_a_day(world: World, network: FakeNumberWatch) -> None:
    await world.subscriber(ALICE)
    first = await accepted(world)
    await world.work()
    assert await state_of(world, first) == "completed"
    asked = len(network.asked)
    assert asked == 2  # once for the owner, once for the SIM card
    second = await accepted(world, "TM-READ-5")
    await world.work()
    assert (await state_of(world, second), len(network.asked)) == ("completed", asked)
    world.clock.advance(hours=24, seconds=1)
    third = await accepted(world, "TM-NEWS-3")
    await world.work()
    assert (await state_of(world, third), len(network.asked)) == ("completed", 2 * asked)
    assert [(row.seq, row.answer) for row in await all_of(world, number_checks)] == [(1, "same")]


async def test_a_new_sim_card_suspends_bindings_and_cancels_what_waits(world: World, network: FakeNumberWatch) -> None:
    number = await world.subscriber(ALICE, phone=PHONE)
    await world.bind(SHOP_USER, number)
    pushed = await world.call(partner(), "orders.place", offer="TM-READ-5", account=SHOP_USER)
    await world.work()
    said_before = len(world.chat.sent), len(world.text_messages.sent)
    order = await accepted(world)
    world.clock.advance(minutes=1)
    network.sim_changes[PHONE] = world.clock()
    await world.work()
    assert await states(world) == {pushed.id: "cancelled", order: "cancelled"}
    assert not world.boss.orders
    assert (len(world.chat.sent), len(world.text_messages.sent)) == said_before, "nobody is told"
    for principal, account in ((person(ALICE), None), (partner(), SHOP_USER)):
        with pytest.raises(Forbidden) as refused:
            await world.call(principal, "orders.list", account=account)
        assert refused.value.extra["reason"] == "binding_suspended"
    told = [row for row in await all_of(world, events) if row.type == "binding.suspended"]
    assert [(row.partner_id, msgspec.json.decode(row.body)["reason"]) for row in told] == [("shop", "sim changed")]
    audited = sorted(row.outcome for row in await all_of(world, audit_rows) if row.capability == "numbers.check")
    assert audited == ["binding_suspended", "binding_suspended", "order_cancelled", "order_cancelled"]
    book = SubscriberAccounts(world.platform.store, world.platform.vault)
    assert await book.accounts(number) == []


async def test_a_new_one_time_code_lifts_the_suspension(world: World, network: FakeNumberWatch) -> None:
    number = await world.subscriber(ALICE, phone=PHONE)
    await world.bind(SHOP_USER, number)
    await accepted(world)
    world.clock.advance(minutes=1)
    network.sim_changes[PHONE] = world.clock()
    await world.work()
    world.clock.advance(minutes=1)
    await world.call(person(ALICE), "bindings.request_code", phone=PHONE)
    bound = await world.call(person(ALICE), "bindings.confirm_code", code=CODE)
    old, new = [
        row for row in sorted(await all_of(world, bindings), key=lambda row: row.bound_at) if row.account == ALICE
    ]
    assert (old.ended_because, new.id) == ("verified anew", bound.binding_id)
    again = await accepted(world)
    await world.work()
    assert await state_of(world, again) == "completed"
    with pytest.raises(Forbidden):  # the other account's holder has proved nothing
        await world.call(partner(), "orders.list", account=SHOP_USER)
    book = SubscriberAccounts(world.platform.store, world.platform.vault)
    assert await book.accounts(number) == [ALICE, f"sms:{PHONE}"]


async def test_a_recycled_number_loses_all_its_bindings_and_the_old_owner_their_phone(
    world: World, network: FakeNumberWatch
) -> None:
    number = await world.subscriber(ALICE, phone=PHONE)
    await world.bind(SHOP_USER, number)
    order = await accepted(world)
    sent = len(world.text_messages.sent)
    network.recycled[PHONE] = (world.clock() + timedelta(days=1)).date()
    await world.work()
    assert await states(world) == {order: "cancelled"}
    assert {row.ended_because for row in await all_of(world, bindings)} == {"number recycled"}
    (kept,) = await all_of(world, subscribers)
    assert (kept.phone_cipher, kept.phone_hash) == (None, None)
    assert len(world.text_messages.sent) == sent
    newcomer = person("wechat:gh_1:bob")
    await world.subscriber(phone=PHONE)  # the operator's data name the new owner
    await world.call(newcomer, "bindings.request_code", phone=PHONE)
    await world.call(newcomer, "bindings.confirm_code", code=CODE)
    assert (await world.call(newcomer, "orders.list")).items == []
    assert (await world.call(newcomer, "bindings.list_live")).items[0].is_this_one


async def test_who_was_bound_after_the_change_stays_bound(world: World, network: FakeNumberWatch) -> None:
    number = await world.subscriber(ALICE, phone=PHONE)
    world.clock.advance(days=10)
    await world.bind(SHOP_USER, number)
    network.recycled[PHONE] = (world.clock() - timedelta(days=5)).date()
    order = await accepted(world)
    await world.work()
    assert await states(world) == {order: "cancelled"}
    assert {row.account: row.ended_because for row in await all_of(world, bindings)} == {
        ALICE: "number recycled", SHOP_USER: None,
    }  # fmt: skip
    (kept,) = await all_of(world, subscribers)
    assert kept.phone_hash is not None


async def test_an_order_waits_while_the_network_is_silent(world: World, network: FakeNumberWatch) -> None:
    await world.subscriber(ALICE)
    network.down = True
    order = await accepted(world)
    for _ in range(40):  # more often than failures are allowed
        await world.work()
        world.clock.advance(seconds=40)
    assert await state_of(world, order) == "accepted"
    network.down = False
    await world.work()
    assert await state_of(world, order) == "completed"


async def test_an_order_goes_on_unchecked_only_after_the_time_the_operator_set(
    database_url: str, make_world: Callable[..., Any], network: FakeNumberWatch
) -> None:
    settings = {"number_checks": {"unchecked_after": 600}}
    world: World = await make_world(database_url, numbers=network, **settings)
    await world.subscriber(ALICE)
    network.down = True
    order = await accepted(world)
    world.clock.advance(seconds=599)
    await world.work()
    assert await state_of(world, order) == "accepted"
    world.clock.advance(seconds=60)
    await world.work()
    assert await state_of(world, order) == "completed"


@pytest.mark.parametrize(
    "code, state, bound",
    [
        ("SERVICE_NOT_APPLICABLE", "completed", True),  # proving the number again would not help
        ("IDENTIFIER_NOT_FOUND", "cancelled", False),
        ("OUT_OF_RANGE", "cancelled", False),
        ("PERMISSION_DENIED", "accepted", True),  # a mistake of ours
        ("INVALID_ARGUMENT", "accepted", True),
        ("NOT_FOUND", "accepted", True),
    ],
)
async def test_each_refusal_of_the_network_has_its_consequence_for_an_order(
    world: World, network: FakeNumberWatch, code: str, state: str, bound: bool
) -> None:
    await world.subscriber(ALICE, phone=PHONE)
    network.refused[PHONE] = code
    await world.platform.number_sweep.sweep()
    assert [row.suspended_at for row in await all_of(world, bindings)] == [None], "without an order nobody is troubled"
    order = await accepted(world)
    await world.work()
    assert await states(world) == {order: state}
    assert [row.suspended_at is None for row in await all_of(world, bindings)] == [bound]


async def test_who_is_not_vouched_for_proves_the_number_again_and_goes_on(
    world: World, network: FakeNumberWatch
) -> None:
    await world.subscriber(ALICE, phone=PHONE)
    world.clock.advance(days=400)
    network.looks_back_to[PHONE] = (world.clock() - timedelta(days=365)).date()
    order = await accepted(world)
    await world.work()
    assert await states(world) == {order: "cancelled"}
    (told,) = [row for row in await all_of(world, audit_rows) if row.outcome == "binding_suspended"]
    assert msgspec.json.decode(told.detail)["because"] == "number not vouched for"
    await world.call(person(ALICE), "bindings.request_code", phone=PHONE)
    await world.call(person(ALICE), "bindings.confirm_code", code=CODE)
    again = await accepted(world)
    await world.work()
    assert await state_of(world, again) == "completed"


async def test_a_number_that_is_checked_now_and_then_stays_within_what_the_network_looks_back(
    world: World, network: FakeNumberWatch
) -> None:
    await world.subscriber(ALICE, phone=PHONE)
    for _ in range(3):
        network.looks_back_to[PHONE] = (world.clock() - timedelta(days=90)).date()
        assert await of_round(world) == 1
        world.clock.advance(days=80)
    order = await accepted(world)
    await world.work()
    assert await state_of(world, order) == "completed"
    assert [row.answer for row in await all_of(world, number_checks)] == ["same"]
    network.recycled[PHONE] = world.clock().date()  # a change after the last check is seen all the same
    world.clock.advance(days=8)
    assert await of_round(world) == 1
    assert {row.ended_because for row in await all_of(world, bindings)} == {"number recycled"}


async def test_ending_something_is_not_asked_about(world: World, network: FakeNumberWatch) -> None:
    await world.subscriber(ALICE, held=(PAID,))
    order = await world.call(person(ALICE), "orders.place", offer=PAID, action="unsubscribe")
    await world.call(person(ALICE), "orders.confirm", id=order.id)
    await world.work()
    assert (await state_of(world, order.id), network.asked) == ("completed", [])


async def test_without_a_network_to_ask_orders_go_on(database_url: str, make_world: Callable[..., Any]) -> None:
    world: World = await make_world(database_url)
    await world.subscriber(ALICE)
    order = await accepted(world)
    await world.work()
    assert await state_of(world, order) == "completed"
    assert await all_of(world, number_checks) == []


async def test_a_grant_ends_with_the_suspension(world: World, network: FakeNumberWatch) -> None:
    await world.subscriber(SHOP_USER, phone=PHONE)
    (bound,) = await all_of(world, bindings)
    unit, now = Unit(), world.clock()
    unit.insert(
        grants,
        id="g", partner_id="shop", account=SHOP_USER, binding_id=bound.id, scopes="[]", created_at=now,
        expires_at=now + timedelta(days=30), revoked_at=None, revoked_because=None,
    )  # fmt: skip
    await world.platform.store.commit(unit)
    assert [row.id for row in await all_of(world, partners)] == ["shop"]
    network.sim_changes[PHONE] = now + timedelta(seconds=1)
    assert (await of_grant(world)).is_live(now)
    await world.platform.number_sweep.sweep()
    assert not (await of_grant(world)).is_live(now)


async def of_grant(world: World) -> Grant:
    found = await world.platform.store.read(grant, "g")
    assert found is not None
    return found


async def test_the_sweep_checks_each_bound_number_once_in_its_time_and_so_many_a_minute(
    database_url: str, make_world: Callable[..., Any], network: FakeNumberWatch
) -> None:
    settings = {"number_checks": {"sweep_per_minute": 24}}  # two in five seconds
    world: World = await make_world(database_url, numbers=network, **settings)
    for person_number in range(5):
        await world.subscriber(f"wechat:gh_1:{person_number}")
    await world.subscriber()  # bound to nothing

    async def round_of() -> int:
        return await of_round(world)

    assert [await round_of() for _ in range(4)] == [2, 2, 1, 0]
    assert sorted(set(network.asked)) == [f"+861380000{n:04d}" for n in range(1, 6)]
    assert await world.platform.number_sweep.sweep() == 0, "another process has this round"
    world.clock.advance(days=7, seconds=1)
    network.down = True
    assert await round_of() == 0
    network.down = False
    assert [await round_of() for _ in range(4)] == [2, 2, 1, 0]
    network.sim_changes["+8613800000003"] = world.clock()
    world.clock.advance(days=7, seconds=1)
    assert [await round_of() for _ in range(3)] == [2, 2, 1]
    suspended = [row.account for row in await all_of(world, bindings) if row.suspended_at is not None]
    assert suspended == ["wechat:gh_1:2"]


async def test_the_sweep_passes_over_a_number_the_network_does_not_take_and_stops_where_it_refuses_us(
    world: World, network: FakeNumberWatch
) -> None:
    for person_number in range(3):
        await world.subscriber(f"wechat:gh_1:{person_number}")
    network.refused["+8613800000002"] = "INVALID_ARGUMENT"
    network.refused["+8613800000003"] = "PERMISSION_DENIED"
    assert await of_round(world) == 2
    del network.refused["+8613800000003"]
    network.asked.clear()
    await of_round(world)
    assert "+8613800000003" in network.asked


async def test_the_sweep_asks_about_so_many_numbers_at_a_time(
    database_url: str, make_world: Callable[..., Any], network: FakeNumberWatch
) -> None:
    now, most, ask = 0, 0, network.recycled_since

    async def counting(number: str, day: date) -> bool:
        nonlocal now, most
        now, most = now + 1, max(most, now + 1)
        await asyncio.sleep(0.01)
        now -= 1
        return await ask(number, day)

    network.recycled_since = counting  # type: ignore[method-assign]
    world: World = await make_world(database_url, numbers=network, number_checks={"sweep_at_once": 3})
    for person_number in range(8):
        await world.subscriber(f"wechat:gh_1:{person_number}")
    assert (await of_round(world), most) == (8, 3)


async def of_round(world: World) -> int:
    """How many numbers the sweep checks when it is due."""
    await world.platform.hot.delete("number-sweep")
    return await world.platform.number_sweep.sweep()


async def test_two_workers_that_hear_the_same_answer_act_once(world: World, network: FakeNumberWatch) -> None:
    number = await world.subscriber(SHOP_USER, phone=PHONE)
    await world.call(partner(), "orders.place", offer=PAID, account=SHOP_USER)
    network.sim_changes[PHONE] = world.clock() + timedelta(seconds=1)
    other = world.another(store=world.platform.store)
    one, two = world.platform.number_sweep._checks, other.number_sweep._checks
    await asyncio.gather(one.check(number), two.check(number), return_exceptions=True)
    kinds = [row.type for row in await all_of(world, events)]
    assert (kinds.count("binding.suspended"), kinds.count("order.cancelled")) == (1, 1)
    assert [row.seq for row in await all_of(world, number_checks)] == [0]
