"""A closed loop of HTTP requests over kept connections, in a process of its own: as much as the server can take."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import cast

import uvloop


@dataclass(frozen=True)
class Load:
    """What came of one run."""

    rate: float
    """Answers a second."""
    p50_ms: float
    p99_ms: float
    refused: int
    """Answers other than 200."""


class _Connection(asyncio.Protocol):
    """Sends the next request when the answer to the last one is whole."""

    def __init__(self, requests: Iterator[bytes], until: float, done: asyncio.Future[None]) -> None:
        self.requests = requests
        self.until = until
        self.done = done
        self.latencies: list[float] = []
        self.refused = 0
        self._buffer = b""
        self._sent = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)  # uvloop's own class is none of asyncio's
        self._next()

    def _next(self) -> None:
        now = time.perf_counter()
        request = next(self.requests, None) if now < self.until else None
        if request is None:
            self._transport.close()
            return
        self._sent = now
        self._transport.write(request)

    def data_received(self, data: bytes) -> None:
        self._buffer = self._buffer + data if self._buffer else data
        head = self._buffer.find(b"\r\n\r\n")
        if head < 0:
            return
        at = self._buffer.lower().find(b"content-length:", 0, head)
        length = int(self._buffer[at + 15 : self._buffer.find(b"\r\n", at)]) if at >= 0 else 0
        if len(self._buffer) < head + 4 + length:
            return
        self.latencies.append(time.perf_counter() - self._sent)
        if not self._buffer.startswith(b"HTTP/1.1 200"):
            self.refused += 1
        self._buffer = b""
        self._next()

    def connection_lost(self, exc: Exception | None) -> None:
        if not self.done.done():
            self.done.set_result(None)


def drive(port: int, requests: Iterator[bytes], *, connections: int, seconds: float) -> Load:
    """Send requests to 127.0.0.1 for some seconds over so many connections, each waiting for its answer."""
    return uvloop.run(_drive(port, requests, connections, seconds))


async def _drive(port: int, requests: Iterator[bytes], connections: int, seconds: float) -> Load:
    loop = asyncio.get_running_loop()
    began = time.perf_counter()
    made: list[_Connection] = []
    for _ in range(connections):
        _, protocol = await loop.create_connection(
            lambda: _Connection(requests, began + seconds, loop.create_future()), "127.0.0.1", port
        )
        made.append(protocol)
    await asyncio.gather(*(one.done for one in made))
    took = time.perf_counter() - began
    latencies = sorted(value for one in made for value in one.latencies)
    if not latencies:
        raise RuntimeError("no request was answered")
    return Load(
        len(latencies) / took,
        latencies[len(latencies) // 2] * 1000,
        latencies[int(len(latencies) * 0.99)] * 1000,
        sum(one.refused for one in made),
    )


def post(path: str, body: bytes, headers: dict[str, str]) -> bytes:
    """A POST as it goes over the wire."""
    lines = [f"POST {path} HTTP/1.1", "Host: 127.0.0.1", f"Content-Length: {len(body)}"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    return ("\r\n".join(lines) + "\r\n\r\n").encode() + body


def get(path: str, headers: dict[str, str]) -> bytes:
    """A GET as it goes over the wire."""
    lines = [f"GET {path} HTTP/1.1", "Host: 127.0.0.1", *(f"{name}: {value}" for name, value in headers.items())]
    return ("\r\n".join(lines) + "\r\n\r\n").encode()
