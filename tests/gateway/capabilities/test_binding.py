"""Binding by one-time code and every limit of it; rebinding, unbinding, consent."""

from __future__ import annotations

import asyncio

import pytest

from gateway.capabilities.bindings import CodeRefused, CodeTooSoon, NotASubscriber, PhoneNumberInvalid
from gateway.errors import Conflict, Forbidden
from tests.fixtures.world import CODE, World, partner, person

ME = "wechat:gh:me"
PHONE = "13800138000"


async def ask(world: World, account: str = ME, phone: str = PHONE) -> None:
    await world.call(person(account), "bindings.request_code", phone=phone)


async def bind(world: World, account: str = ME, phone: str = PHONE) -> str:
    await ask(world, account, phone)
    bound = await world.call(person(account), "bindings.confirm_code", code=CODE)
    binding_id: str = bound.binding_id
    return binding_id


async def test_who_answers_the_code_is_bound(world: World) -> None:
    await world.subscriber(phone=f"+86{PHONE}")
    await ask(world)
    await world.work()
    assert [CODE in text for text in world.sms.to(f"+86{PHONE}")] == [True]
    bound = await world.call(person(ME), "bindings.confirm_code", code="１２３ ４５６")
    assert bound.phone == "138****8000"
    (listed,) = (await world.call(person(ME), "bindings.list_live")).items
    assert (listed.channel, listed.is_this_one) == ("wechat", True)


async def test_five_wrong_tries_end_a_code_even_when_made_at_once(world: World) -> None:
    await world.subscriber(phone=f"+86{PHONE}")
    await ask(world)

    async def guess(number: int) -> str:
        try:
            await world.call(person(ME), "bindings.confirm_code", code=f"{number:06d}")
        except CodeRefused as error:
            return str(error.extra["outcome"])
        except Conflict as error:
            return error.code
        return "bound"

    outcomes = [*await asyncio.gather(*(guess(number) for number in range(5))), *[await guess(n) for n in range(5, 12)]]
    assert outcomes.count("wrong") == 5 and "bound" not in outcomes
    with pytest.raises(CodeRefused) as refused:
        await world.call(person(ME), "bindings.confirm_code", code=CODE)
    assert refused.value.extra["outcome"] == "exhausted"


async def test_a_code_is_good_once_and_for_five_minutes(world: World) -> None:
    await world.subscriber(phone=f"+86{PHONE}")
    await bind(world)
    with pytest.raises(CodeRefused) as refused:
        await world.call(person(ME), "bindings.confirm_code", code=CODE)
    assert refused.value.extra["outcome"] == "used"
    world.clock.advance(seconds=61)
    await ask(world)
    world.clock.advance(minutes=5)
    with pytest.raises(CodeRefused) as refused:
        await world.call(person(ME), "bindings.confirm_code", code=CODE)
    assert refused.value.extra["outcome"] == "expired"


async def test_another_code_comes_after_a_minute_and_no_more_than_the_caps(world: World) -> None:
    await ask(world)
    with pytest.raises(CodeTooSoon) as refused:
        await ask(world)
    assert refused.value.extra["retry_after"] == 60
    sent = 1
    for _ in range(60):
        world.clock.advance(minutes=1)
        try:
            await ask(world)
        except CodeTooSoon:
            continue
        sent += 1
    assert sent == 6  # five within the hour, and one when the first of them is an hour old


async def test_requests_at_once_send_one_code(world: World) -> None:
    outcomes = await asyncio.gather(*(ask(world) for _ in range(10)), return_exceptions=True)
    assert sum(outcome is None for outcome in outcomes) == 1
    await world.work()
    assert len(world.sms.sent) == 1


async def test_a_number_is_not_flooded_from_many_accounts(world: World) -> None:
    await ask(world, "wechat:gh:a")
    with pytest.raises(CodeTooSoon):
        await ask(world, "wechat:gh:b")


async def test_a_strangers_number_binds_nothing(world: World) -> None:
    await ask(world)
    with pytest.raises(NotASubscriber):
        await world.call(person(ME), "bindings.confirm_code", code=CODE)
    with pytest.raises(PhoneNumberInvalid):
        await ask(world, phone="12345")


async def test_rebinding_ends_the_binding_before(world: World) -> None:
    first = await world.subscriber(phone=f"+86{PHONE}")
    second = await world.subscriber(phone="+8613900139000")
    await bind(world)
    world.clock.advance(seconds=61)
    await bind(world, phone="13900139000")
    live = await world.call(person(ME), "bindings.list_live")
    assert len(live.items) == 1 and first != second


async def test_unbinding_ends_everything_that_stood_on_the_binding(world: World) -> None:
    await world.subscriber(phone=f"+86{PHONE}")
    binding_id = await bind(world)
    session = person(ME)
    await world.call(session, "orders.list")
    assert (await world.call(session, "bindings.end")).id == binding_id
    with pytest.raises(Forbidden) as refused:
        await world.call(session, "orders.list")
    assert refused.value.extra["reason"] == "binding_required"


async def test_numbers_and_codes_stand_nowhere_in_the_open(world: World, tmp_path: object) -> None:
    await world.subscriber(phone=f"+86{PHONE}")
    await ask(world)
    dumped = await world.platform.store.read(
        lambda connection: "".join(
            str(tuple(row))
            for table in ("subscribers", "one_time_codes", "outbox", "audit_rows", "bindings")
            for row in connection.exec_driver_sql(f"SELECT * FROM {table}")
        )
    )
    assert PHONE not in dumped and CODE not in dumped


async def test_a_refused_purpose_stays_refused_until_it_is_granted_again(world: World) -> None:
    number = await world.subscriber(ME)
    await world.bind("partner:shop:u1", number)
    shop = partner("shop", "recommendations:read")
    with pytest.raises(Forbidden):  # a partner needs a stated yes
        await world.call(shop, "recommendations.list", account="partner:shop:u1")
    for granted in (True, False, True):
        await world.call(person(ME), "consents.set_one", purpose="recommend", granted=granted)
        try:
            await world.call(shop, "recommendations.list", account="partner:shop:u1")
            seen = True
        except Forbidden:
            seen = False
        assert seen is granted
    assert [one.granted for one in (await world.call(person(ME), "consents.list_current")).items] == [True]


async def test_a_partner_cannot_consent_or_unbind_for_somebody(world: World) -> None:
    number = await world.subscriber(ME)
    await world.bind("partner:shop:u1", number)
    with pytest.raises(Forbidden):
        await world.call(partner(), "consents.set_one", account="partner:shop:u1", purpose="recommend", granted=True)
    with pytest.raises(Forbidden):
        await world.call(partner(), "bindings.end", account="partner:shop:u1")
