"""One contract for the SMS network, held by the fake and by the client on the stand-in; then each one's own ways."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from random import Random
from typing import Any, Protocol

import aiohttp
import pytest
from aiohttp.test_utils import TestServer, unused_port

from adapters.errors import OutcomeUnknown, UpstreamRefused, UpstreamUnavailable
from adapters.sms.client import SmsClient
from adapters.sms.fake import FakeSms
from adapters.sms.protocol import Sms
from adapters.sms.sandbox import make_app

NUMBER = "+8613800138000"


class World(Protocol):
    @property
    def sms(self) -> Sms: ...

    async def fail(self, **faults: Any) -> None: ...

    async def inbox(self, to: str) -> list[str]: ...


class FakeWorld:
    def __init__(self) -> None:
        self.sms = FakeSms()

    async def fail(self, **faults: Any) -> None:
        self.sms.down = faults.get("down", False)
        self.sms.lose_next = int(faults.get("lose_answer", "next 0").removeprefix("next "))
        self.sms.blocked = set(faults.get("refuse", []))

    async def inbox(self, to: str) -> list[str]:
        return self.sms.to(to)


class SandboxWorld:
    def __init__(self, session: aiohttp.ClientSession, url: str, sms: SmsClient) -> None:
        self.session, self.url, self.sms = session, url, sms

    async def fail(self, **faults: Any) -> None:
        async with self.session.put(f"{self.url}/faults", json=faults) as response:
            assert response.status == 200, await response.text()

    async def inbox(self, to: str, **query: str) -> list[str]:
        async with self.session.get(f"{self.url}/messages", params={"to": to, **query}) as response:
            return [message["text"] for message in reversed((await response.json())["messages"])]


async def no_wait(seconds: float) -> None:
    """A sleep that takes no time."""


@asynccontextmanager
async def sandbox() -> AsyncIterator[SandboxWorld]:
    async with TestServer(make_app("key")) as server, aiohttp.ClientSession() as session:
        url = str(server.make_url("")).rstrip("/")
        client = SmsClient(session, url, "key", timeout=timedelta(seconds=5), rng=Random(1), sleep=no_wait)
        yield SandboxWorld(session, url, client)


@pytest.fixture(params=["fake", "client"])
async def world(request: pytest.FixtureRequest) -> AsyncIterator[World]:
    if request.param == "fake":
        yield FakeWorld()
    else:
        async with sandbox() as there:
            yield there


async def test_a_message_arrives_at_its_number_only(world: World) -> None:
    await world.sms.send(NUMBER, "验证码 123456", "m1")
    assert await world.inbox(NUMBER) == ["验证码 123456"]
    assert await world.inbox("+8613900139000") == []


async def test_the_same_id_again_sends_nothing_more(world: World) -> None:
    for _ in range(3):
        await world.sms.send(NUMBER, "hello", "m1")
    assert await world.inbox(NUMBER) == ["hello"]


async def test_an_id_used_for_another_message_is_refused(world: World) -> None:
    await world.sms.send(NUMBER, "hello", "m1")
    with pytest.raises(UpstreamRefused) as refused:
        await world.sms.send(NUMBER, "another", "m1")
    assert refused.value.code == "message_id_reused"


@pytest.mark.parametrize(
    ("to", "text", "code"),
    [("13800138000", "x", "invalid_number"), (NUMBER, "", "invalid_text"), (NUMBER, "长" * 501, "invalid_text")],
)
async def test_what_cannot_be_sent_is_refused_with_its_code(world: World, to: str, text: str, code: str) -> None:
    with pytest.raises(UpstreamRefused) as refused:
        await world.sms.send(to, text, "m1")
    assert refused.value.code == code


async def test_a_blocked_number_gets_nothing(world: World) -> None:
    await world.fail(refuse=[NUMBER])
    with pytest.raises(UpstreamRefused) as refused:
        await world.sms.send(NUMBER, "hello", "m1")
    assert refused.value.code == "blocked"
    assert await world.inbox(NUMBER) == []


async def test_a_network_that_is_down_accepts_nothing(world: World) -> None:
    await world.fail(down=True)
    with pytest.raises(UpstreamUnavailable):
        await world.sms.send(NUMBER, "hello", "m1")
    await world.fail()
    assert await world.inbox(NUMBER) == []


async def test_when_every_answer_is_lost_the_outcome_is_unknown_and_the_message_went_once(world: World) -> None:
    await world.fail(lose_answer="next 3")
    with pytest.raises(OutcomeUnknown):
        await world.sms.send(NUMBER, "hello", "m1")
    await world.fail()
    await world.sms.send(NUMBER, "hello", "m1")
    assert await world.inbox(NUMBER) == ["hello"]


async def test_a_lost_answer_is_made_good_by_the_client() -> None:
    async with sandbox() as world:
        await world.fail(lose_answer="next 1")
        await world.sms.send(NUMBER, "hello", "m1")
        assert await world.inbox(NUMBER) == ["hello"]


async def test_a_closed_port_is_unavailable() -> None:
    async with aiohttp.ClientSession() as session:
        client = SmsClient(session, f"http://127.0.0.1:{unused_port()}", "key", sleep=no_wait)
        with pytest.raises(UpstreamUnavailable):
            await client.send(NUMBER, "hello", "m1")


async def test_a_wrong_key_is_refused() -> None:
    async with sandbox() as world:
        with pytest.raises(UpstreamRefused) as refused:
            await SmsClient(world.session, world.url, "wrong").send(NUMBER, "hello", "m1")
    assert refused.value.code == "unauthenticated"


async def test_the_inbox_is_read_from_where_one_left_off() -> None:
    async with sandbox() as world:
        for count in range(3):
            await world.sms.send(NUMBER, f"text {count}", f"m{count}")
        assert await world.inbox("1380013", after="1") == ["text 1", "text 2"]
        assert await world.inbox("", limit="1") == ["text 2"]
