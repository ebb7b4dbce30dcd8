"""Sandbox partners: everything as for live ones, and nothing of it outside, on both databases."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import Any
from uuid import uuid4

import msgspec
import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from sqlalchemy import Connection, func, select

from adapters.camara.fake import FakeNumberWatch
from auth.principal import ANONYMOUS
from gateway.capabilities.bindings.errors import NotASubscriber, PhoneNumberInvalid, SandboxNumberOnly
from gateway.capabilities.orders import NotOrderable, OrderNotFound
from gateway.capabilities.orders.tables import orders, subscriptions
from gateway.capabilities.partners import Partners
from gateway.capabilities.reconciliation.repository import list_ours
from gateway.capabilities.sandbox import SandboxBackEnd
from gateway.capabilities.sandbox.errors import NotASandbox, SandboxFull, SandboxUserTaken
from gateway.capabilities.sandbox.repository import MESSAGES_KEPT_FOR, ORDERS_KEPT_FOR
from gateway.capabilities.sandbox.tables import sandbox_orders
from gateway.capabilities.subscribers import subscribers
from gateway.capabilities.watch.tables import watch_hours
from gateway.errors import Forbidden, GatewayError
from tests.fixtures.world import CODE, OPERATOR, World, partner

PAID = "TM-MUSIC-10"
LAB, OTHER, SHOP = partner("lab"), partner("other-lab"), partner("shop")


async def open_sandbox(world: World, *names: str) -> None:
    """A live shop and sandbox partners."""
    for name, mode in (("shop", "live"), *((name, "sandbox") for name in names or ("lab",))):
        fields: dict[str, Any] = {"id": name, "name": name, "scopes": ["orders:*"], "mode": mode}
        await world.call(OPERATOR, "partners.create", **fields)


async def make_user(world: World, user: str = "u1", principal: Any = LAB, **fields: Any) -> str:
    asked = {"brand": "changxiang", "region": "GD/440100/440106", "device_abilities": ["apps", "4g", "5g"], **fields}
    made = await world.call(principal, "sandbox.create_user", user=user, **asked)
    phone: str = made.phone
    return phone


async def place(world: World, user: str = "u1", principal: Any = LAB, **fields: Any) -> str:
    asked = {"offer": PAID, **fields}
    order = await world.call(principal, "orders.place", account=f"partner:{principal.id}:{user}", **asked)
    number: str = order.id
    return number


async def say(world: World, order: str, yes: bool = True, user: str = "u1", principal: Any = LAB) -> Any:
    return await world.call(principal, "sandbox.answer", account=f"partner:{principal.id}:{user}", id=order, yes=yes)


async def found(world: World, order: str, principal: Any = LAB) -> Any:
    return await world.call(principal, "orders.find", id=order)


def nothing_outside(world: World) -> bool:
    """Whether neither the back end nor anybody's phone or chat heard of anything."""
    return not (world.boss.asked or world.sms.sent or world.chat.sent or world.text_messages.sent)


async def test_an_order_goes_its_whole_way_and_nothing_leaves_the_platform(world: World) -> None:
    await open_sandbox(world)
    await make_user(world)
    order = await place(world)
    await world.work()
    assert (await say(world, order)).state == "accepted"
    await world.work()
    done = await found(world, order)
    assert (done.state, done.sandbox) == ("completed", True)
    held = await world.call(LAB, "subscriptions.list_held", account="partner:lab:u1")
    assert [one.offer for one in held.items] == [PAID]
    told = (await world.call(LAB, "events.list")).items
    assert {one.data["sandbox"] for one in told if one.type.startswith("order.")} == {True}
    messages = (await world.call(LAB, "sandbox.list_messages", user="u1")).items
    assert len(messages) == 2 and "已开通" in messages[0].text
    assert nothing_outside(world)


async def test_a_no_ends_the_order(world: World) -> None:
    await open_sandbox(world)
    await make_user(world)
    order = await place(world)
    assert (await say(world, order, yes=False)).state == "cancelled"


async def test_a_live_order_is_never_answered_by_its_partner(world: World) -> None:
    await open_sandbox(world)
    await world.subscriber("partner:shop:u1")
    await make_user(world)
    order = await place(world, principal=SHOP)
    with pytest.raises(NotASandbox):
        await say(world, order, principal=SHOP)
    with pytest.raises(OrderNotFound):
        await say(world, order)
    assert (await found(world, order, SHOP)).state == "awaiting_confirmation"


@pytest.mark.parametrize(
    ("verb", "fields"),
    [
        ("create_user", {"user": "u"}),
        ("set_faults", {}),
        ("get_faults", {}),
        ("list_messages", {}),
    ],
)
async def test_a_live_partner_has_no_sandbox(world: World, verb: str, fields: dict[str, Any]) -> None:
    await open_sandbox(world)
    with pytest.raises(NotASandbox):
        await world.call(SHOP, f"sandbox.{verb}", **fields)


async def test_the_same_user_id_of_a_live_partner_is_somebody_else(world: World) -> None:
    await open_sandbox(world)
    await world.subscriber("partner:shop:u1")
    await make_user(world)
    tried, real = await place(world), await place(world, principal=SHOP)
    assert not (await found(world, real, SHOP)).sandbox
    for principal, foreign in ((LAB, real), (SHOP, tried)):
        with pytest.raises(OrderNotFound):
            await found(world, foreign, principal)
        other = "shop" if principal is LAB else "lab"
        with pytest.raises(Forbidden):
            await world.call(principal, "orders.get", account=f"partner:{other}:u1", id=foreign)


async def test_whoever_got_into_the_wrong_world_is_refused(world: World) -> None:
    """Even with a binding that should not be: made by hand, by an import, or before the partner's time."""
    await open_sandbox(world, "lab", "other-lab")
    real = await world.subscriber()
    await make_user(world)
    made_up = await world.platform.store.read(
        lambda c: c.scalars(select(subscribers.c.id).where(subscribers.c.id < 0)).one()
    )
    for account, number in (("partner:lab:u2", real), ("partner:shop:u2", made_up), ("partner:other-lab:u2", made_up)):
        await world.bind(account, number)
        with pytest.raises(Forbidden) as refused:
            await world.call(partner(account.split(":")[1]), "orders.list", account=account)
        assert refused.value.extra["reason"] == "sandbox_mismatch"


async def test_real_numbers_are_never_bound_in_a_sandbox_nor_made_up_ones_outside(world: World) -> None:
    await open_sandbox(world, "lab", "other-lab")
    await world.subscriber(phone="+8613800138000")
    phone = await make_user(world)
    for principal, number in ((LAB, "13800138000"), (LAB, "+99912345678"), (OTHER, phone)):
        with pytest.raises(SandboxNumberOnly):
            await world.call(principal, "bindings.request_code", account=f"partner:{principal.id}:u9", phone=number)
    with pytest.raises(PhoneNumberInvalid):
        await world.call(SHOP, "bindings.request_code", account="partner:shop:u9", phone=phone)
    await world.work()
    assert nothing_outside(world)


async def test_a_sandbox_user_is_bound_by_the_code_among_its_messages(world: World) -> None:
    await open_sandbox(world)
    phone = await make_user(world)
    await world.call(LAB, "bindings.request_code", account="partner:lab:u2", phone=phone)
    await world.work()
    assert [CODE in one.text for one in (await world.call(LAB, "sandbox.list_messages")).items] == [True]
    await world.call(LAB, "bindings.confirm_code", account="partner:lab:u2", code=CODE)
    assert (await world.call(LAB, "orders.list", account="partner:lab:u2")).items == []
    assert nothing_outside(world)


async def test_a_code_for_a_real_number_binds_nothing_where_the_partner_is_a_sandbox(world: World) -> None:
    await world.subscriber(phone="+8613800138000")
    await world.call(LAB, "bindings.request_code", account="partner:lab:u1", phone="13800138000")
    await open_sandbox(world)  # the partner comes to be only now
    world.platform.parts.get(Partners).forget("lab")
    with pytest.raises(NotASubscriber):
        await world.call(LAB, "bindings.confirm_code", account="partner:lab:u1", code=CODE)


async def test_a_sandbox_holds_so_many_users_and_each_once(make_world: Any, database_url: str) -> None:
    world = await make_world(database_url, sandbox={"users": 2})
    await open_sandbox(world)
    first = await make_user(world)
    with pytest.raises(SandboxUserTaken):
        await make_user(world)
    assert await make_user(world, "u2") != first
    with pytest.raises(SandboxFull):
        await make_user(world, "u3")


async def test_eligibility_can_be_tried(world: World) -> None:
    await open_sandbox(world)
    await make_user(world)
    await make_user(world, "young", brand="qingning")
    await place(world, "young", offer="TM-TRAFFIC-NIGHT-5")
    with pytest.raises(NotOrderable):
        await place(world, offer="TM-TRAFFIC-NIGHT-5")


async def test_a_gift_stays_in_the_sandbox(world: World) -> None:
    await open_sandbox(world)
    await world.subscriber(phone="+8613800138000")
    await make_user(world)
    order = await place(world, action="gift", recipient="13800138000")
    await say(world, order)
    world.clock.advance(hours=25)
    await world.work()
    assert (await found(world, order)).state == "cancelled"
    assert nothing_outside(world)


async def test_the_back_end_forgets_orders_after_their_time(world: World) -> None:
    order = await confirmed(world)
    back_end = SandboxBackEnd(world.platform.store, world.clock)
    world.clock.advance(days=ORDERS_KEPT_FOR.days)
    await world.platform.tidy()
    assert await back_end.status(order) is not None
    world.clock.advance(seconds=1)
    await world.platform.tidy()
    assert await back_end.status(order) is None
    assert (await found(world, order)).state == "completed"


async def confirmed(world: World, **faults: Any) -> str:
    await open_sandbox(world)
    await make_user(world)
    await world.call(LAB, "sandbox.set_faults", **faults)
    order = await place(world)
    await say(world, order)
    await world.work()
    return order


async def test_slow(world: World) -> None:
    order = await confirmed(world, slow_seconds=60)
    for _ in range(5):
        world.clock.advance(seconds=11)
        await world.work()
        assert (await found(world, order)).state == "provisioning"
    world.clock.advance(seconds=11)
    await world.work()
    assert (await found(world, order)).state == "completed"


async def test_a_lost_answer_is_settled_by_asking(world: World) -> None:
    order = await confirmed(world, lose_answers=1)
    assert (await found(world, order)).state == "unknown"
    assert (await world.call(LAB, "sandbox.get_faults")).lose_answers == 0
    world.clock.advance(seconds=6)
    await world.work()
    assert (await found(world, order)).state == "completed"


async def test_refusals_have_their_reason_and_an_end(world: World) -> None:
    order = await confirmed(world, refuse_orders=1, refusal_reason="no credit")
    failed = await world.call(LAB, "orders.get", account="partner:lab:u1", id=order)
    assert (failed.state, failed.history[-1].reason) == ("failed", "refused by the back end: no credit")
    again = await place(world)
    await say(world, again)
    await world.work()
    assert (await found(world, again)).state == "completed"


async def test_faults_are_the_partners_own(world: World) -> None:
    await open_sandbox(world, "lab", "other-lab")
    await world.call(OTHER, "sandbox.set_faults", refuse_orders=10, lose_answers=10)
    await make_user(world)
    order = await place(world)
    await say(world, order)
    await world.work()
    assert (await found(world, order)).state == "completed"


async def test_an_order_is_taken_once_though_the_process_dies_between(world: World, monkeypatch: Any) -> None:
    await open_sandbox(world)
    await make_user(world)
    order = await place(world)
    await say(world, order)
    honest = SandboxBackEnd.provision

    async def dies(self: SandboxBackEnd, asked: Any) -> Any:
        await honest(self, asked)
        raise RuntimeError("killed after the order was taken")

    monkeypatch.setattr(SandboxBackEnd, "provision", dies)
    await world.work()
    assert (await found(world, order)).state == "provisioning"
    world.clock.advance(seconds=60)
    successor = world.another()
    try:
        await successor.refresh()
        while await successor.worker().run_due():  # what is asked first is not sent again
            pass
    finally:
        await successor.close()
    assert (await found(world, order)).state == "completed"
    taken = await world.platform.store.read(lambda c: c.scalar(select(func.count()).select_from(sandbox_orders)))
    assert taken == 1


async def test_a_number_names_one_order_and_spends_its_faults_once(world: World) -> None:
    order = await confirmed(world, slow_seconds=60)
    await world.call(LAB, "sandbox.set_faults", lose_answers=5)
    back_end = SandboxBackEnd(world.platform.store, world.clock)
    stored = await world.platform.store.read(lambda c: c.execute(select(orders).where(orders.c.id == order)).one())
    assert stored.sandbox
    assert (await back_end.status(order)).status == "processing"  # type: ignore[union-attr]
    assert await back_end.status("0" * 8) is None
    assert (await world.call(LAB, "sandbox.get_faults")).lose_answers == 5


async def test_messages_are_paged_and_end(world: World) -> None:
    await open_sandbox(world)
    await make_user(world)
    await make_user(world, "u2")
    for user in ("u1", "u2"):
        await say(world, await place(world, user), user=user)
        await world.work()
    page = await world.call(LAB, "sandbox.list_messages", limit=1)
    rest = await world.call(LAB, "sandbox.list_messages", cursor=page.next)
    of_one = await world.call(LAB, "sandbox.list_messages", user="u2")
    assert len(page.items) == 1 and {one.user for one in of_one.items} == {"u2"}
    assert {one.user for one in (*page.items, *rest.items)} == {"u1", "u2"}
    world.clock.advance(days=MESSAGES_KEPT_FOR.days, seconds=1)
    await world.platform.tidy()
    assert (await world.call(LAB, "sandbox.list_messages")).items == []


async def test_the_watch_and_the_networks_question_leave_the_sandbox_out(make_world: Any, database_url: str) -> None:
    world = await make_world(database_url, numbers=FakeNumberWatch())
    await open_sandbox(world)
    await make_user(world)
    await say(world, await place(world))
    await world.work()
    await world.platform.watch.look()
    assert await world.platform.number_sweep.sweep() == 0
    counted = await world.platform.store.read(lambda c: c.scalar(select(func.count()).select_from(watch_hours)))
    assert counted == 0 and world.watch.asked == []


async def hook(world: World) -> None:
    await world.call(LAB, "webhooks.create", url="https://lab.example.test/hooks", types=["order.*"])


def delivered(world: World) -> list[tuple[str, str]]:
    """(order state, webhook id) of what the receiver got, in the order it came."""
    return [
        (msgspec.json.decode(one.body)["data"]["state"], one.headers["webhook-id"]) for one in world.webhooks.received
    ]


async def test_a_completed_event_is_delivered_twice_under_one_id(world: World) -> None:
    await open_sandbox(world)
    await hook(world)
    await make_user(world)
    await world.call(LAB, "sandbox.set_faults", double_callbacks=True)
    await say(world, await place(world))
    await world.work()
    await world.platform.webhooks.run_due()
    got = delivered(world)
    completed = [number for state, number in got if state == "completed"]
    assert len(completed) == 2 and len(set(completed)) == 1
    assert len(got) == len({number for _, number in got}) + 1
    assert await world.platform.webhooks.run_due() == 0


async def test_deliveries_are_overtaken_so_often_as_asked_and_none_is_lost(world: World) -> None:
    await open_sandbox(world)
    await hook(world)
    await make_user(world)
    await world.call(LAB, "sandbox.set_faults", reorder_deliveries=1)
    order = await place(world)
    await say(world, order)
    await world.work()
    await world.platform.webhooks.run_due()
    assert delivered(world) == []
    world.clock.advance(seconds=3)
    await world.platform.webhooks.run_due()
    states = [state for state, _ in delivered(world)]
    assert states == ["awaiting_confirmation", "acknowledged", "accepted", "provisioning", "completed"]
    assert (await world.call(LAB, "sandbox.get_faults")).reorder_deliveries == 0
    await make_user(world, "u2")
    await place(world, "u2")
    await world.work()
    await world.platform.webhooks.run_due()
    assert [state for state, _ in delivered(world)][-2:] == ["acknowledged", "awaiting_confirmation"]


async def test_an_applicant_begins_in_a_sandbox_at_once(make_world: Any, database_url: str) -> None:
    world = await make_world(database_url, sandbox={"opened_per_day": 1})
    asked: dict[str, Any] = {
        "client_id": "new", "name": "New", "contact": "dev@new.test", "scopes": ["orders:*"],
    }  # fmt: skip
    applied = await world.call(ANONYMOUS, "applications.apply", **asked)
    assert applied.sandbox.client_id == "new-sandbox" and applied.sandbox.client_secret
    assert (await world.call(OPERATOR, "partners.get", id="new-sandbox")).mode == "sandbox"
    late = await world.call(ANONYMOUS, "applications.apply", **{**asked, "client_id": "late"})
    assert late.sandbox is None
    world.clock.advance(days=1, seconds=1)
    later = await world.call(ANONYMOUS, "applications.apply", **{**asked, "client_id": "later"})
    assert later.sandbox is not None


ACTS = st.sampled_from(["place", "gift", "yes", "no", "lose", "refuse", "slow", "code", "work", "wait"])


@given(acts=st.lists(ACTS, min_size=3, max_size=12))
@hypothesis_settings(max_examples=8, suppress_health_check=[HealthCheck.function_scoped_fixture])
async def test_no_sequence_of_acts_leaves_an_effect_outside(make_world: Any, tmp_path: Path, acts: list[str]) -> None:
    world = await make_world(f"sqlite+pysqlite:///{tmp_path / str(uuid4())}.db")
    await open_sandbox(world)
    await world.subscriber("partner:shop:u1", phone="+8613800138000")
    await make_user(world)
    phone = await make_user(world, "u2")
    placed: list[str] = []
    for act in acts:
        with contextlib.suppress(GatewayError):
            await do(world, act, placed, phone)
    world.clock.advance(hours=25)
    await world.work()
    await world.platform.watch.look()
    assert nothing_outside(world)
    real, watched, ours = await world.platform.store.read(real_effects)
    assert (real, watched, ours) == (0, 0, [])


async def do(world: World, act: str, placed: list[str], phone: str) -> None:
    match act:
        case "place":
            placed.append(await place(world))
        case "gift":
            placed.append(await place(world, action="gift", recipient="13800138000"))
        case "yes" | "no" if placed:
            await say(world, placed[-1], act == "yes")
        case "lose":
            await world.call(LAB, "sandbox.set_faults", lose_answers=1)
        case "refuse":
            await world.call(LAB, "sandbox.set_faults", refuse_orders=1)
        case "slow":
            await world.call(LAB, "sandbox.set_faults", slow_seconds=30)
        case "code":
            await world.call(LAB, "bindings.request_code", account="partner:lab:u3", phone=phone)
        case "work":
            await world.work()
        case "wait":
            world.clock.advance(seconds=10)


def real_effects(connection: Connection) -> tuple[int, int, list[Any]]:
    """(what real subscribers hold or ordered, hours watched, orders in the real books)."""
    held = connection.scalar(select(func.count()).where(subscriptions.c.subscriber_id > 0)) or 0
    ordered = connection.scalar(select(func.count()).where(orders.c.subscriber_id > 0)) or 0
    watched = connection.scalar(select(func.count()).select_from(watch_hours)) or 0
    return held + ordered, watched, list_ours(connection, "", "z", 10)
