"""Webhook deliveries against a bare aiohttp client that posts the same bytes to the same sink.

The sink is a process of its own and answers 204 to everything. The product reads the events from a database, renders and
signs each, sends it through the client that checks addresses, and writes the log and the cursor. `make bench-webhooks`;
the last lines are `deliveries RATE` (a second, median) and `ratio webhooks VALUE`.
"""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

import aiohttp
import uvloop
from pydantic import SecretStr
from sqlalchemy import Connection, insert

from adapters.boss.fake import FakeBoss
from adapters.sms.fake import FakeSms
from adapters.webhooks.client import WebhookClient
from adapters.webhooks.protocol import Reply
from auth import webhook_signature
from auth.principal import Principal
from bench.load import Load
from bench.rounds import compare, served
from config.settings import Settings, WebhookSettings
from gateway.capabilities.events import events
from gateway.capabilities.webhooks import CreateWebhook
from gateway.invoke import Call
from gateway.platform import Outside, Platform
from gateway.store import metadata

DELIVERIES = 6000
AT_ONCE = 64
ROUNDS = 3
_LOOPBACK = ipaddress.ip_network("127.0.0.0/8")
_BODY = (
    '{"order":"01990000-0000-7000-8000-000000000000","offer":"TM-MUSIC-10","action":"subscribe","state":"completed",'
    '"version":5,"partner_ref":"R-100001","user":"user-100001"}'
)


class _Sink(asyncio.Protocol):
    """Answers 204 when a request is whole."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport
        self._buffer = b""

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        head = self._buffer.find(b"\r\n\r\n")
        if head < 0:
            return
        at = self._buffer.lower().find(b"content-length:", 0, head)
        length = int(self._buffer[at + 15 : self._buffer.find(b"\r\n", at)])
        if len(self._buffer) >= head + 4 + length:
            self._buffer = b""
            self._transport.write(b"HTTP/1.1 204 No Content\r\n\r\n")  # type: ignore[attr-defined] # a stream's transport


async def _serve() -> None:
    server = await asyncio.get_running_loop().create_server(_Sink, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


class _Timed:
    """Counts and times what goes through a client."""

    def __init__(self, client: WebhookClient) -> None:
        self._client = client
        self.replies: list[Reply] = []
        self.done = asyncio.Event()

    async def post(self, url: str, body: bytes, headers: Mapping[str, str]) -> Reply:
        reply = await self._client.post(url, body, headers)
        self.replies.append(reply)
        if len(self.replies) == DELIVERIES:
            self.done.set()
        return reply


def floor(port: int) -> Load:
    """What a bare client does with bytes that are ready."""
    return uvloop.run(_floor(f"http://127.0.0.1:{port}/hooks"))


async def _floor(url: str) -> Load:
    body = f'{{"type":"order.completed","timestamp":"{datetime.now(UTC).isoformat()}","data":{_BODY}}}'.encode()
    key = webhook_signature.key_of(webhook_signature.generate())
    headers = {
        "content-type": "application/json", "user-agent": "Tuila-Webhooks",
        "webhook-id": "01990000-0000-7000-8000-000000000000", "webhook-timestamp": "1767225601",
        "webhook-signature": webhook_signature.sign([key], "01990000-0000-7000-8000-000000000000", 1767225601, body),
    }  # fmt: skip
    left, took = iter(range(DELIVERIES)), []
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:

        async def work() -> None:
            for _ in left:
                began = time.perf_counter()
                async with session.post(url, data=body, headers=headers) as response:
                    assert response.status == 204
                took.append(time.perf_counter() - began)

        began = time.perf_counter()
        await asyncio.gather(*(work() for _ in range(AT_ONCE)))
        return _load(took, time.perf_counter() - began, 0)


def product(port: int, rates: list[float]) -> Load:
    """What the dispatcher does with as many events of a fresh database."""
    folder = Path(tempfile.mkdtemp(prefix="bench-webhooks-"))
    try:
        load = uvloop.run(_product(f"http://127.0.0.1:{port}/hooks", folder))
    finally:
        shutil.rmtree(folder)
    rates.append(load.rate)
    return load


async def _product(url: str, folder: Path) -> Load:
    settings = Settings(
        data_dir=folder,
        database_url=SecretStr(f"sqlite:///{folder / 'bench.db'}"),
        webhooks=WebhookSettings(allowed_networks=(_LOOPBACK,)),
    )
    async with contextlib.aclosing(WebhookClient(allowed=[_LOOPBACK])) as client:
        timed = _Timed(client)
        platform = Platform(settings, Outside(FakeBoss(), FakeSms(), {}, timed))
        await platform.store.write(metadata.create_all)
        partner = Principal("partner", "shop", frozenset({"*"}), partner_id="shop")
        await platform.invoke(Call("webhooks.create", partner, CreateWebhook(url)))
        await platform.store.write(_fill, platform)
        began = time.perf_counter()
        sending = asyncio.create_task(platform.webhooks.run())
        await timed.done.wait()
        took = time.perf_counter() - began
        sending.cancel()
        await asyncio.gather(sending, return_exceptions=True)
        await platform.close()
    return _load([one.seconds for one in timed.replies], took, sum(not one.taken for one in timed.replies))


def _fill(connection: Connection, platform: Platform) -> None:
    now = platform.clock()
    rows = [
        {
            "id": platform.ids(), "seq": seq, "at": now, "type": "order.completed", "partner_id": "shop",
            "subscriber_id": None, "account": None, "key": f"o{seq}", "step": 0, "body": _BODY,
        }
        for seq in range(1, DELIVERIES + 1)
    ]  # fmt: skip
    connection.execute(insert(events), rows)


def _load(took: list[float], seconds: float, refused: int) -> Load:
    took.sort()
    return Load(len(took) / seconds, took[len(took) // 2] * 1000, took[int(len(took) * 0.99)] * 1000, refused)


def main() -> None:
    if sys.argv[1:] == ["serve"]:
        with contextlib.suppress(KeyboardInterrupt):
            uvloop.run(_serve())
        return
    rates: list[float] = []
    with served("bench.webhooks") as port:
        ratio = compare("webhooks", lambda: floor(port), lambda: product(port, rates), rounds=ROUNDS)
    print(f"deliveries {statistics.median(rates[1:]):.0f}")
    print(f"ratio webhooks {ratio:.3f}")


if __name__ == "__main__":
    main()
