"""Hot state: what many requests touch and nobody mourns after a restart (claims, nonces, counters, short answers).

In-process by default; Redis by URL, where several gateway processes share it.
"""

from __future__ import annotations

import asyncio
import math
import time
from collections import deque
from collections.abc import Callable
from typing import Any, Protocol, cast

from redis.asyncio import Redis
from redis.exceptions import BusyLoadingError
from redis.exceptions import ConnectionError as ConnectionFailed
from redis.exceptions import TimeoutError as AnswerLate

from gateway.store.engine import StoreUnavailable


class HotState(Protocol):
    """Small values under text keys, each with a life in seconds."""

    async def get(self, key: str) -> bytes | None:
        """The value, or None where there is none (any more)."""

    async def put(self, key: str, value: bytes, ttl: float) -> None:
        """Set the value, whatever was there."""

    async def add(self, key: str, value: bytes, ttl: float) -> bool:
        """Set the value unless there is one; whether it was set. The one primitive behind claims and nonces."""

    async def count(self, key: str, ttl: float, by: int = 1) -> int:
        """Add `by` to a counter that lives `ttl` seconds from its first count; the new count."""

    async def delete(self, key: str, expected: bytes | None = None) -> bool:
        """Remove the key (only while it holds `expected`, where given); whether it was removed."""

    async def wait(self, key: str, timeout: float) -> bytes | None:
        """The value as soon as there is one, or None after `timeout` seconds."""

    async def close(self) -> None:
        """Let go of connections."""


class LocalHotState:
    """Hot state of a single process. Each write drops a few keys that have expired, so memory stays bounded."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._values: dict[str, tuple[float, bytes]] = {}
        self._counts: dict[str, list[float]] = {}
        self._waiters: dict[str, list[asyncio.Future[bytes]]] = {}
        # By length of life, to a power of two: keys of about one length expire about in the order of writing.
        self._written: dict[int, deque[tuple[float, str]]] = {}

    @property
    def size(self) -> int:
        """Keys in memory, those expired and not yet swept among them."""
        return len(self._values) + len(self._counts)

    async def get(self, key: str) -> bytes | None:
        entry = self._values.get(key)
        if entry is None:
            return None
        if entry[0] <= self._clock():
            del self._values[key]
            return None
        return entry[1]

    async def put(self, key: str, value: bytes, ttl: float) -> None:
        now = self._clock()
        self._values[key] = (now + ttl, value)
        if self._waiters:
            for waiter in self._waiters.pop(key, ()):
                if not waiter.done():
                    waiter.set_result(value)
        self._note(key, ttl, now)

    async def add(self, key: str, value: bytes, ttl: float) -> bool:
        if await self.get(key) is not None:
            return False
        await self.put(key, value, ttl)
        return True

    async def count(self, key: str, ttl: float, by: int = 1) -> int:
        now = self._clock()
        entry = self._counts.get(key)
        if entry is None or entry[0] <= now:
            self._counts[key] = [now + ttl, by]
            self._note(key, ttl, now)
            return by
        entry[1] += by
        return int(entry[1])

    async def delete(self, key: str, expected: bytes | None = None) -> bool:
        held = await self.get(key)
        if held is None or (expected is not None and held != expected):
            return False
        del self._values[key]
        return True

    async def wait(self, key: str, timeout: float) -> bytes | None:
        held = await self.get(key)
        if held is not None:
            return held
        waiter: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()
        self._waiters.setdefault(key, []).append(waiter)
        try:
            return await asyncio.wait_for(waiter, timeout)
        except TimeoutError:
            return None
        finally:
            waiters = self._waiters.get(key)
            if waiters and waiter in waiters:
                waiters.remove(waiter)
                if not waiters:
                    del self._waiters[key]

    def _note(self, key: str, ttl: float, now: float) -> None:
        length = math.frexp(ttl)[1]
        written = self._written.get(length)
        if written is None:
            written = self._written[length] = deque()
        written.append((now + ttl, key))
        for _ in range(2):
            if written[0][0] > now:
                return
            self._drop(written.popleft()[1], now)

    def _drop(self, key: str, now: float) -> None:
        """Forget the key, unless it was written again since."""
        value, count = self._values.get(key), self._counts.get(key)
        if value is not None and value[0] <= now:
            del self._values[key]
        if count is not None and count[0] <= now:
            del self._counts[key]

    async def close(self) -> None:
        self._values.clear()
        self._counts.clear()
        self._written.clear()


_COUNT = """local n = redis.call('INCRBY', KEYS[1], ARGV[2])
if n == tonumber(ARGV[2]) then redis.call('PEXPIRE', KEYS[1], ARGV[1]) end return n"""
_DELETE_IF = "if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('DEL', KEYS[1]) else return 0 end"


class RedisHotState:
    """Hot state shared by the gateway processes of one installation.

    Every method raises `StoreUnavailable` where Redis does not answer.
    """

    def __init__(self, url: str, prefix: str = "tuila:") -> None:
        self._redis = Redis.from_url(url, socket_timeout=5, socket_connect_timeout=5)
        self._prefix = prefix

    async def get(self, key: str) -> bytes | None:
        return cast("bytes | None", await _answer(self._redis.get(self._prefix + key)))

    async def put(self, key: str, value: bytes, ttl: float) -> None:
        await _answer(self._redis.set(self._prefix + key, value, px=_milliseconds(ttl)))

    async def add(self, key: str, value: bytes, ttl: float) -> bool:
        return bool(await _answer(self._redis.set(self._prefix + key, value, px=_milliseconds(ttl), nx=True)))

    async def count(self, key: str, ttl: float, by: int = 1) -> int:
        counted = self._redis.eval(_COUNT, 1, self._prefix + key, str(_milliseconds(ttl)), str(by))
        return int(await _answer(counted))

    async def delete(self, key: str, expected: bytes | None = None) -> bool:
        if expected is None:
            return bool(await _answer(self._redis.delete(self._prefix + key)))
        return bool(await _answer(self._redis.eval(_DELETE_IF, 1, self._prefix + key, expected)))

    async def wait(self, key: str, timeout: float) -> bytes | None:
        # Waiting is rare (a repeated message whose first delivery is still at work), so asking again is enough.
        end = time.monotonic() + timeout
        while (held := await self.get(key)) is None and time.monotonic() < end:  # noqa: ASYNC110 - another process sets it
            await asyncio.sleep(0.03)
        return held

    async def close(self) -> None:
        await self._redis.aclose()


async def _answer(asked: Any) -> Any:
    try:
        return await asked
    except (ConnectionFailed, AnswerLate, BusyLoadingError) as error:
        raise StoreUnavailable(f"redis: {error}") from error


def _milliseconds(seconds: float) -> int:
    return max(1, int(seconds * 1000))


def open_hot_state(url: str | None) -> HotState:
    """Hot state at a Redis URL, or in this process where there is none."""
    return RedisHotState(url) if url else LocalHotState()
