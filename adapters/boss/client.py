"""The real back end over HTTP."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from random import Random, SystemRandom
from typing import TypeVar
from urllib.parse import quote, urlencode

import aiohttp
import msgspec

from adapters.backoff import Backoff
from adapters.boss.protocol import LedgerPage, ProvisionOrder, ProvisionResult
from adapters.errors import OutcomeUnknown, UpstreamRefused, UpstreamUnavailable
from adapters.http_failures import check_taken, limits, told_apart

T = TypeVar("T")


class BossClient:
    """`Boss` over HTTP. An order is sent once per call; only questions are repeated."""

    def __init__(
        self,
        session: aiohttp.ClientSession,
        base_url: str,
        api_key: str,
        *,
        timeout: timedelta = timedelta(seconds=10),
        backoff: Backoff = Backoff(),  # noqa: B008 - frozen
        rng: Random | None = None,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._session = session
        self._orders = base_url.rstrip("/") + "/boss/v1/orders"
        self._headers = {"X-Api-Key": api_key, "Content-Type": "application/json"}
        self._timeout = limits(timeout.total_seconds())
        self._backoff = backoff
        self._rng = rng or SystemRandom()
        self._sleep = sleep

    async def provision(self, order: ProvisionOrder) -> ProvisionResult:
        status, body = await self._exchange("POST", self._orders, msgspec.json.encode(order))
        return _read(status, body, ProvisionResult)

    async def status(self, order_number: str) -> ProvisionResult | None:
        return await self._repeated(lambda: self._ask(order_number), "how far the order is")

    async def list_taken(self, begin: datetime, end: datetime, after: str | None, limit: int) -> LedgerPage:
        asked = {"begin": begin.isoformat(), "end": end.isoformat(), "after": after or "", "limit": str(limit)}
        return await self._repeated(lambda: self._page(f"{self._orders}?{urlencode(asked)}"), "what it has taken")

    async def _repeated(self, ask: Callable[[], Awaitable[T]], what: str) -> T:
        """A question, asked again while there is no answer."""
        waits = self._backoff.waits(self._rng)
        while True:
            try:
                return await ask()
            except (UpstreamUnavailable, OutcomeUnknown) as exc:
                wait = next(waits, None)
                if wait is None:
                    raise UpstreamUnavailable(f"the back end did not say {what}") from exc
            await self._sleep(wait)

    async def _page(self, url: str) -> LedgerPage:
        status, body = await self._exchange("GET", url, None)
        return _read(status, body, LedgerPage)

    async def _ask(self, order_number: str) -> ProvisionResult | None:
        status, body = await self._exchange("GET", f"{self._orders}/{quote(order_number, safe='')}", None)
        try:
            return _read(status, body, ProvisionResult)
        except UpstreamRefused as refused:
            if (status, refused.code) == (404, "unknown_order"):
                return None
            raise

    async def _exchange(self, method: str, url: str, body: bytes | None) -> tuple[int, bytes]:
        with told_apart("the back end"):
            async with self._session.request(
                method, url, data=body, headers=self._headers, timeout=self._timeout, allow_redirects=False
            ) as response:
                return response.status, await response.read()


def _read(status: int, body: bytes, kind: type[T]) -> T:
    check_taken("the back end", status, body)
    try:
        return msgspec.json.decode(body, type=kind)
    except msgspec.DecodeError as exc:
        raise OutcomeUnknown("the back end's answer cannot be read") from exc
