"""Orders from the first word to the last, on both databases."""

from __future__ import annotations

import asyncio
from collections import Counter

import pytest
from sqlalchemy import select

from gateway.capabilities.orders import (
    NotCancellable,
    NotConfirmable,
    NotHeld,
    NotOrderable,
    OfferUnknown,
    OrderAlreadyOpen,
    OrderNotFound,
)
from gateway.capabilities.orders.tables import orders
from gateway.errors import Forbidden, GatewayError, KeyReused
from tests.fixtures.world import World, partner, person

ME = "wechat:gh:me"
PAID = "TM-MUSIC-10"


async def state_of(world: World, order_id: str, account: str = ME) -> str:
    state: str = (await world.call(person(account), "orders.get", id=order_id)).state
    return state


async def test_a_paid_order_waits_for_a_yes_and_is_then_provisioned_and_told(world: World) -> None:
    await world.subscriber(ME)
    order = await world.call(person(ME), "orders.place", offer=PAID)
    assert order.state == "awaiting_confirmation"
    await world.work()
    assert world.boss.effects == []
    assert (await world.call(person(ME), "orders.confirm", id=order.id)).state == "accepted"
    await world.work()
    done = await world.call(person(ME), "orders.get", id=order.id)
    assert [step.to for step in done.history] == [
        "acknowledged", "awaiting_confirmation", "accepted", "provisioning", "completed",
    ]  # fmt: skip
    held = await world.call(person(ME), "subscriptions.list_held")
    assert [one.offer for one in held.items] == [PAID]
    assert [account for account, text in world.chat.sent if "已开通" in text] == [ME]


async def test_five_confirmations_at_once_make_one_order(world: World) -> None:
    await world.subscriber(ME)
    order = await world.call(person(ME), "orders.place", offer=PAID)
    answers = await asyncio.gather(*(world.call(person(ME), "orders.confirm", id=order.id) for _ in range(5)))
    assert {answer.state for answer in answers} <= {"accepted", "provisioning"}
    await world.work()
    assert [effect.number for effect in world.boss.effects] == [order.id]


async def test_a_hundred_identical_placements_at_once_are_one_order_with_one_answer(world: World) -> None:
    number = await world.subscriber("partner:shop:u1")
    calls = (world.call(partner(), "orders.place", account="partner:shop:u1", key="k1", offer=PAID) for _ in range(100))
    answers = await asyncio.gather(*calls)
    assert len({answer.id for answer in answers}) == 1
    rows = await world.platform.store.read(
        lambda connection: connection.execute(select(orders.c.id).where(orders.c.subscriber_id == number)).all()
    )
    assert len(rows) == 1


async def test_placements_under_different_keys_leave_one_open_order(world: World) -> None:
    await world.subscriber("partner:shop:u1")

    async def place(key: str) -> str:
        try:
            await world.call(partner(), "orders.place", account="partner:shop:u1", key=key, offer=PAID)
        except GatewayError as error:
            return error.code
        return "placed"

    outcomes = Counter(await asyncio.gather(*(place(f"k{number}") for number in range(20))))
    assert outcomes == {"placed": 1, "order-already-open": 19}


async def test_the_same_key_with_another_body_is_refused(world: World) -> None:
    await world.subscriber(ME)
    await world.call(person(ME), "orders.place", key="k", offer=PAID)
    with pytest.raises(KeyReused):
        await world.call(person(ME), "orders.place", key="k", offer="TM-READ-8")


async def test_a_refusal_is_repeated_under_its_key(world: World) -> None:
    await world.subscriber(ME)
    for _ in range(2):
        with pytest.raises(OfferUnknown):
            await world.call(person(ME), "orders.place", key="k", offer="NO-SUCH")


async def test_a_key_is_forgotten_after_a_day(world: World) -> None:
    await world.subscriber(ME)
    first = await world.call(person(ME), "orders.place", key="k", offer=PAID)
    await world.call(person(ME), "orders.cancel", id=first.id)
    world.clock.advance(hours=24, seconds=1)
    second = await world.call(person(ME), "orders.place", key="k", offer=PAID)
    assert second.id != first.id


async def test_a_lost_answer_is_a_state_of_its_own_and_settled_by_asking(world: World) -> None:
    await world.subscriber(ME)
    world.boss.lose_next = 1
    order = await world.call(person(ME), "orders.place", offer=PAID)
    await world.call(person(ME), "orders.confirm", id=order.id)
    await world.work()
    assert await state_of(world, order.id) == "unknown"
    world.clock.advance(seconds=10)
    await world.work()
    assert await state_of(world, order.id) == "completed"
    assert [kind for kind, number in world.boss.asked if number == order.id] == ["post", "get"]


async def test_a_back_end_that_is_down_is_asked_before_anything_is_sent_again(world: World) -> None:
    await world.subscriber(ME)
    world.boss.down = True
    order = await world.call(person(ME), "orders.place", offer=PAID)
    await world.call(person(ME), "orders.confirm", id=order.id)
    await world.work()
    world.boss.down = False
    world.clock.advance(seconds=30)
    await world.work()
    assert await state_of(world, order.id) == "completed"
    assert [kind for kind, _ in world.boss.asked] == ["post", "get", "post"]


async def test_a_refusal_of_the_back_end_fails_the_order_and_says_why(world: World) -> None:
    await world.subscriber(ME)
    world.boss.refused_offers[PAID] = "余额不足"
    order = await world.call(person(ME), "orders.place", offer=PAID)
    await world.call(person(ME), "orders.confirm", id=order.id)
    await world.work()
    assert await state_of(world, order.id) == "failed"
    assert any("余额不足" in text for _, text in world.chat.sent)
    again = await world.call(person(ME), "orders.place", offer=PAID)
    assert again.id != order.id


async def test_an_order_expires_after_thirty_minutes_and_cannot_be_confirmed_then(world: World) -> None:
    await world.subscriber(ME)
    order = await world.call(person(ME), "orders.place", offer=PAID)
    world.clock.advance(minutes=30, seconds=1)
    with pytest.raises(NotConfirmable):
        await world.call(person(ME), "orders.confirm", id=order.id)
    await world.work()
    assert await state_of(world, order.id) == "expired"


async def test_a_pushed_order_is_asked_about_and_only_its_subscriber_can_say_yes(world: World) -> None:
    number = await world.subscriber("partner:shop:u1")
    await world.bind(ME, number)
    order = await world.call(partner(), "orders.place", account="partner:shop:u1", offer=PAID, partner_ref="R1")
    await world.work()
    (told,) = world.chat.sent
    assert told[0] == ME
    assert all(word in told[1] for word in ("10元/月", "确认", "30分钟"))
    with pytest.raises(Forbidden):
        await world.call(partner(), "orders.confirm", account="partner:shop:u1", id=order.id)
    assert (await world.call(person(ME), "orders.confirm", id=order.id)).state == "accepted"


async def test_a_subscriber_without_a_chat_is_asked_by_text_message(world: World) -> None:
    await world.subscriber("partner:shop:u1", phone="+8613800009999")
    await world.call(partner(), "orders.place", account="partner:shop:u1", offer=PAID)
    await world.work()
    assert [account for account, _ in world.text_messages.sent] == ["sms:+8613800009999"]


async def test_a_partner_sees_only_the_orders_it_placed(world: World) -> None:
    number = await world.subscriber("partner:shop:u1")
    await world.bind("partner:rival:x", number)
    order = await world.call(partner(), "orders.place", account="partner:shop:u1", offer=PAID)
    rival = partner("rival")
    assert (await world.call(rival, "orders.list", account="partner:rival:x")).items == []
    with pytest.raises(OrderNotFound):
        await world.call(rival, "orders.get", account="partner:rival:x", id=order.id)
    with pytest.raises(Forbidden):
        await world.call(rival, "orders.get", account="partner:shop:u1", id=order.id)


async def test_cancelling_twice_is_one_cancellation_and_too_late_is_said(world: World) -> None:
    await world.subscriber(ME)
    order = await world.call(person(ME), "orders.place", offer=PAID)
    for _ in range(2):
        assert (await world.call(person(ME), "orders.cancel", id=order.id)).state == "cancelled"
    other = await world.call(person(ME), "orders.place", offer=PAID)
    await world.call(person(ME), "orders.confirm", id=other.id)
    await world.work()
    with pytest.raises(NotCancellable):
        await world.call(person(ME), "orders.cancel", id=other.id)


async def test_unsubscribing_asks_first_and_then_ends_the_subscription(world: World) -> None:
    await world.subscriber(ME, held=(PAID,))
    order = await world.call(person(ME), "orders.place", offer=PAID, action="unsubscribe")
    assert order.state == "awaiting_confirmation"
    await world.call(person(ME), "orders.confirm", id=order.id)
    await world.work()
    assert (await world.call(person(ME), "subscriptions.list_held")).items == []
    with pytest.raises(NotHeld):
        await world.call(person(ME), "orders.place", offer=PAID, action="unsubscribe")


async def test_what_is_held_or_excluded_by_an_open_order_cannot_be_ordered(world: World) -> None:
    await world.subscriber(ME, held=(PAID,))
    with pytest.raises(NotOrderable) as refused:
        await world.call(person(ME), "orders.place", offer=PAID)
    assert refused.value.extra["reason"] == "already_held"


async def test_an_open_order_is_named_to_who_places_it_again(world: World) -> None:
    await world.subscriber(ME)
    order = await world.call(person(ME), "orders.place", offer=PAID)
    with pytest.raises(OrderAlreadyOpen) as refused:
        await world.call(person(ME), "orders.place", offer=PAID)
    assert refused.value.extra["order_id"] == order.id


async def test_orders_are_listed_newest_first_a_page_at_a_time(world: World) -> None:
    await world.subscriber(ME)
    placed = []
    for _ in range(5):
        order = await world.call(person(ME), "orders.place", offer=PAID)
        await world.call(person(ME), "orders.cancel", id=order.id)
        placed.append(order.id)
    seen, cursor = [], None
    while True:
        page = await world.call(person(ME), "orders.list", limit=2, **({"cursor": cursor} if cursor else {}))
        seen += [order.id for order in page.items]
        cursor = page.next
        if cursor is None:
            break
    assert seen == placed[::-1]
