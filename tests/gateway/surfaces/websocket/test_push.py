"""Events over WebSocket: in the order of the feed, each once, whatever happens to the connection."""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
from websockets.exceptions import ConnectionClosed

from auth.principal import Principal
from gateway.capabilities.events import emit, list_after
from gateway.capabilities.sessions import SESSION_SCOPES
from gateway.platform import Platform
from gateway.store import Unit
from tests.fixtures.rpc import Gateway, Rpc, served
from tests.fixtures.world import OPERATOR, World, person
from tests.waiting import wait_for

PAID = "TM-MUSIC-10"


@contextlib.asynccontextmanager
async def numbering(*platforms: Platform) -> AsyncIterator[None]:
    """Events get their numbers, as they do where workers run."""
    tasks = [asyncio.create_task(platform.sequencer.run()) for platform in platforms]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


@pytest.fixture
async def gateway(make_world: Callable[..., Any], sqlite_url: str) -> AsyncIterator[Gateway]:
    world = await make_world(sqlite_url)
    await new_partner(world)
    async with served(world) as gateway, numbering(world.platform):
        yield gateway


@pytest.fixture
async def either(world: World) -> AsyncIterator[Gateway]:
    """The gateway on SQLite, and again on PostgreSQL."""
    await new_partner(world)
    async with served(world) as gateway, numbering(world.platform):
        yield gateway


async def new_partner(world: World) -> None:
    await world.call(
        OPERATOR, "partners.create", id="shop", name="Shop", scopes=["orders:*", "events:*"],
        origins=["https://shop.example"],
    )  # fmt: skip


async def record(
    world: World, count: int = 1, *, on: Platform | None = None, type: str = "test.happened", partner_id: str = "shop",
    account: str | None = None, size: int = 0,
) -> None:  # fmt: skip
    platform, unit = on or world.platform, Unit()
    for _ in range(count):
        emit(
            unit, type, {"fill": "x" * size}, id=platform.ids(), at=world.clock(), key="k", partner_id=partner_id,
            account=account,
        )  # fmt: skip
    await platform.store.commit(unit)


async def of_feed(world: World, partner_id: str = "shop") -> list[str]:
    """Ids in the order of the feed."""
    found = await world.platform.store.read(list_after, partner_id=partner_id, account=None, after_seq=0, limit=100_000)
    return [event.id for event in found]


async def events(rpc: Rpc, count: int) -> list[dict[str, Any]]:
    """The next events; nothing else may come."""
    notices = [await rpc.notice() for _ in range(count)]
    assert {notice["method"] for notice in notices} <= {"event"}
    return [notice["params"] for notice in notices]


async def test_a_partner_follows_an_order_placed_on_another_process(either: Gateway) -> None:
    world = either.world
    number = await world.subscriber("partner:shop:u1")
    await world.bind("wechat:gh:me", number)
    other = world.another()
    await other.refresh()
    try:
        async with either.connected(either.partner_token()) as rpc, numbering(other):
            assert (await rpc("rpc.subscribe", types=["order.*"]))["result"] == {"after": None}
            async with served(world, other) as second, second.connected(either.partner_token()) as caller:
                placed = (await caller("orders.place", {"user": "u1"}, offer=PAID))["result"]
            await world.call(person("wechat:gh:me"), "orders.confirm", id=placed["id"], on=other)
            await wait_for(lambda: world.platform.worker().run_due())
            found = await events(rpc, 5)
    finally:
        await other.close()
    states = ["acknowledged", "awaiting_confirmation", "accepted", "provisioning", "completed"]
    assert [event["type"] for event in found] == [f"order.{state}" for state in states]
    assert {(event["key"], event["data"]["user"]) for event in found} == {(placed["id"], "u1")}


async def test_a_session_sees_its_own_account_and_no_other(gateway: Gateway) -> None:
    world = gateway.world
    async with gateway.connected(gateway.session_token("web:v1")) as rpc:
        await rpc("rpc.subscribe")
        await record(world, account="web:v2")
        await record(world, account="partner:shop:u1")
        await record(world, account="web:v1", type="test.own")
        assert [event["type"] for event in await events(rpc, 1)] == ["test.own"]
        assert rpc.notices.empty()


async def test_a_partner_may_follow_one_user_only(gateway: Gateway) -> None:
    world = gateway.world
    async with gateway.connected(gateway.partner_token()) as rpc:
        await rpc("rpc.subscribe", {"user": "u1"})
        await record(world, account="partner:shop:u2")
        await record(world, account="partner:shop:u1")
        assert [event["data"]["user"] for event in await events(rpc, 1)] == ["u1"]
        assert rpc.notices.empty()


async def test_types_are_filtered(gateway: Gateway) -> None:
    async with gateway.connected(gateway.partner_token()) as rpc:
        await rpc("rpc.subscribe", types=["a.*", "b.c"])
        for happened in ("a.x", "b.x", "b.c", "ab.c", "a.y"):
            await record(gateway.world, type=happened)
        assert [event["type"] for event in await events(rpc, 3)] == ["a.x", "b.c", "a.y"]
        assert (await rpc("rpc.subscribe", types=["NOT A TYPE"]))["error"]["code"] == -32602


async def test_what_was_missed_comes_first_and_once(gateway: Gateway) -> None:
    world = gateway.world
    await record(world, 250)  # several pages
    async with gateway.connected(gateway.partner_token()) as rpc:
        await rpc("rpc.subscribe")
        seen = [event["id"] for event in await events(rpc, 250)]
    await record(world, 3)
    async with gateway.connected(gateway.partner_token()) as rpc:
        assert (await rpc("rpc.subscribe", after=seen[-1]))["result"] == {"after": seen[-1]}
        await record(world, 2)
        seen += [event["id"] for event in await events(rpc, 5)]
    assert seen == await of_feed(world)


async def test_newest_leaves_the_past_out_and_tells_where_to_resume(gateway: Gateway) -> None:
    world = gateway.world
    async with gateway.connected(gateway.partner_token()) as rpc:
        assert (await rpc("rpc.subscribe", after="newest"))["result"] == {"after": None}
    await record(world, 3)
    await record(world, partner_id="rival")
    await wait_for(lambda: of_feed(world, "rival"))
    past = await of_feed(world)
    async with gateway.connected(gateway.partner_token()) as rpc:
        assert (await rpc("rpc.subscribe", after="newest"))["result"] == {"after": past[-1]}
        await record(world)
        assert [event["id"] for event in await events(rpc, 1)] == (await of_feed(world))[3:]


async def test_an_event_no_longer_kept_is_refused_with_what_to_do(gateway: Gateway) -> None:
    async with gateway.connected(gateway.partner_token(), headers={"Accept-Language": "en"}) as rpc:
        error = (await rpc("rpc.subscribe", after="00000000-0000-7000-8000-000000000000"))["error"]
        assert (error["code"], error["data"]["code"]) == (-32004, "event-not-found")
        assert "oldest one kept" in error["data"]["detail"]
        assert (await rpc("rpc.subscribe", after="yesterday"))["error"]["code"] == -32602


async def test_who_may_not_read_events_may_not_subscribe(gateway: Gateway) -> None:
    async with gateway.connected() as rpc:
        assert (await rpc("rpc.subscribe"))["error"]["data"]["reason"] == "identity_required"
    async with gateway.connected(gateway.partner_token("shop", "orders:*")) as rpc:
        assert (await rpc("rpc.subscribe"))["error"]["data"]["reason"] == "scope_missing"
    async with gateway.connected(gateway.partner_token()) as rpc:
        assert (await rpc("rpc.unsubscribe"))["result"] == {"subscribed": False}


async def test_after_unsubscribing_nothing_comes(gateway: Gateway) -> None:
    async with gateway.connected(gateway.partner_token()) as rpc, gateway.connected(gateway.partner_token()) as other:
        await rpc("rpc.subscribe")
        await other("rpc.subscribe")
        assert (await rpc("rpc.unsubscribe"))["result"] == {"subscribed": True}
        await record(gateway.world)
        await events(other, 1)
        assert "result" in await rpc("rpc.discover")
        assert rpc.notices.empty()


async def test_subscribing_again_moves_the_one_subscription(gateway: Gateway) -> None:
    async with gateway.connected(gateway.partner_token()) as rpc:
        await record(gateway.world, 3)
        await rpc("rpc.subscribe")
        first = await events(rpc, 3)
        await rpc("rpc.subscribe", after=first[0]["id"])
        assert [event["id"] for event in await events(rpc, 2)] == [event["id"] for event in first[1:]]


async def test_pushes_stop_when_the_partner_is_suspended(gateway: Gateway) -> None:
    world = gateway.world
    async with gateway.connected(gateway.partner_token()) as rpc:
        await rpc("rpc.subscribe")
        await record(world)
        await events(rpc, 1)
        await world.call(OPERATOR, "partners.suspend", id="shop")
        world.clock.advance(seconds=4)
        await record(world)
        notice = await rpc.notice()
        assert (notice["method"], notice["params"]["reason"]) == ("unsubscribed", "caller_suspended")


async def test_pushes_stop_when_the_binding_of_the_session_ends(gateway: Gateway) -> None:
    world = gateway.world
    await world.subscriber("web:v1")
    visitor = Principal("session", "web:v1", SESSION_SCOPES, "web:v1", "shop")
    token = (await world.call(visitor, "sessions.open", client_id="shop")).token
    async with gateway.connected(token) as rpc:
        await rpc("rpc.subscribe", types=["test.*"])
        await record(world, account="web:v1")
        await events(rpc, 1)
        await world.call(person("web:v1"), "bindings.end")
        await record(world, account="web:v1")
        notice = await rpc.notice()
        assert (notice["method"], notice["params"]["reason"]) == ("unsubscribed", "binding_ended")


async def test_pushes_stop_when_the_token_ends_and_go_on_from_there(gateway: Gateway) -> None:
    world = gateway.world
    async with gateway.connected(gateway.partner_token(minutes=1)) as rpc:
        await rpc("rpc.subscribe")
        await record(world)
        (seen,) = await events(rpc, 1)
        world.clock.advance(seconds=61)
        await record(world)
        notice = await rpc.notice()
        assert (notice["method"], notice["params"]["reason"]) == ("unsubscribed", "credentials_expired")
        await rpc("rpc.auth", token=gateway.partner_token())
        await rpc("rpc.subscribe", after=seen["id"])
        await events(rpc, 1)


class Reader:
    """A client that resumes from the last event it saw, and loses its connection again and again."""

    def __init__(self, gateways: list[Gateway], dice: random.Random) -> None:
        self.seen: list[str] = []
        self.connections = 0
        self._gateways = gateways
        self._dice = dice

    async def run(self, wanted: int) -> None:
        while len(self.seen) < wanted:
            gateway = self._dice.choice(self._gateways)
            async with gateway.connected(gateway.partner_token()) as rpc:
                self.connections += 1
                with contextlib.suppress(ConnectionClosed, TimeoutError):
                    await self._read(rpc, wanted, self._dice.randrange(1, 40))

    async def _read(self, rpc: Rpc, wanted: int, cut_after: int) -> None:
        await rpc("rpc.subscribe", after=self.seen[-1] if self.seen else None)
        for _ in range(min(cut_after, wanted - len(self.seen))):
            self.seen.append((await rpc.notice())["params"]["id"])
        if self._dice.random() < 0.5:
            rpc.socket.transport.abort()


async def test_no_event_is_lost_or_doubled_however_often_connections_are_cut(world: World) -> None:
    """Two processes over one database record, number and push; readers are cut off at random and resume on either."""
    await new_partner(world)
    dice, other, wanted = random.Random(7), world.another(), 150
    try:
        async with served(world) as one, served(world, other) as two, numbering(world.platform, other):
            readers = [Reader([one, two], random.Random(dice.random())) for _ in range(3)]
            reading = [asyncio.create_task(reader.run(wanted)) for reader in readers]
            for _ in range(wanted // 3):
                await record(world, 3, on=dice.choice([world.platform, other]))
            await asyncio.wait_for(asyncio.gather(*reading), 60)
    finally:
        await other.close()
    expected = await of_feed(world)
    assert len(expected) == wanted
    for reader in readers:
        assert reader.seen == expected
        assert reader.connections > 3
