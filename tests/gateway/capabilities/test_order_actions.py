"""Changing, trying, renewing, booking and giving offers, on both databases."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from gateway.capabilities.bindings import PhoneNumberInvalid
from gateway.capabilities.offers import put_offers
from gateway.capabilities.orders import (
    ActionNotOffered,
    Fulfilment,
    NotConfirmable,
    NotHeld,
    NotOrderable,
    OrderAlreadyOpen,
    OrderNotFound,
    repository,
)
from gateway.capabilities.orders.errors import TooManyGifts
from gateway.errors import Forbidden, MalformedRequest
from gateway.store import Unit
from tests.fixtures.world import World, partner, person

ME, FRIEND = "wechat:gh:me", "wechat:gh:friend"
HELD, NEW = "TM-MUSIC-10", "TM-READ-5"


async def place(world: World, offer: str, action: str, account: str = ME, **more: Any) -> Any:
    return await world.call(person(account), "orders.place", offer=offer, action=action, **more)


async def carry_out(world: World, offer: str, action: str, **more: Any) -> Any:
    order = await place(world, offer, action, **more)
    if order.state == "awaiting_confirmation":
        await world.call(person(ME), "orders.confirm", id=order.id)
    await world.work()
    return await world.call(person(ME), "orders.get", id=order.id)


def trial_days(world: World) -> int:
    trial = world.platform.catalog.current.by_code[HELD].trial
    assert trial is not None
    return trial.days


async def held(world: World, account: str = ME) -> list[str]:
    return [one.offer for one in (await world.call(person(account), "subscriptions.list_held")).items]


async def test_a_change_ends_the_one_and_begins_the_other_in_one_step(world: World) -> None:
    await world.subscriber(ME, held=(HELD,))
    order = await place(world, NEW, "change", replaces=HELD)
    assert (order.state, order.replaces) == ("awaiting_confirmation", HELD)
    for offer, action, more in (
        (HELD, "unsubscribe", {}), ("TM-NEWS-3", "change", {"replaces": HELD}), (NEW, "subscribe", {}),
    ):  # fmt: skip
        with pytest.raises((OrderAlreadyOpen, NotOrderable)):
            await place(world, offer, action, **more)
    await world.call(person(ME), "orders.confirm", id=order.id)
    await world.work()
    assert await held(world) == [NEW]
    (effect,) = world.boss.effects
    assert (effect.action, effect.offer_code, effect.replaces) == ("change", NEW, HELD)


async def test_a_change_to_what_excludes_the_one_given_up_is_possible(world: World) -> None:
    catalog = world.platform.catalog.current
    one, other = next(
        (offer, catalog.by_code[code])
        for offer in catalog
        for code in offer.eligibility.excludes
        if not (offer.eligibility.requires or catalog.by_code[code].eligibility.requires)
        and offer.on_sale_at(world.clock()) and catalog.by_code[code].on_sale_at(world.clock())
    )  # fmt: skip
    brand = next(iter({*one.eligibility.brands} & {*other.eligibility.brands}), "changxiang")
    await world.subscriber(ME, brand=brand, held=(one.code,))
    with pytest.raises(NotOrderable):
        await place(world, other.code, "subscribe")
    assert (await carry_out(world, other.code, "change", replaces=one.code)).state == "completed"
    assert await held(world) == [other.code]


async def test_what_is_not_held_cannot_be_changed_and_fields_fit_their_action(world: World) -> None:
    await world.subscriber(ME)
    with pytest.raises(NotHeld):
        await place(world, NEW, "change", replaces=HELD)
    for action, more in (
        ("change", {}), ("gift", {}), ("subscribe", {"replaces": HELD}), ("subscribe", {"recipient": "13800138000"}),
    ):  # fmt: skip
        with pytest.raises(MalformedRequest):
            await place(world, NEW, action, **more)


async def test_a_trial_costs_nothing_ends_by_itself_and_comes_once(world: World) -> None:
    await world.subscriber(ME)
    days = trial_days(world)
    order = await carry_out(world, HELD, "start_trial")
    assert (order.state, order.price_fen) == ("completed", 0)
    (held_now,) = (await world.call(person(ME), "subscriptions.list_held")).items
    assert (held_now.trial_ends_at - world.clock()).days == days
    assert world.boss.effects[0].trial_days == days
    world.clock.advance(days=days, seconds=1)
    await world.work()
    assert await held(world) == []
    assert any("试用已结束" in text for _, text in world.chat.sent)
    with pytest.raises(ActionNotOffered) as refused:
        await place(world, HELD, "start_trial")
    assert refused.value.extra["reason"] == "trial_used"


async def test_a_trial_goes_on_paid_after_the_subscribers_yes(world: World) -> None:
    await world.subscriber(ME)
    days = trial_days(world)
    await carry_out(world, HELD, "start_trial")
    order = await place(world, HELD, "convert_trial")
    assert (order.state, order.price_fen) == ("awaiting_confirmation", 1000)
    await world.call(person(ME), "orders.confirm", id=order.id)
    await world.work()
    world.clock.advance(days=days, seconds=1)
    await world.work()
    (held_now,) = (await world.call(person(ME), "subscriptions.list_held")).items
    assert (held_now.offer, held_now.trial_ends_at) == (HELD, None)


async def test_a_trial_that_ends_while_it_is_being_converted_does_not_end(world: World) -> None:
    await world.subscriber(ME)
    days = trial_days(world)
    await carry_out(world, HELD, "start_trial")
    world.clock.advance(days=days, minutes=-1)
    order = await place(world, HELD, "convert_trial")
    await world.call(person(ME), "orders.confirm", id=order.id)
    world.boss.lose_next = 1
    await world.work()
    world.clock.advance(minutes=2)
    await world.work()
    world.clock.advance(minutes=2)
    await world.work()
    assert await held(world) == [HELD]
    late = await place(world, HELD, "unsubscribe")
    assert late.state == "awaiting_confirmation"


@pytest.mark.parametrize(
    ("action", "offer", "reason"),
    [("convert_trial", HELD, "not_in_trial"), ("book", HELD, "not_bookable"), ("renew", HELD, "not_renewable")],
)
async def test_what_an_offer_does_not_allow_says_why(world: World, action: str, offer: str, reason: str) -> None:
    await world.subscriber(ME, held=(offer,) if action == "renew" else ())
    with pytest.raises(ActionNotOffered) as refused:
        await place(world, offer, action)
    assert refused.value.extra["reason"] == reason


async def test_what_is_paid_once_is_renewed_while_it_is_held(world: World) -> None:
    once = next(
        offer.code for offer in world.platform.catalog.current if offer.period != "month" and not offer.bookable
    )
    await world.subscriber(ME)
    with pytest.raises(NotHeld):
        await place(world, once, "renew")
    await world.subscriber(FRIEND, held=(once,))
    order = await place(world, once, "renew", FRIEND)
    await world.call(person(FRIEND), "orders.confirm", id=order.id)
    await world.work()
    assert [effect.action for effect in world.boss.effects] == ["renew"]
    assert await held(world, FRIEND) == [once]


async def make_bookable(world: World, code: str) -> None:
    unit = Unit()
    world.clock.advance(seconds=1)
    offer = world.platform.catalog.current.by_code[code]
    put_offers(unit, [msgspec.structs.replace(offer, bookable=True)], world.clock())
    await world.platform.store.commit(unit)
    await world.platform.refresh()


async def test_a_booking_is_collected_handed_over_in_a_file_and_concluded_by_its_answer(world: World) -> None:
    await world.subscriber(ME)
    await world.subscriber(FRIEND)
    await make_bookable(world, NEW)
    with pytest.raises(ActionNotOffered):
        await place(world, NEW, "subscribe")
    mine, theirs = await place(world, NEW, "book"), await place(world, NEW, "book", FRIEND)
    for account, order in ((ME, mine), (FRIEND, theirs)):
        assert (await world.call(person(account), "orders.confirm", id=order.id)).state == "booked"
    await world.work()
    assert world.boss.asked == []
    store, fulfilment = world.platform.store, world.platform.parts.get(Fulfilment)
    booked = await store.read(repository.list_booked)
    assert [order.id for order in booked] == [mine.id, theirs.id]
    assert await store.read(repository.list_booked, mine.id) == booked[1:]
    unit = Unit()
    handed = [fulfilment.hand_over(unit, order, "bookings-1.csv") for order in booked]
    await store.commit(unit)
    assert await store.read(repository.list_booked) == []
    answered = Unit()
    await fulfilment.conclude_booked(answered, handed[0], None, trace_id="t")
    await fulfilment.conclude_booked(answered, handed[1], "无法安装", trace_id="t")
    await store.commit(answered)
    await world.work()
    assert (await held(world), await held(world, FRIEND)) == ([NEW], [])
    assert any("无法安装" in text for account, text in world.chat.sent if account == FRIEND)


async def give(world: World, phone: str = "13800009999", account: str = ME) -> Any:
    order = await place(world, NEW, "gift", account, recipient=phone)
    assert order.state == "awaiting_confirmation"
    return await world.call(person(account), "orders.confirm", id=order.id)


async def state_of(world: World, order_id: str) -> str:
    state: str = (await world.call(person(ME), "orders.get", id=order_id)).state
    return state


async def test_a_gift_is_told_and_carried_out_unless_it_is_refused(world: World) -> None:
    await world.subscriber(ME)
    await world.subscriber(FRIEND, phone="+8613800009999")
    order = await give(world)
    assert (order.state, order.recipient) == ("awaiting_recipient", "138****9999")
    await world.work()
    assert [account for account, text in world.chat.sent if "送您" in text] == [FRIEND]
    assert world.boss.effects == []
    world.clock.advance(hours=24, seconds=1)
    await world.work()
    assert await state_of(world, order.id) == "completed"
    assert (await held(world), await held(world, FRIEND)) == ([], [NEW])
    (effect,) = world.boss.effects
    assert (effect.phone, effect.subscriber_ref, effect.payer_ref) == ("+8613800009999", "S2", "S1")


async def test_the_recipient_in_person_takes_or_refuses_it(world: World) -> None:
    await world.subscriber(ME)
    await world.subscriber(FRIEND, phone="+8613800009999")
    order = await give(world)
    assert [gift.id for gift in (await world.call(person(FRIEND), "orders.list_gifts")).items] == [order.id]
    with pytest.raises(OrderNotFound):
        await world.call(person(ME), "orders.answer_gift", id=order.id, accept=True)
    with pytest.raises(Forbidden):
        await world.call(partner(), "orders.answer_gift", account="partner:shop:u", id=order.id, accept=True)
    for _ in range(2):
        await world.call(person(FRIEND), "orders.answer_gift", id=order.id, accept=False)
    with pytest.raises(NotConfirmable):
        await world.call(person(FRIEND), "orders.answer_gift", id=order.id, accept=True)
    await world.work()
    assert await state_of(world, order.id) == "cancelled"
    assert any("未被领取" in text for account, text in world.chat.sent if account == ME)
    again = await give(world)
    await world.call(person(FRIEND), "orders.answer_gift", id=again.id, accept=True)
    await world.work()
    assert await held(world, FRIEND) == [NEW]


async def test_a_giver_learns_nothing_about_a_number(world: World) -> None:
    """A stranger's number, one that holds the offer already and one that refused: the same words, states and reasons."""
    await world.subscriber(ME)
    await world.subscriber(phone="+8613800008888", held=(NEW,))
    told: list[Any] = []
    for phone in ("13900000000", "13800008888"):
        order = await give(world, phone)
        await world.work()
        before = len(world.chat.sent)
        world.clock.advance(hours=24, seconds=1)
        await world.work()
        seen = await world.call(person(ME), "orders.get", id=order.id)
        steps = [(step.to, step.reason) for step in seen.history]
        told.append((order.state, steps, [text for _, text in world.chat.sent[before:]]))
    assert told[0] == told[1]
    assert world.text_messages.sent == []


async def test_gifts_have_a_limit_a_day_and_go_to_others(world: World) -> None:
    await world.subscriber(ME, phone="+8613800007777")
    with pytest.raises(MalformedRequest):
        await place(world, NEW, "gift", recipient="138 0000 7777")
    with pytest.raises(PhoneNumberInvalid):
        await place(world, NEW, "gift", recipient="12")
    for _ in range(3):
        order = await place(world, NEW, "gift", recipient="13900000000")
        await world.call(person(ME), "orders.cancel", id=order.id)
        world.clock.advance(minutes=1)
    with pytest.raises(TooManyGifts) as refused:
        await place(world, NEW, "gift", recipient="13900000000")
    assert refused.value.extra["retry_after"] == 24 * 3600 - 180
    world.clock.advance(hours=24)
    await place(world, NEW, "gift", recipient="13900000000")
