"""The event feed: recorded with what it tells of, numbered without gaps, read by those it concerns."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auth.principal import Principal
from gateway.capabilities.events import EventFeed, EventNotFound, Sequencer, delete_old, emit, head, list_after, wants
from gateway.capabilities.events.repository import Waiting
from gateway.capabilities.events.sequencer import in_order
from gateway.capabilities.orders import OrderAlreadyOpen
from gateway.capabilities.sessions import SESSION_SCOPES
from gateway.errors import MalformedRequest
from gateway.platform import Platform
from gateway.store import Clash, Unit
from tests.fixtures.world import OPERATOR, World, partner, person
from tests.waiting import wait_for

PAID = "TM-MUSIC-10"
USER = "partner:shop:u1"


def session(account: str, partner_id: str = "shop") -> Principal:
    return Principal("session", account, SESSION_SCOPES, account=account, partner_id=partner_id)


async def types_of(world: World, principal: Principal | None = None, **arguments) -> list[str]:
    await world.platform.sequencer.number()
    return [one.type for one in (await world.call(principal or partner(), "events.list", **arguments)).items]


async def record(world: World, count: int = 1, *, on: Platform | None = None, type: str = "test.happened") -> None:
    platform, unit = on or world.platform, Unit()
    for _ in range(count):
        emit(unit, type, {}, id=platform.ids(), at=world.clock(), key="k", partner_id="shop", account=None)
    await platform.store.commit(unit)


async def test_a_partner_follows_its_order_from_start_to_end(world: World) -> None:
    number = await world.subscriber(USER)
    await world.bind("wechat:gh:me", number)
    order = await world.call(partner(), "orders.place", account=USER, offer=PAID, partner_ref="R-1")
    await world.call(person("wechat:gh:me"), "orders.confirm", id=order.id)
    await world.work()
    events = (await world.call(partner(), "events.list", types="order.*")).items
    states = ["acknowledged", "awaiting_confirmation", "accepted", "provisioning", "completed"]
    assert [one.type for one in events] == [f"order.{state}" for state in states]
    assert {one.key for one in events} == {order.id}
    assert events[-1].data == {
        "order": order.id, "offer": PAID, "action": "subscribe", "state": "completed", "version": 5,
        "partner_ref": "R-1", "user": "u1",
    }  # fmt: skip
    assert (await world.call(partner("rival"), "events.list")).items == []


async def test_a_refused_call_tells_nothing(world: World) -> None:
    await world.subscriber(USER)
    await world.call(partner(), "orders.place", account=USER, offer=PAID)
    before = await types_of(world)
    with pytest.raises(OrderAlreadyOpen):
        await world.call(partner(), "orders.place", account=USER, offer=PAID)
    assert await types_of(world) == before


async def test_an_order_that_concerns_no_partner_and_no_session_leaves_no_event(world: World) -> None:
    await world.subscriber("wechat:gh:me")
    await world.call(person("wechat:gh:me"), "orders.place", offer=PAID)
    assert await types_of(world, OPERATOR) == []


async def test_consent_is_told_to_the_partners_it_is_for(world: World) -> None:
    number = await world.subscriber(USER)
    await world.bind("partner:rival:7", number)
    await world.bind("web:v1", number)
    page = session("web:v1")
    await world.call(page, "consents.set_one", purpose="recommend", granted=True)
    await world.call(page, "consents.set_one", purpose="profile:shop", granted=True)
    await world.call(page, "consents.set_one", purpose="marketing:wechat", granted=True)
    await world.call(page, "consents.set_one", purpose="recommend", granted=False)
    assert await types_of(world) == ["consent.granted", "consent.granted", "consent.withdrawn"]
    assert await types_of(world, partner("rival")) == ["consent.granted", "consent.withdrawn"]
    assert len(await types_of(world, page)) == 4
    (first, *_) = (await world.call(partner(), "events.list")).items
    assert first.data == {"purpose": "recommend", "text_version": "2026-11", "user": "u1"}


async def test_the_end_of_a_binding_is_told_to_its_partner(world: World) -> None:
    number = await world.subscriber(USER)
    await world.bind("web:v1", number)
    page = session("web:v1")
    bound = (await world.call(page, "bindings.list_live")).items
    await world.call(page, "bindings.end", id=next(one.id for one in bound if one.channel == "partner"))
    (event,) = (await world.platform.sequencer.number(), (await world.call(partner(), "events.list")).items)[1]
    assert (event.type, event.data["user"]) == ("binding.ended", "u1")


async def test_what_was_shown_and_clicked_on_its_page_is_told_to_a_partner_but_not_what_it_fetched_itself(
    world: World,
) -> None:
    number = await world.subscriber("web:v1")
    await world.bind(USER, number)
    await world.consent(number, "recommend")
    await world.call(partner(), "recommendations.list", account=USER)
    shown = await world.call(session("web:v1"), "recommendations.list")
    first = shown.items[0]
    await world.call(
        session("web:v1"), "recommendations.feedback", kind="clicked", offer=first.offer, impression=first.impression
    )

    async def both() -> bool:
        return sorted(await types_of(world)) == ["interaction.clicked", "interaction.shown"]

    await wait_for(both, message="what was shown is written soon")


async def test_a_session_reads_its_own_account_only(world: World) -> None:
    await world.subscriber("web:v1")
    await world.call(session("web:v1"), "orders.place", offer=PAID)
    assert len(await types_of(world, session("web:v1"))) == 2
    assert await types_of(world, session("web:v2")) == []
    assert len(await types_of(world)) == 2, "the partner whose page it was reads them too"


async def test_pages_and_filters(world: World) -> None:
    await record(world, 3, type="order.completed")
    await record(world, 2, type="binding.ended")
    await world.platform.sequencer.number()
    first = await world.call(partner(), "events.list", limit=2)
    second = await world.call(partner(), "events.list", limit=3, after=first.next)
    assert [one.type for one in second.items] == ["order.completed", "binding.ended", "binding.ended"]
    assert second.next is None
    assert await types_of(world, types="binding.*,order.failed") == ["binding.ended"] * 2
    with pytest.raises(EventNotFound):
        await world.call(partner(), "events.list", after="00000000-0000-7000-8000-000000000000")
    with pytest.raises(MalformedRequest):
        await world.call(partner(), "events.list", types="order.%")


async def test_two_sequencers_leave_no_gap_and_number_nothing_twice(world: World) -> None:
    other = world.another()
    for _ in range(10):
        await record(world, 7)
        await record(world, 5, on=other)
        done = await asyncio.gather(world.platform.sequencer.number(), other.sequencer.number(), return_exceptions=True)
        assert all(isinstance(one, (int, Clash)) for one in done)
        while await world.platform.sequencer.number():
            pass
    rows = await world.platform.store.read(list_after, partner_id=None, account=None, after_seq=0, limit=500)
    assert [row.seq for row in rows] == list(range(1, 121))
    await other.close()


async def test_a_stale_sequencer_changes_no_number_that_was_given(world: World) -> None:
    """It read before the other committed, and writes after."""
    store = world.platform.store
    await record(world, 3)
    read, held, go = store.read, asyncio.Event(), asyncio.Event()

    class Slow:
        work_arrived = store.work_arrived
        commit = staticmethod(store.commit)

        @staticmethod
        async def read(*arguments):
            found = await read(*arguments)
            held.set()
            await go.wait()
            return found

    stale = asyncio.create_task(Sequencer(Slow(), EventFeed(store)).number())  # type: ignore[arg-type] # a store that waits
    await held.wait()
    await record(world, 1)
    await world.platform.sequencer.number()
    before = await read(list_after, partner_id=None, account=None, after_seq=0, limit=9)
    go.set()
    await asyncio.gather(stale, return_exceptions=True)
    assert await read(list_after, partner_id=None, account=None, after_seq=0, limit=9) == before
    assert len(before) == 4


@given(st.lists(st.tuples(st.sampled_from("ab"), st.integers(0, 5)), max_size=12, unique=True))
def test_steps_of_one_key_come_in_order_and_nothing_is_lost(made):
    waiting = [Waiting(f"{number:02}", key, step) for number, (key, step) in enumerate(made)]
    ordered = in_order(waiting)
    assert sorted(ordered) == sorted(waiting)
    for key in "ab":
        steps = [event.step for event in ordered if event.key == key]
        assert steps == sorted(steps)
    assert [event.key for event in ordered] == [event.key for event in waiting]


@pytest.mark.parametrize(
    "filters, type, taken",
    [
        ([], "order.completed", True),
        (["*"], "order.completed", True),
        (["order.*"], "order.completed", True),
        (["order.*"], "orders.completed", False),
        (["order.completed"], "order.completed", True),
        (["order.failed", "binding.*"], "binding.ended", True),
        (["order.failed"], "order.completed", False),
    ],
)
def test_filters(filters, type, taken):
    assert wants(filters, type) is taken


async def test_old_events_go_and_numbers_go_on(world: World) -> None:
    await record(world, 5)
    await world.platform.sequencer.number()
    world.clock.advance(days=31)
    await record(world, 2)
    await world.platform.sequencer.number()
    store, before = world.platform.store, world.clock() - timedelta(days=30)
    assert await store.write(delete_old, before, 3) == 3
    assert await store.write(delete_old, before, 3) == 2
    world.clock.advance(days=31)
    await world.platform.tidy()
    assert await store.read(head) == 7, "the newest stays, so that no number is given twice"
    await record(world)
    await world.platform.sequencer.number()
    assert await store.read(head) == 8


async def test_many_wait_and_one_looks(world: World) -> None:
    """Events numbered by another process are seen by all who wait here, at the price of one look at a time."""
    looks = 0
    store = world.platform.store

    class Counted:
        @staticmethod
        async def read(fn):
            nonlocal looks
            looks += 1
            return await store.read(fn)

    feed = EventFeed(Counted(), poll=timedelta(milliseconds=20))  # type: ignore[arg-type] # reads, and counts
    waiting = [asyncio.create_task(feed.wait(0)) for _ in range(100)]
    await wait_for(lambda: looks, message="somebody looks")
    await record(world, 3)
    await world.platform.sequencer.number()
    assert await asyncio.gather(*waiting) == [3] * 100
    assert looks < 100
    await feed.close()


async def test_a_running_sequencer_tells_its_own_process_at_once(world: World) -> None:
    running = asyncio.create_task(world.platform.sequencer.run())
    try:
        waiting = asyncio.create_task(world.platform.feed.wait(0))
        await record(world)
        assert await asyncio.wait_for(waiting, 5) == 1
    finally:
        running.cancel()
