"""Bounds of a connection: silence, slowness, size, number, time to authenticate, and the end of the process."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import Callable
from typing import Any

import pytest
from prometheus_client import REGISTRY
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

from gateway.app import create_app
from gateway.capabilities.events import emit
from gateway.invoke import Call, Invoker
from gateway.server import listen, serving
from gateway.store import Unit
from tests.fixtures.rpc import Gateway, served
from tests.fixtures.world import OPERATOR, World
from tests.waiting import wait_for


@pytest.fixture
async def world(make_world: Callable[..., Any], sqlite_url: str) -> World:
    made: World = await make_world(sqlite_url)
    await made.call(
        OPERATOR, "partners.create", id="shop", name="Shop", scopes=["orders:*", "events:*"], origins=["https://shop.example"],
        per_second=100_000, per_day=10_000_000,
    )  # fmt: skip
    return made


async def refusal(gateway: Gateway, token: str | None = None) -> tuple[int, str]:
    with pytest.raises(InvalidStatus) as refused:
        async with gateway.connected(token):
            pass
    response = refused.value.response
    return response.status_code, json.loads(response.body or b"{}")["code"]


async def test_a_partner_holds_so_many_connections_and_an_address_so_many(world: World) -> None:
    async with served(world, per_partner=2, per_address=1) as gateway:
        token = gateway.partner_token()
        async with gateway.connected(token), gateway.connected(token), gateway.connected() as visitor:
            assert await refusal(gateway, token) == (429, "too-many-requests")
            assert await refusal(gateway) == (429, "too-many-requests")
            # Who tells later that it is the partner takes the partner's room.
            assert (await visitor("rpc.auth", token=token))["error"]["code"] == -32029
        await wait_for(lambda: REGISTRY.get_sample_value("tuila_websocket_connections") == 0)
        async with gateway.connected() as rpc:
            assert "result" in await rpc("rpc.auth", token=token)
            async with gateway.connected():  # the address has its room again
                assert await refusal(gateway) == (429, "too-many-requests")


async def test_a_process_holds_so_many_connections(world: World) -> None:
    async with served(world, connections=1) as gateway, gateway.connected():
        assert await refusal(gateway, gateway.partner_token()) == (503, "unavailable")


async def test_who_shows_no_token_in_time_is_let_go(world: World) -> None:
    async with (
        served(world, heartbeat=0.2) as gateway,
        gateway.connected() as visitor,
        gateway.connected(gateway.partner_token()) as partner,
    ):
        world.clock.advance(seconds=16)
        assert (await visitor.closed())[0] == 4401
        assert "result" in await partner("offers.list", limit=1)


async def test_a_connection_outlives_its_token_by_half_a_minute(world: World) -> None:
    async with (
        served(world, heartbeat=0.2) as gateway,
        gateway.connected(gateway.partner_token(minutes=1)) as lapsed,
        gateway.connected(gateway.partner_token(minutes=1)) as renewed,
    ):
        world.clock.advance(seconds=61)
        assert "result" in await renewed("rpc.auth", token=gateway.partner_token())
        assert (await lapsed("orders.list", {"user": "u1"}))["error"]["code"] == -32001
        world.clock.advance(seconds=30)
        code, reason = await lapsed.closed()
        assert (code, "rpc.auth" in str(reason)) == (4401, True)
        assert "result" in await renewed("offers.list", limit=1)


async def test_a_silent_peer_is_pinged_and_a_dead_one_given_up(world: World) -> None:
    async with served(world, heartbeat=0.2) as gateway:
        reader, writer = await asyncio.open_connection(*gateway.url.removeprefix("http://").split(":"))
        writer.write(
            b"GET /v1/ws HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
        )
        head = await reader.readuntil(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 101")
        assert await reader.readexactly(2) == b"\x89\x00"  # ping, which nobody answers
        assert (await reader.readexactly(4))[2:] == (1011).to_bytes(2, "big")
        writer.close()
        async with gateway.connected(gateway.partner_token()) as alive:  # the client answers pings by itself
            opened = asyncio.get_running_loop().time()
            await wait_for(lambda: asyncio.get_running_loop().time() - opened > 0.6)
            assert "result" in await alive("offers.list", limit=1)


@pytest.mark.parametrize(
    "message, code",
    [(b"\x00\x01", 1003), ("x" * 3_000_000, 1009)],
    ids=["binary", "too large"],
)
async def test_a_message_of_the_wrong_kind_or_size_ends_the_connection(
    world: World, message: str | bytes, code: int
) -> None:
    async with served(world) as gateway, gateway.connected() as rpc:
        await rpc.send(message)
        assert (await rpc.closed())[0] == code


async def test_a_message_in_fragments_is_one_message(world: World) -> None:
    async with served(world) as gateway, gateway.connected() as rpc:
        text = '{"jsonrpc":"2.0","id":"x","method":"offers.get","params":{"code":"TM-MUSIC-10"}}'
        await rpc.socket.send([text[:20], text[20:21], text[21:]])
        assert (await rpc.notice())["result"]["code"] == "TM-MUSIC-10"


async def test_who_does_not_read_costs_no_memory_and_is_let_go(world: World) -> None:
    """Thousands of events and a thousand calls for a peer that reads nothing: it gets a few hundred kilobytes, then 1013."""
    async with served(world, slow_reader=1) as gateway:
        unit = Unit()
        for _ in range(1_500):
            emit(
                unit, "test.happened", {"fill": "x" * 10_000}, id=world.platform.ids(), at=world.clock(), key="k",
                partner_id="shop", account=None,
            )  # fmt: skip
        await world.platform.store.commit(unit)
        while await world.platform.sequencer.number():
            pass
        pushed = REGISTRY.get_sample_value("tuila_websocket_pushed_total") or 0
        socket = await connect(
            gateway.address, compression=None, max_queue=1, close_timeout=0.1,
            additional_headers={"Authorization": f"Bearer {gateway.partner_token()}"},
        )  # fmt: skip
        await socket.send('{"jsonrpc":"2.0","id":1,"method":"rpc.subscribe"}')
        await wait_for(lambda: _closed("1013"), 15)
        reached = (REGISTRY.get_sample_value("tuila_websocket_pushed_total") or 0) - pushed
        assert 0 < reached < 1_450
        socket.transport.abort()
        async with gateway.connected(gateway.partner_token()) as rpc:
            await rpc("rpc.subscribe")
            for _ in range(1_500):
                assert (await rpc.notice())["method"] == "event"


def _closed(code: str) -> float:
    return REGISTRY.get_sample_value("tuila_websocket_closed_total", {"code": code}) or 0


async def test_calls_of_one_connection_run_side_by_side_up_to_a_bound(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    running, most = 0, 0
    plain = Invoker.__call__

    async def counted(invoker: Invoker, call: Call) -> Any:
        nonlocal running, most
        running += 1
        most = max(most, running)
        await asyncio.sleep(0)
        try:
            return await plain(invoker, call)
        finally:
            running -= 1

    monkeypatch.setattr(Invoker, "__call__", counted)
    async with served(world, calls_at_once=3) as gateway, gateway.connected(gateway.partner_token()) as rpc:
        await rpc.send(
            [{"jsonrpc": "2.0", "id": f"b{one}", "method": "offers.list", "params": {"limit": 1}} for one in range(100)]
        )
        answers = await asyncio.gather(*(rpc("offers.list", limit=1) for _ in range(50)))
        assert len(await rpc.notice()) == 100
    assert all("result" in answer for answer in answers)
    assert most == 3


async def test_the_end_of_the_process_is_announced_when_calls_under_way_are_answered(world: World) -> None:
    async with contextlib.AsyncExitStack() as stack:
        async with serving(create_app(world.platform), listen("127.0.0.1", 0)) as url:
            gateway = Gateway(world, world.platform, url)
            rpc = await stack.enter_async_context(gateway.connected())
            await rpc.send({"jsonrpc": "2.0", "id": "x", "method": "offers.list", "params": {"limit": 1}})
            await wait_for(lambda: REGISTRY.get_sample_value("tuila_websocket_connections") == 1)
        assert (await rpc.closed())[0] == 1001
        assert rpc.notices.empty() or "result" in await rpc.notice()
