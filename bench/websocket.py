"""Ten thousand subscribed, idle WebSocket connections in one process: what they weigh, and how soon one event reaches all.

The server runs in its own process; two others hold the connections over loopback. `make bench-websocket`; the last line is
`ratio websocket VALUE`: memory of the server (PSS, in MB) over the bar of 1000 MB, so less is better and 1 is the bar.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import IO, cast

import aiohttp
import msgspec
import uvloop
from rich.console import Console
from websockets.client import ClientProtocol
from websockets.frames import Frame, Opcode
from websockets.http11 import Response
from websockets.protocol import State
from websockets.uri import parse_uri

from auth.principal import Principal
from auth.tokens import TokenIssuer
from bench.fill import PARTNER, fill
from bench.orders import open_to_all
from bench.serving import new_platform, partner_credentials, serve
from config.settings import WebSocketLimits
from gateway.app import create_app
from gateway.platform import Platform

CONNECTIONS = int(os.environ.get("BENCH_CONNECTIONS", "10000"))
HOLDERS = 2
BAR_MB = 1000
ROUNDS = 5
EVENT = "order.awaiting_confirmation"
"""An order tells this one time."""
_AT_ONCE = 100
_out = Console(width=110, highlight=False)


class _Client(asyncio.Protocol):
    """One connection that subscribes and then only listens."""

    def __init__(self, url: str, token: str, arrivals: asyncio.Queue[float]) -> None:
        self.ready = asyncio.get_running_loop().create_future()
        self._arrivals = arrivals
        self._ws = ClientProtocol(parse_uri(url))
        self._token = token

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        request = self._ws.connect()
        request.headers["Authorization"] = f"Bearer {self._token}"
        self._ws.send_request(request)
        self._flush()

    def data_received(self, data: bytes) -> None:
        self._ws.receive_data(data)
        for event in self._ws.events_received():
            if isinstance(event, Response):
                self._subscribe(event)
            elif isinstance(event, Frame) and event.opcode is Opcode.TEXT:
                self._heard(bytes(event.data))
        self._flush()

    def _subscribe(self, response: Response) -> None:
        if self._ws.state is not State.OPEN:
            self.ready.set_exception(RuntimeError(f"refused with {response.status_code}"))
            return
        params = {"types": [EVENT], "after": "newest"}
        self._ws.send_text(
            msgspec.json.encode({"jsonrpc": "2.0", "id": 1, "method": "rpc.subscribe", "params": params})
        )

    def _heard(self, message: bytes) -> None:
        if b'"method":"event"' in message:
            self._arrivals.put_nowait(time.monotonic())
        elif b'"result"' in message:
            self.ready.set_result(None)
        else:
            self.ready.set_exception(RuntimeError(message.decode()))

    def _flush(self) -> None:
        for data in self._ws.data_to_send():
            if data:
                self._transport.write(data)

    def connection_lost(self, exc: Exception | None) -> None:
        if not self.ready.done():
            self.ready.set_exception(RuntimeError("the connection was lost"))


async def _hold(port: int, token: str, number: int, source: str) -> None:
    """Hold connections; after each event, print when it had reached a hundredth, half, 99 hundredths and all of them."""
    loop, clients, arrivals = asyncio.get_running_loop(), [], asyncio.Queue[float]()
    for first in range(0, number, _AT_ONCE):
        opened = await asyncio.gather(
            *(
                loop.create_connection(
                    lambda: _Client(f"ws://127.0.0.1:{port}/v1/ws", token, arrivals),
                    "127.0.0.1",
                    port,
                    local_addr=(source, 0),
                )
                for _ in range(min(_AT_ONCE, number - first))
            )
        )
        clients += [client for _, client in opened]
        await asyncio.gather(*(client.ready for client in clients[first:]))
    print("ready", flush=True)
    for _ in range(ROUNDS):
        arrived = sorted([await arrivals.get() for _ in range(number)])
        print(" ".join(str(arrived[int(share * (number - 1))]) for share in (0.01, 0.5, 0.99, 1)), flush=True)
    await asyncio.sleep(3600)


async def _prepare(url: str, folder: Path) -> tuple[str, str]:
    """A token that places orders, and one that reads events."""
    platform = new_platform(url, folder)
    await fill(platform, 1000)
    placing, _ = await partner_credentials(platform)
    principal = Principal("partner", PARTNER, frozenset({"events:read"}), partner_id=PARTNER)
    issuer = platform.parts.get(TokenIssuer)
    reading = issuer.issue(principal, token_id=platform.ids(), now=platform.clock(), ttl=timedelta(hours=6))
    await platform.close()
    return placing, reading


async def _serve(url: str, folder: Path) -> None:
    platform: Platform = new_platform(
        url, folder, websocket=WebSocketLimits(connections=2 * CONNECTIONS, per_partner=2 * CONNECTIONS)
    )
    await platform.start()
    await serve(create_app(platform))
    await platform.close()


def _memory_mb(pid: int) -> tuple[float, float]:
    """(PSS, RSS) of a process in MB of a million bytes."""
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    kib = {line.split(":")[0]: int(line.split()[1]) for line in lines if line.endswith("kB")}
    return kib["Pss"] * 1024 / 1e6, kib["Rss"] * 1024 / 1e6


@contextlib.contextmanager
def _process(*arguments: str) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen([sys.executable, "-m", "bench.websocket", *arguments], stdout=subprocess.PIPE, text=True)
    try:
        yield process
    finally:
        process.kill()
        process.wait(30)


def _line(process: subprocess.Popen[str]) -> str:
    line = cast("IO[str]", process.stdout).readline().strip()
    if not line:
        raise RuntimeError(f"{process.args!r} ended")
    return line


async def _place(port: int, token: str, subscriber: int, offer: str) -> float:
    headers = {"Authorization": f"Bearer {token}", "Tuila-User": f"u{subscriber}"}
    began = time.monotonic()
    async with (
        aiohttp.ClientSession(headers=headers) as session,
        session.post(f"http://127.0.0.1:{port}/v1/orders", json={"offer": offer}) as response,
    ):
        if response.status != 200:
            raise RuntimeError(await response.text())
    return began


def _measure(url: str, folder: Path) -> float:
    placing, reading = uvloop.run(_prepare(url, folder))
    offers = open_to_all()
    with contextlib.ExitStack() as stack:
        server = stack.enter_context(_process("serve", url, str(folder)))
        port = int(_line(server))
        uvloop.run(_place(port, placing, 1, offers[0]))  # what the first request loads is not the connections'
        before, _ = _memory_mb(server.pid)
        began, share = time.monotonic(), str(CONNECTIONS // HOLDERS)
        holders = [
            stack.enter_context(_process("hold", str(port), reading, share, f"127.0.0.{2 + number}"))
            for number in range(HOLDERS)
        ]
        for holder in holders:
            _line(holder)
        took = time.monotonic() - began
        pss, rss = _memory_mb(server.pid)
        _out.print(
            f"{CONNECTIONS} connections opened and subscribed in {took:.1f} s; server {before:.0f} MB before, "
            f"PSS {pss:.0f} MB, RSS {rss:.0f} MB with them: {(pss - before) * 1000 / CONNECTIONS:.1f} kB each"
        )
        reached = []
        for number in range(ROUNDS):
            placed = uvloop.run(_place(port, placing, 2 + number, offers[0]))
            times = [[(float(at) - placed) * 1000 for at in _line(holder).split()] for holder in holders]
            first, half, most, last = (statistics.mean(column) for column in zip(*times, strict=True))
            reached.append(half)
            _out.print(
                f"event {number + 1}: at 1 % of the connections after {first:.0f} ms, half {half:.0f} ms, "
                f"99 % {most:.0f} ms, all {last:.0f} ms"
            )
        after, _ = _memory_mb(server.pid)
        _out.print(f"median time to half of them {statistics.median(reached):.0f} ms; PSS afterwards {after:.0f} MB")
        return max(pss, after) / BAR_MB


def main() -> None:
    """Measure on SQLite."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    match sys.argv[1:]:
        case ["serve", url, folder]:
            uvloop.run(_serve(url, Path(folder)))
        case ["hold", port, token, number, source]:
            uvloop.run(_hold(int(port), token, int(number), source))
        case _:
            with tempfile.TemporaryDirectory(prefix="tuila-bench-", dir=os.environ.get("BENCH_DIR")) as place:
                ratio = _measure(f"sqlite:///{place}/bench.db", Path(place))
            _out.print(f"ratio websocket {ratio:.3f} (memory / {BAR_MB} MB: less is better, below 1 is within the bar)")


if __name__ == "__main__":
    main()
