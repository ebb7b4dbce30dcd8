"""Gifts and bookings in the sandbox: somebody else receives, and there is no back office."""

from __future__ import annotations

import msgspec
import pytest

from gateway.capabilities.bindings.errors import PhoneNumberInvalid
from gateway.capabilities.offers.live import put_offers
from gateway.capabilities.orders import OrderNotFound
from gateway.store import Unit
from tests.fixtures.world import World
from tests.gateway.capabilities.test_sandbox import (
    LAB,
    OTHER,
    PAID,
    SHOP,
    found,
    make_user,
    nothing_outside,
    open_sandbox,
    place,
    say,
)

READ = "TM-READ-5"


@pytest.mark.parametrize(("yes", "state"), [(True, "completed"), (False, "cancelled")])
async def test_the_recipient_of_a_gift_is_told_and_answers(world: World, yes: bool, state: str) -> None:
    await open_sandbox(world)
    await make_user(world)
    phone = await make_user(world, "u2")
    order = await place(world, action="gift", recipient=phone)
    await say(world, order)
    await world.work()
    asked = await world.call(LAB, "sandbox.list_messages", user="u2")
    assert len(asked.items) == 1
    gift = await world.call(LAB, "sandbox.answer_gift", account="partner:lab:u2", id=order, yes=yes)
    assert gift.state == ("accepted" if yes else "cancelled")
    await world.work()
    assert (await found(world, order)).state == state
    held = await world.call(LAB, "subscriptions.list_held", account="partner:lab:u2")
    assert [one.offer for one in held.items] == ([PAID] if yes else [])
    heard = [one.text for one in (await world.call(LAB, "sandbox.list_messages", user="u2")).items]
    assert ["送您" in text for text in heard] == ([False, True] if yes else [True])
    assert nothing_outside(world)


async def test_a_gift_is_answered_by_its_recipient_alone_and_in_its_own_sandbox(world: World) -> None:
    await open_sandbox(world, "lab", "other-lab")
    await make_user(world)
    phone = await make_user(world, "u2")
    foreign = await make_user(world, "u3", OTHER)
    order = await place(world, action="gift", recipient=phone)
    await say(world, order)
    for principal, user in ((LAB, "u1"), (OTHER, "u3")):
        with pytest.raises(OrderNotFound):
            await world.call(
                principal, "sandbox.answer_gift", account=f"partner:{principal.id}:{user}", id=order, yes=True
            )
    lost = await place(world, offer=READ, action="gift", recipient=foreign)
    await say(world, lost)
    await world.work()
    assert (await world.call(OTHER, "sandbox.list_messages")).items == []
    await world.subscriber("partner:shop:u1")
    with pytest.raises(PhoneNumberInvalid):
        await place(world, principal=SHOP, action="gift", recipient=phone)


async def test_what_is_booked_is_carried_out_for_there_is_no_back_office(world: World) -> None:
    await open_sandbox(world)
    await make_user(world)
    offer = msgspec.structs.replace(world.platform.catalog.current.by_code[READ], bookable=True)
    unit = Unit()
    world.clock.advance(seconds=1)
    put_offers(unit, [offer], world.clock())
    await world.platform.store.commit(unit)
    await world.platform.refresh()
    order = await place(world, offer=READ, action="book")
    assert (await say(world, order)).state == "booked"
    await world.work()
    assert (await found(world, order)).state == "completed"
    held = await world.call(LAB, "subscriptions.list_held", account="partner:lab:u1")
    assert [one.offer for one in held.items] == [READ]
    assert await world.platform.bookings.hand_over("csv") is None
    assert nothing_outside(world)
