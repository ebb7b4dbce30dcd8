"""Capabilities over WebSocket: the same answers, refusals, keys and quotas as over HTTP, with a real client."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from functools import partial
from typing import Any
from uuid import UUID

import aiohttp
import pytest
from sqlalchemy import Connection, select
from websockets.exceptions import InvalidStatus

from auth import client_secret, signed_request
from gateway.audit import audit_rows
from tests.fixtures.rpc import Gateway, Rpc, served
from tests.fixtures.world import CODE, OPERATOR, World, person
from tests.waiting import wait_for

PAID = "TM-MUSIC-10"


@pytest.fixture
async def gateway(make_world: Callable[..., Any], sqlite_url: str) -> AsyncIterator[Gateway]:
    async with served(await make_world(sqlite_url)) as gateway:
        yield gateway


@pytest.fixture
async def either(world: World) -> AsyncIterator[Gateway]:
    """The gateway on SQLite, and again on PostgreSQL."""
    async with served(world) as gateway:
        yield gateway


async def new_partner(world: World) -> tuple[str, str]:
    given = await world.call(
        OPERATOR, "partners.create", id="shop", name="Shop", scopes=["orders:*", "recommendations:*", "events:*"],
        origins=["https://shop.example"],
    )  # fmt: skip
    return given.client_id, given.client_secret


async def refused_upgrade(gateway: Gateway, headers: dict[str, str], query: str = "") -> tuple[int, str]:
    with pytest.raises(InvalidStatus) as refused:
        async with gateway.connected(headers=headers, query=query):
            pass
    response = refused.value.response
    assert response.headers["content-type"] == "application/problem+json"
    return response.status_code, (response.body or b"").decode()


async def test_a_partner_places_an_order(either: Gateway) -> None:
    await new_partner(either.world)
    await either.world.subscriber("partner:shop:u1")
    async with either.connected(either.partner_token()) as rpc:
        meta = {"user": "u1", "idempotency_key": "k1"}
        placed = await rpc("orders.place", meta, offer=PAID)
        assert placed["result"]["state"] == "awaiting_confirmation"
        assert (await rpc("orders.place", meta, offer=PAID))["result"] == placed["result"]
        reused = await rpc("orders.place", meta, offer="TM-READ-8")
        assert (reused["error"]["code"], reused["error"]["data"]["code"]) == (-32022, "idempotency-key-reused")
        listed = await rpc("orders.list", {"user": "u1"})
        assert [one["id"] for one in listed["result"]["items"]] == [placed["result"]["id"]]


async def test_one_key_is_one_order_whatever_the_protocol(either: Gateway) -> None:
    await new_partner(either.world)
    await either.world.subscriber("partner:shop:u1")
    token = either.partner_token()
    async with either.connected(token) as rpc, aiohttp.ClientSession() as session:
        placed = await rpc("orders.place", {"user": "u1", "idempotency_key": "k1"}, offer=PAID)
        headers = {"Authorization": f"Bearer {token}", "Tuila-User": "u1", "Idempotency-Key": "k1"}
        async with session.post(either.url + "/v1/orders", json={"offer": PAID}, headers=headers) as response:
            assert await response.json() == placed["result"]


async def test_refusals_carry_the_problem_document(gateway: Gateway) -> None:
    await new_partner(gateway.world)
    await gateway.world.subscriber("partner:shop:u1")
    async with gateway.connected(
        gateway.partner_token("shop", "orders:read"), headers={"Accept-Language": "en"}
    ) as rpc:
        found = []
        for method, meta, fields in (
            ("orders.place", {"user": "u1"}, {"offer": PAID}),
            ("orders.get", {"user": "u1"}, {"id": str(UUID(int=7))}),
            ("orders.list", {"user": "u2"}, {}),
            ("orders.list", {"user": "u1"}, {"limit": "many"}),
            ("orders.list", {"user": "u1"}, {"limits": 1}),
            ("orders.list", {"user": "u1", "if_version": 1}, {}),
            ("no.such", None, {}),
            ("rpc.auth", None, {"token": "nonsense"}),
            ("rpc.auth", None, {}),
            ("rpc.none", None, {}),
        ):
            error = (await rpc(method, meta, **fields))["error"]
            found.append((error["code"], error["data"]["code"], error["data"].get("reason")))
    assert found == [
        (-32003, "forbidden", "scope_missing"),
        (-32004, "order-not-found", None),
        (-32003, "forbidden", "binding_required"),
        (-32602, "malformed-request", None),
        (-32602, "malformed-request", None),
        (-32602, "malformed-request", None),
        (-32601, "not-found", None),
        (-32001, "unauthenticated", None),
        (-32602, "malformed-request", None),
        (-32601, "not-found", None),
    ]


async def test_a_deep_value_is_a_malformed_request(gateway: Gateway) -> None:
    async with gateway.connected() as rpc:
        for depth in (200, 900, 1_000, 5_000):
            await rpc.send(
                '{"jsonrpc":"2.0","id":"x","method":"offers.get","params":{"code":' + "[" * depth + "]" * depth + "}}"
            )
            assert (await rpc.notice())["error"]["code"] in (-32602, -32700)


async def test_a_batch_is_answered_whole(gateway: Gateway) -> None:
    async with gateway.connected() as rpc:
        await rpc.send(
            [
                {"jsonrpc": "2.0", "id": "a", "method": "offers.list", "params": {"limit": 1}},
                {"jsonrpc": "2.0", "method": "offers.list"},
                {"jsonrpc": "2.0", "id": None, "method": "no.such"},
                1,
                {"jsonrpc": "2.0", "id": 2.5, "method": "offers.get", "params": {"code": PAID}},
            ]
        )
        answers: Any = await rpc.notice()
        assert {str(one["id"]) for one in answers} == {"a", "None", "2.5"}
        assert sorted(one["error"]["code"] for one in answers if "error" in one) == [-32601, -32600]
        await rpc.send([{"jsonrpc": "2.0", "method": "offers.list"}])  # notifications only: no answer
        assert (await rpc("offers.get", code=PAID))["result"]["code"] == PAID
        assert rpc.notices.empty()


async def test_a_notification_does_its_work(either: Gateway) -> None:
    await new_partner(either.world)
    await either.world.subscriber("partner:shop:u1")
    async with either.connected(either.partner_token()) as rpc:
        params = {"offer": PAID, "_meta": {"user": "u1"}}
        await rpc.send({"jsonrpc": "2.0", "method": "orders.place", "params": params})
        await wait_for(partial(_orders, rpc))
        assert rpc.notices.empty()


async def _orders(rpc: Rpc) -> list[Any]:
    found: list[Any] = (await rpc("orders.list", {"user": "u1"}))["result"]["items"]
    return found


async def test_the_quota_is_the_callers_not_the_connections(gateway: Gateway) -> None:
    async with gateway.connected() as one, gateway.connected() as other:
        answers = [await (one, other)[turn % 2]("offers.get", code=PAID) for turn in range(61)]
    assert all("result" in answer for answer in answers[:60])
    assert answers[60]["error"]["code"] == -32029
    assert answers[60]["error"]["data"]["retry_after"]


async def test_a_browser_authenticates_by_its_first_message(gateway: Gateway) -> None:
    world = gateway.world
    await new_partner(world)
    await world.subscriber(phone="+8613800138000")
    page = {"Origin": "https://shop.example"}
    async with gateway.connected(headers=page) as rpc:
        opened = (await rpc("sessions.open", client_id="shop"))["result"]
        assert (await rpc("orders.list"))["error"]["code"] == -32001
        # What is sent behind rpc.auth without waiting for it is already the visitor's.
        await rpc.send({"jsonrpc": "2.0", "id": "x", "method": "rpc.auth", "params": {"token": opened["token"]}})
        sent = await rpc("bindings.request_code", phone="138 0013 8000")
        assert sent["result"]["to"] == "138****8000"
        assert (await rpc.notice())["result"]["account"] == opened["account"]
        await world.work()
        assert (await rpc("bindings.confirm_code", code=CODE))["result"]
        placed = (await rpc("orders.place", offer=PAID))["result"]
        assert (await rpc("orders.confirm", id=placed["id"]))["result"]["state"] == "accepted"
        await world.call(person(opened["account"]), "bindings.end")
        assert (await rpc("orders.list"))["error"]["data"]["reason"] == "binding_required"


async def test_a_strange_page_cannot_use_a_session(gateway: Gateway) -> None:
    await new_partner(gateway.world)
    token = gateway.session_token("web:v1")
    evil = {"Origin": "https://evil.example"}
    status, body = await refused_upgrade(gateway, {**evil, "Authorization": f"Bearer {token}"})
    assert (status, "origin_refused" in body) == (403, True)
    async with gateway.connected(headers=evil) as rpc:
        assert (await rpc("rpc.auth", token=token))["error"]["data"]["reason"] == "origin_refused"
    async with gateway.connected(token, headers={"Origin": "https://shop.example"}) as rpc:
        assert (await rpc("rpc.auth", token=token))["result"]["kind"] == "session"


async def test_upgrades_that_prove_nothing_are_refused_as_problems(gateway: Gateway) -> None:
    await new_partner(gateway.world)
    assert (await refused_upgrade(gateway, {"Authorization": "Bearer nonsense"}))[0] == 401
    token = gateway.partner_token()
    status, body = await refused_upgrade(gateway, {}, f"?access_token={token}")
    assert (status, token in body) == (400, False)
    async with aiohttp.ClientSession() as session, session.get(gateway.url + "/v1/ws") as response:
        assert (response.status, response.headers["upgrade"]) == (426, "websocket")
        assert (await response.json(content_type=None))["code"] == "upgrade-required"
    hasty = {"Upgrade": "websocket", "Connection": "Upgrade", "Sec-WebSocket-Version": "8", "Sec-WebSocket-Key": "x"}
    async with aiohttp.ClientSession() as session, session.get(gateway.url + "/v1/ws", headers=hasty) as response:
        assert (response.status, (await response.json(content_type=None))["code"]) == (400, "malformed-request")


async def test_a_signed_upgrade_speaks_for_the_partner_once(gateway: Gateway) -> None:
    world = gateway.world
    client_id, secret = await new_partner(world)
    await world.subscriber("partner:shop:u1")
    header = signed_request.sign(
        client_secret.signing_key(secret), "GET", "/v1/ws", b"", client=client_id, nonce="n" * 16, now=world.clock()
    )
    async with gateway.connected(headers={"Authorization": header}) as rpc:
        assert (await rpc("orders.list", {"user": "u1"}))["result"]["items"] == []
        world.clock.advance(minutes=15)
        assert (await rpc("orders.list", {"user": "u1"}))["error"]["data"]["reason"] == "credentials_expired"
        assert (await rpc("rpc.auth", token=gateway.partner_token()))["result"]["id"] == "shop"
        assert "result" in await rpc("orders.list", {"user": "u1"})
    assert (await refused_upgrade(gateway, {"Authorization": header}))[0] == 401


async def test_a_token_is_renewed_only_for_the_same_caller(gateway: Gateway) -> None:
    world = gateway.world
    await new_partner(world)
    await world.subscriber("partner:shop:u1")
    async with gateway.connected(gateway.partner_token(minutes=1)) as rpc:
        world.clock.advance(seconds=61)
        assert (await rpc("orders.list", {"user": "u1"}))["error"]["code"] == -32001
        other = await rpc("rpc.auth", token=gateway.session_token("web:v1"))
        assert other["error"]["code"] == -32003
        assert (await rpc("rpc.auth", token=gateway.partner_token()))["result"]["expires_at"]
        assert "result" in await rpc("orders.list", {"user": "u1"})


async def test_a_suspension_is_felt_on_an_open_connection(gateway: Gateway) -> None:
    world = gateway.world
    await new_partner(world)
    await world.subscriber("partner:shop:u1")
    async with gateway.connected(gateway.partner_token()) as rpc:
        assert "result" in await rpc("orders.list", {"user": "u1"})
        await world.call(OPERATOR, "partners.suspend", id="shop")
        world.clock.advance(seconds=4)
        assert (await rpc("orders.list", {"user": "u1"}))["error"]["data"]["reason"] == "caller_suspended"
    assert (await refused_upgrade(gateway, {"Authorization": f"Bearer {gateway.partner_token()}"}))[0] == 403


async def test_calls_are_audited(either: Gateway) -> None:
    world = either.world
    await new_partner(world)
    async with either.connected(either.partner_token("shop", "orders:read")) as rpc:
        await rpc("orders.place", {"user": "u1"}, offer=PAID)
    rows = await wait_for(lambda: world.platform.store.read(_audited, "partner:shop"))  # refusals are not waited for
    assert rows == [("orders.place", "forbidden")]


def _audited(connection: Connection, principal: str) -> list[tuple[str, str]]:
    found = select(audit_rows.c.capability, audit_rows.c.outcome).where(audit_rows.c.principal == principal)
    return [(capability, outcome) for capability, outcome in connection.execute(found)]
