"""One contract for the back end, held by the fake and by the client on the stand-in; then each one's own ways."""

import asyncio
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any, Protocol

import aiohttp
import msgspec
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from adapters.backoff import Backoff
from adapters.boss.client import BossClient
from adapters.boss.fake import FakeBoss
from adapters.boss.protocol import Boss, ProvisionOrder, ProvisionResult
from adapters.boss.sandbox import make_app
from adapters.errors import OutcomeUnknown, UpstreamRefused, UpstreamUnavailable

ORDER = ProvisionOrder("N1", "sub-1", "+8613800138000", "MUSIC-10", "subscribe", "now", 1000)
KEY = "test-key"


class World(Protocol):
    @property
    def boss(self) -> Boss: ...

    async def fail(self, **faults: Any) -> None: ...

    async def effects(self) -> list[str]: ...


class FakeWorld:
    def __init__(self) -> None:
        self.boss = FakeBoss()

    async def fail(self, **faults: Any) -> None:
        self.boss.down = faults.get("down", False)
        self.boss.lose_next = int(faults.get("lose_answer", "next 0").removeprefix("next "))
        self.boss.refused_offers = dict.fromkeys(faults.get("refuse", []), "no")
        self.boss.processing_polls = faults.get("processing_polls", 0)

    async def effects(self) -> list[str]:
        return [order.number for order in self.boss.effects]


class SandboxWorld:
    def __init__(self, session: aiohttp.ClientSession, url: str, boss: BossClient) -> None:
        self.session, self.url, self.boss = session, url, boss

    async def fail(self, **faults: Any) -> None:
        async with self.session.put(f"{self.url}/faults", json=faults) as response:
            assert response.status == 200, await response.text()

    async def ledger(self, table: str, **query: str) -> dict[str, Any]:
        async with self.session.get(f"{self.url}/ledger", params={"table": table, **query}) as response:
            return dict(await response.json())

    async def effects(self) -> list[str]:
        return [row["number"] for row in (await self.ledger("effects"))["items"]]


async def no_wait(seconds: float) -> None:
    """A sleep that takes no time."""


@asynccontextmanager
async def sandbox(
    database: Path, timeout: float = 5.0, sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
) -> AsyncIterator[SandboxWorld]:
    async with TestServer(make_app(database, KEY, sleep=sleep)) as server, aiohttp.ClientSession() as session:
        url = str(server.make_url("")).rstrip("/")
        client = BossClient(session, url, KEY, timeout=timedelta(seconds=timeout), rng=Random(1), sleep=no_wait)
        yield SandboxWorld(session, url, client)


@pytest.fixture(params=["fake", "client"])
async def world(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[World]:
    if request.param == "fake":
        yield FakeWorld()
    else:
        async with sandbox(tmp_path / "ledger.sqlite3") as there:
            yield there


async def test_an_order_is_carried_out_and_found_again(world: World) -> None:
    assert await world.boss.provision(ORDER) == ProvisionResult("N1", "completed")
    assert await world.boss.status("N1") == ProvisionResult("N1", "completed")
    assert await world.effects() == ["N1"]


@pytest.mark.parametrize(
    ("action", "fields"),
    [
        ("unsubscribe", {}), ("change", {"replaces": "MUSIC-5"}), ("gift", {"payer_ref": "sub-2"}),
        ("start_trial", {"trial_days": 7}), ("convert_trial", {}), ("renew", {}),
    ],
)  # fmt: skip
async def test_every_action_is_carried_out_once_and_found_again(
    world: World, action: str, fields: dict[str, Any]
) -> None:
    order = msgspec.structs.replace(ORDER, action=action, **fields)
    for _ in range(2):
        assert await world.boss.provision(order) == ProvisionResult("N1", "completed")
    assert await world.boss.status("N1") == ProvisionResult("N1", "completed")
    assert await world.effects() == ["N1"]
    with pytest.raises(UpstreamRefused):
        await world.boss.provision(ORDER)


@pytest.mark.parametrize("fields", [{"action": "change"}, {"replaces": "MUSIC-5"}, {"action": "gift", "trial_days": 1}])
async def test_an_action_without_its_field_or_with_anothers_is_no_order(fields: dict[str, Any], tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="belongs to action"):
        msgspec.structs.replace(ORDER, **fields)
    body = {**msgspec.to_builtins(ORDER), **fields}
    async with sandbox(tmp_path / "ledger.sqlite3") as there:
        url = f"{there.url}/boss/v1/orders"
        async with there.session.post(url, json=body, headers={"X-Api-Key": KEY}) as response:
            assert response.status == 400, await response.text()


async def test_a_number_never_seen_has_no_status(world: World) -> None:
    assert await world.boss.status("N404") is None


async def test_the_same_order_twice_has_one_effect(world: World) -> None:
    assert await world.boss.provision(ORDER) == await world.boss.provision(ORDER)
    assert await world.effects() == ["N1"]


async def test_a_number_used_for_another_order_is_refused(world: World) -> None:
    await world.boss.provision(ORDER)
    with pytest.raises(UpstreamRefused) as refused:
        await world.boss.provision(msgspec.structs.replace(ORDER, offer_code="READ-5"))
    assert refused.value.code == "number_reused"
    assert await world.effects() == ["N1"]


async def test_a_lost_answer_is_unknown_then_found_done_by_asking(world: World) -> None:
    await world.fail(lose_answer="next 1")
    with pytest.raises(OutcomeUnknown):
        await world.boss.provision(ORDER)
    assert await world.boss.status("N1") == ProvisionResult("N1", "completed")
    assert await world.boss.provision(ORDER) == ProvisionResult("N1", "completed")
    assert await world.effects() == ["N1"]


async def test_a_system_that_is_down_takes_nothing(world: World) -> None:
    await world.fail(down=True)
    with pytest.raises(UpstreamUnavailable):
        await world.boss.provision(ORDER)
    with pytest.raises(UpstreamUnavailable):
        await world.boss.status("N1")
    await world.fail()
    assert await world.boss.status("N1") is None
    assert await world.effects() == []


async def test_a_refused_offer_says_why_and_has_no_effect(world: World) -> None:
    await world.fail(refuse=["MUSIC-10"])
    result = await world.boss.provision(ORDER)
    assert result.status == "refused" and result.reason
    assert await world.boss.status("N1") == result
    assert await world.effects() == []


async def test_processing_ends_after_the_set_number_of_questions(world: World) -> None:
    await world.fail(processing_polls=2)
    assert (await world.boss.provision(ORDER)).status == "processing"
    asked = [await world.boss.status("N1") for _ in range(3)]
    assert [result and result.status for result in asked] == ["processing", "processing", "completed"]
    assert await world.effects() == ["N1"]


async def test_what_was_taken_is_listed_in_pages_by_number(world: World) -> None:
    for number in ("N3", "N1", "N2"):
        await world.boss.provision(msgspec.structs.replace(ORDER, number=number))
    await world.fail(refuse=["READ-5"])
    await world.boss.provision(msgspec.structs.replace(ORDER, number="N4", offer_code="READ-5"))
    now = datetime.now(UTC)
    begin, end = now - timedelta(hours=1), now + timedelta(hours=1)
    first = await world.boss.list_taken(begin, end, None, 3)
    rest = await world.boss.list_taken(begin, end, first.next, 3)
    entries = first.entries + rest.entries
    assert [(one.number, one.status, one.effects) for one in entries] == [
        ("N1", "completed", 1), ("N2", "completed", 1), ("N3", "completed", 1), ("N4", "refused", 0),
    ]  # fmt: skip
    assert (entries[0].subscriber_ref, entries[0].offer_code, entries[0].price_fen) == ("sub-1", "MUSIC-10", 1000)
    assert rest.next is None
    assert (await world.boss.list_taken(end, end + timedelta(hours=1), None, 3)).entries == []
    await world.fail(down=True)
    with pytest.raises(UpstreamUnavailable):
        await world.boss.list_taken(begin, end, None, 3)


async def test_a_closed_port_is_unavailable() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        async with aiohttp.ClientSession() as session:
            client = BossClient(session, f"http://127.0.0.1:{taken.getsockname()[1]}", KEY, sleep=no_wait)
            with pytest.raises(UpstreamUnavailable):
                await client.provision(ORDER)


async def test_a_slow_order_times_out_as_unknown_and_is_found_processing(tmp_path: Path) -> None:
    held = asyncio.Event()

    async def until_released(seconds: float) -> None:
        await held.wait()

    async with sandbox(tmp_path / "ledger.sqlite3", timeout=0.2, sleep=until_released) as world:
        await world.fail(slow_seconds=30)
        with pytest.raises(OutcomeUnknown):
            await world.boss.provision(ORDER)
        await world.fail()
        assert await world.boss.status("N1") == ProvisionResult("N1", "processing")
        held.set()
        async with asyncio.timeout(5):
            while await world.effects() != ["N1"]:
                await asyncio.sleep(0)
        assert await world.boss.status("N1") == ProvisionResult("N1", "completed")


@pytest.mark.parametrize(
    ("status", "error"),
    [(503, UpstreamUnavailable), (429, UpstreamUnavailable), (500, OutcomeUnknown), (504, OutcomeUnknown)],
)
async def test_only_an_answer_given_before_any_effect_is_safe_to_repeat(status: int, error: type[Exception]) -> None:
    calls = 0

    async def fail(request: web.Request) -> web.Response:
        nonlocal calls
        calls += 1
        return web.Response(status=status, text="<html>proxy</html>")

    app = web.Application()
    app.router.add_post("/boss/v1/orders", fail)
    async with TestServer(app) as server, aiohttp.ClientSession() as session:
        with pytest.raises(error):
            await BossClient(session, str(server.make_url("")), KEY).provision(ORDER)
    assert calls == 1


async def test_questions_are_repeated_and_then_given_up(tmp_path: Path) -> None:
    async with sandbox(tmp_path / "ledger.sqlite3") as world:
        await world.fail(down=True)
        with pytest.raises(UpstreamUnavailable):
            await world.boss.status("N1")
        rows = (await world.ledger("requests"))["items"]
    assert [(row["kind"], row["number"], row["outcome"]) for row in rows] == [("get", "N1", "busy")] * Backoff().tries


async def test_a_wrong_key_is_refused(tmp_path: Path) -> None:
    async with sandbox(tmp_path / "ledger.sqlite3") as world:
        with pytest.raises(UpstreamRefused) as refused:
            await BossClient(world.session, world.url, "another").provision(ORDER)
    assert refused.value.code == "unauthenticated"


async def test_the_ledger_survives_a_restart_and_ends_what_was_taken(tmp_path: Path) -> None:
    database = tmp_path / "ledger.sqlite3"
    async with sandbox(database) as world:
        await world.fail(processing_polls=1)
        await world.boss.provision(ORDER)
    async with sandbox(database) as world:
        assert [(await world.boss.status("N1")) for _ in range(2)] == [
            ProvisionResult("N1", "processing"),
            ProvisionResult("N1", "completed"),
        ]
        assert await world.effects() == ["N1"]


async def test_the_ledger_is_read_in_pages(tmp_path: Path) -> None:
    async with sandbox(tmp_path / "ledger.sqlite3") as world:
        for number in ("N1", "N2", "N3"):
            await world.boss.provision(msgspec.structs.replace(ORDER, number=number))
        first = await world.ledger("effects", limit="2")
        rest = await world.ledger("effects", limit="2", after=str(first["next_after"]))
        newest = await world.ledger("orders", limit="1", order="newest")
    assert [row["number"] for row in first["items"] + rest["items"]] == ["N1", "N2", "N3"]
    assert rest["next_after"] is None
    assert newest["items"][0]["number"] == "N3"
    assert first["counts"] == {"requests": 3, "orders": 3, "effects": 3}
    assert datetime.fromisoformat(first["items"][0]["at"]).tzinfo == UTC


@pytest.mark.parametrize(
    "faults", [{"lose_answer": "sometimes"}, {"refuse": 1.5}, {"slow_seconds": -1}, {"lightning": True}]
)
async def test_faults_that_mean_nothing_are_refused_and_change_nothing(tmp_path: Path, faults: dict[str, Any]) -> None:
    async with sandbox(tmp_path / "ledger.sqlite3") as world:
        async with world.session.put(f"{world.url}/faults", json=faults) as response:
            assert response.status == 400
        assert (await world.boss.provision(ORDER)).status == "completed"
