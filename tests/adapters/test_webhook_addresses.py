"""Webhooks reach the public internet and what the operator lists, whatever a name resolves to and however it is spelt."""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import socket
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest
from aiohttp import web
from aiohttp.abc import AbstractResolver, ResolveResult

from adapters.webhooks.addresses import AddressRefused, refuse_forbidden
from adapters.webhooks.client import WebhookClient

LOOPBACK = [ipaddress.ip_network("127.0.0.1/32")]


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1", "127.8.8.8", "0.0.0.0", "10.1.2.3", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1",
        "100.100.100.200", "192.0.0.192", "192.0.2.1", "198.18.0.1", "198.51.100.1", "203.0.113.1", "224.0.0.1",
        "239.255.255.250", "240.0.0.1", "255.255.255.255", "168.63.129.16", "192.88.99.1",
        "::", "::1", "::127.0.0.1", "::8.8.8.8", "::ffff:127.0.0.1", "::ffff:8.8.8.8", "::ffff:0:127.0.0.1",
        "64:ff9b::7f00:1", "64:ff9b::808:808", "64:ff9b:1::1", "2001::1", "2001:db8::1", "2002:7f00:1::", "2002:808:808::",
        "fc00::1", "fd00:ec2::254", "fe80::1", "fe80::1%eth0", "fec0::1", "ff02::1", "100::1", "3fff::1", "5f00::1",
        "localhost", "", "127.1", "0x7f000001", "2130706433", "017700000001",
    ],
)  # fmt: skip
def test_what_is_not_public_is_refused(address):
    with pytest.raises(AddressRefused):
        refuse_forbidden(address, ())


@pytest.mark.parametrize("address", ["8.8.8.8", "1.1.1.1", "223.5.5.5", "2606:4700:4700::1111", "2400:3200::1"])
def test_the_public_internet_is_reached(address):
    assert str(refuse_forbidden(address, ())) == address


def test_what_the_operator_lists_is_reached_and_nothing_beside_it():
    allowed = [ipaddress.ip_network("10.1.2.0/24"), ipaddress.ip_network("fd00::/64")]
    refuse_forbidden("10.1.2.3", allowed)
    refuse_forbidden("fd00::5", allowed)
    for other in ("10.1.3.3", "fd00:1::5", "::ffff:10.1.2.3"):
        with pytest.raises(AddressRefused):
            refuse_forbidden(other, allowed)


class Names(AbstractResolver):
    """A resolver whose owner changes its mind: each question gets the next answer."""

    def __init__(self, *answers: list[str]) -> None:
        self.answers = [*answers]

    async def resolve(self, host: str, port: int = 0, family: Any = socket.AF_INET) -> list[ResolveResult]:
        addresses = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        return [
            ResolveResult(
                hostname=host, host=one, port=port, flags=0, proto=0,
                family=socket.AF_INET6 if ":" in one else socket.AF_INET,
            )
            for one in addresses
        ]  # fmt: skip

    async def close(self) -> None:
        pass


class Receiver:
    def __init__(self) -> None:
        self.port = 0
        self.paths: list[str] = []

    async def handle(self, request: web.Request) -> web.StreamResponse:
        self.paths.append(request.path)
        match request.path:
            case "/elsewhere":
                raise web.HTTPFound("/hook")
            case "/endless":
                response = web.StreamResponse()
                await response.prepare(request)
                with contextlib.suppress(ConnectionError):
                    while True:
                        await response.write(b"x" * 10_000)
                return response
            case "/never":
                await asyncio.sleep(60)
            case "/strange":
                return web.Response(status=500, body=b"\xff\x00 no", headers={"Retry-After": "7"})
        return web.Response(text="thanks", headers={"Connection": "close"})


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    receiver = Receiver()
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", receiver.handle)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "0.0.0.0", 0)
    await site.start()
    receiver.port = site._server.sockets[0].getsockname()[1]  # type: ignore[union-attr] # it was started
    yield receiver
    await runner.cleanup()


@contextlib.asynccontextmanager
async def client(**arguments: Any) -> AsyncIterator[WebhookClient]:
    async with contextlib.aclosing(WebhookClient(**arguments)) as made:
        yield made


async def test_a_post_arrives_where_it_is_allowed(receiver: Receiver) -> None:
    async with client(allowed=LOOPBACK) as made:
        reply = await made.post(f"http://127.0.0.1:{receiver.port}/hook", b"{}", {"webhook-id": "1"})
    assert (reply.status, reply.excerpt, reply.taken) == (200, "thanks", True)


@pytest.mark.parametrize(
    "host",
    ["127.0.0.1", "localhost", "127.1", "2130706433", "0177.0.0.1", "[::1]", "[::ffff:127.0.0.1]", "0"],
)
async def test_no_spelling_of_this_machine_is_reached(receiver: Receiver, host: str) -> None:
    async with client() as made:
        reply = await made.post(f"http://{host}:{receiver.port}/hook", b"{}", {})
    assert reply.status is None and reply.error and not receiver.paths


@pytest.mark.parametrize("address", ["127.0.0.2", "10.0.0.1", "169.254.169.254", "::1"])
async def test_a_name_that_leads_inside_is_not_followed(receiver: Receiver, address: str) -> None:
    async with client(resolver=Names([address])) as made:
        reply = await made.post(f"http://shop.example.test:{receiver.port}/hook", b"{}", {})
    assert reply.error == "the address is not one of the public internet"
    assert not receiver.paths


async def test_a_name_that_leads_elsewhere_the_second_time_is_not_followed(receiver: Receiver) -> None:
    """Rebinding: good when it was looked at first, inside when it is connected to."""
    async with client(resolver=Names(["127.0.0.1"], ["127.0.0.2"]), allowed=LOOPBACK) as made:
        url = f"http://shop.example.test:{receiver.port}/hook"
        first, second = await made.post(url, b"{}", {}), await made.post(url, b"{}", {})
    assert (first.status, second.status) == (200, None)
    assert second.error == "the address is not one of the public internet"
    assert receiver.paths == ["/hook"]


async def test_of_several_addresses_only_the_good_one_is_used(receiver: Receiver) -> None:
    async with client(resolver=Names(["127.0.0.2", "127.0.0.1"]), allowed=LOOPBACK) as made:
        reply = await made.post(f"http://shop.example.test:{receiver.port}/hook", b"{}", {})
    assert reply.status == 200


async def test_a_redirect_is_an_answer_and_is_not_followed(receiver: Receiver) -> None:
    async with client(allowed=LOOPBACK) as made:
        reply = await made.post(f"http://127.0.0.1:{receiver.port}/elsewhere", b"{}", {})
    assert (reply.status, reply.taken, receiver.paths) == (302, False, ["/elsewhere"])


async def test_an_endless_answer_is_cut(receiver: Receiver) -> None:
    async with client(allowed=LOOPBACK) as made:
        reply = await made.post(f"http://127.0.0.1:{receiver.port}/endless", b"{}", {})
    assert (reply.status, len(reply.excerpt)) == (200, 500)


async def test_no_answer_in_time(receiver: Receiver) -> None:
    async with client(allowed=LOOPBACK, timeout=timedelta(seconds=0.2)) as made:
        reply = await made.post(f"http://127.0.0.1:{receiver.port}/never", b"{}", {})
    assert (reply.status, reply.error) == (None, "no answer in time")


async def test_what_a_database_could_not_hold_is_replaced(receiver: Receiver) -> None:
    async with client(allowed=LOOPBACK) as made:
        reply = await made.post(f"http://127.0.0.1:{receiver.port}/strange", b"{}", {})
    assert (reply.status, reply.excerpt, reply.retry_after) == (500, "\ufffd\ufffd no", "7")


async def test_no_proxy_of_the_environment_is_asked(receiver: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, f"http://127.0.0.1:{receiver.port}")
    async with client(resolver=Names(["127.0.0.2"])) as made:
        reply = await made.post("http://shop.example.test/hook", b"{}", {})
    assert reply.status is None and not receiver.paths


async def test_nobody_listens(free_port: int) -> None:
    async with client(allowed=LOOPBACK) as made:
        reply = await made.post(f"http://127.0.0.1:{free_port}/hook", b"{}", {})
    assert (reply.status, reply.error) == (None, "no connection")
