"""Who may be connected no longer is let go within seconds, whatever it was doing; everybody else stays."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest

from auth.principal import Principal
from gateway.capabilities.bindings import suspend_bound
from gateway.capabilities.bindings.tables import bindings
from gateway.capabilities.grants.tables import grants
from gateway.capabilities.sessions import SESSION_SCOPES
from gateway.store import Unit
from tests.fixtures.rpc import Gateway, served
from tests.fixtures.world import OPERATOR, World, person
from tests.gateway.capabilities.test_numbers import all_of

VISITOR = "web:v1"
CONTRACT: dict[str, Any] = {"name": "Shop", "scopes": ["orders:*", "events:*"], "origins": ["https://shop.example"]}


@pytest.fixture
async def gateway(world: World) -> AsyncIterator[Gateway]:
    for name in ("shop", "rival"):
        await world.call(OPERATOR, "partners.create", id=name, **CONTRACT)
    async with served(world, standing=0.05) as gateway:
        yield gateway


async def session_token(world: World) -> str:
    visitor = Principal("session", VISITOR, SESSION_SCOPES, VISITOR, "shop")
    return str((await world.call(visitor, "sessions.open", client_id="shop")).token)


async def test_a_suspended_partner_s_servers_and_pages_are_let_go(gateway: Gateway) -> None:
    world = gateway.world
    async with (
        gateway.connected(gateway.partner_token()) as server,
        gateway.connected(gateway.session_token(VISITOR), headers={"Origin": "https://shop.example"}) as page,
        gateway.connected(gateway.partner_token("rival")) as rival,
        gateway.connected() as visitor,
    ):
        assert "result" in await server("rpc.subscribe")
        await world.call(OPERATOR, "partners.suspend", id="shop")
        world.clock.advance(seconds=4)  # as long as a partner is remembered
        assert await server.closed() == (4403, "caller_suspended")
        assert await page.closed() == (4403, "caller_suspended")
        for other in (rival, visitor):
            assert "result" in await other("offers.list", limit=1)


async def test_a_suspended_binding_lets_its_session_go_which_may_come_back_to_prove_the_number(
    gateway: Gateway,
) -> None:
    world = gateway.world
    number = await world.subscriber(VISITOR)
    tied, free = await session_token(world), gateway.session_token(VISITOR)
    (bound,) = await all_of(world, bindings)
    async with gateway.connected(tied) as one, gateway.connected(free) as two:
        world.clock.advance(seconds=1)
        unit = Unit()
        suspend_bound(unit, bound.id, VISITOR, number, "sim changed", now=world.clock(), ids=world.platform.ids)
        await world.platform.store.commit(unit)
        for rpc in (one, two):
            assert await rpc.closed() == (4403, "binding_suspended_or_ended")
    world.clock.advance(seconds=1)
    async with gateway.connected(free) as again, gateway.connected(gateway.partner_token()) as witness:
        await world.call(OPERATOR, "partners.suspend", id="shop")
        world.clock.advance(seconds=4)
        await witness.closed()  # the connections were looked at since
        assert (await again.closed())[1] == "caller_suspended"


async def test_an_ended_binding_lets_the_session_go_that_rests_on_it(gateway: Gateway) -> None:
    world = gateway.world
    await world.subscriber(VISITOR)
    async with gateway.connected(await session_token(world)) as rpc:
        await world.call(person(VISITOR), "bindings.end")
        assert await rpc.closed() == (4403, "binding_suspended_or_ended")


async def test_a_revoked_grant_lets_its_tokens_go(gateway: Gateway) -> None:
    world = gateway.world
    account = "partner:shop:~pairwise"
    await world.subscriber(account)
    (bound,) = await all_of(world, bindings)
    unit, now = Unit(), world.clock()
    unit.insert(
        grants,
        id="g", partner_id="shop", account=account, binding_id=bound.id, scopes="[]", created_at=now,
        expires_at=now + timedelta(days=30), revoked_at=None, revoked_because=None,
    )  # fmt: skip
    await world.platform.store.commit(unit)
    holder = Principal(
        "partner", "shop", frozenset({"orders:*"}), account, partner_id="shop", binding_id=bound.id, grant_id="g"
    )
    async with gateway.connected(gateway._issue(holder, 15)) as rpc, gateway.connected(gateway.partner_token()) as own:
        unit = Unit()
        unit.update(grants, {"id": "g"}, revoked_at=now, revoked_because="revoked")
        await world.platform.store.commit(unit)
        world.clock.advance(seconds=4)
        assert await rpc.closed() == (4403, "grant_ended")
        assert "result" in await own("offers.list", limit=1)


async def test_a_contract_that_changed_lets_those_go_who_call_from_elsewhere(gateway: Gateway) -> None:
    world = gateway.world
    async with (
        gateway.connected(gateway.partner_token()) as server,
        gateway.connected(gateway.session_token(VISITOR), headers={"Origin": "https://shop.example"}) as page,
    ):
        await world.call(
            OPERATOR, "partners.update", id="shop", **CONTRACT | {"origins": [], "addresses": ["203.0.113.0/24"]}
        )
        world.clock.advance(seconds=4)
        assert await server.closed() == (4403, "address_refused")
        assert await page.closed() == (4403, "origin_refused")
    async with gateway.connected() as visitor:
        refused = (await visitor("rpc.auth", token=gateway.partner_token()))["error"]
        assert refused["data"]["reason"] == "address_refused"


async def test_a_partner_suspended_on_another_process_is_let_go_here(gateway: Gateway) -> None:
    here, there = gateway.world, gateway.world.another()
    try:
        async with served(here, there, standing=0.05) as other, other.connected(other.partner_token()) as rpc:
            await here.call(OPERATOR, "partners.suspend", id="shop")
            here.clock.advance(seconds=4)
            assert await rpc.closed() == (4403, "caller_suspended")
    finally:
        await there.close()
