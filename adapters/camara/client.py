"""The operator's CAMARA gateway over HTTP, with an access token by client credentials (RFC 6749 §4.4)."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from datetime import date, datetime, timedelta
from random import Random, SystemRandom
from typing import Any, TypeVar

import aiohttp
import msgspec

from adapters.backoff import Backoff
from adapters.errors import OutcomeUnknown, UpstreamRefused, UpstreamUnavailable
from adapters.http_failures import limits, told_apart

T = TypeVar("T")

SCOPES = "number-recycling:check sim-swap:retrieve-date"
_SERVICE = "the network"
_LEFT_AT_RENEWAL = 30.0
"""Seconds of a token's life in which it is not used any more."""


class _Token(msgspec.Struct):
    access_token: str
    expires_in: float = 300.0


class _Recycled(msgspec.Struct):
    phoneNumberRecycled: bool  # noqa: N815 - CAMARA's name


class _SimChange(msgspec.Struct):
    latestSimChange: datetime | None = None  # noqa: N815 - CAMARA's name


class _ErrorInfo(msgspec.Struct):
    code: str = "REFUSED"
    message: str = ""


class CamaraClient:
    """`NumberWatch` over HTTP. Both are questions, so they are repeated with backoff."""

    def __init__(
        self,
        session: aiohttp.ClientSession,
        base_url: str,
        token_url: str,
        client_id: str,
        client_secret: str,
        *,
        number_recycling: str = "number-recycling/v0.1",
        sim_swap: str = "sim-swap/v2",
        timeout: timedelta = timedelta(seconds=5),
        backoff: Backoff = Backoff(),  # noqa: B008 - frozen
        rng: Random | None = None,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """`number_recycling` and `sim_swap` are the paths below `base_url` at which the gateway publishes the two."""
        base = base_url.rstrip("/")
        self._session = session
        self._check = f"{base}/{number_recycling.strip('/')}/check"
        self._retrieve = f"{base}/{sim_swap.strip('/')}/retrieve-date"
        self._token_url = token_url
        self._credentials = aiohttp.encode_basic_auth(client_id, client_secret)
        self._timeout = limits(timeout.total_seconds())
        self._backoff = backoff
        self._rng = rng or SystemRandom()
        self._sleep = sleep
        self._monotonic = monotonic
        self._token: tuple[str, float] | None = None
        self._fetching = asyncio.Lock()

    async def recycled_since(self, number: str, day: date) -> bool:
        asked = {"phoneNumber": number, "specifiedDate": day.isoformat()}
        return (await self._ask(self._check, asked, _Recycled)).phoneNumberRecycled

    async def sim_changed_at(self, number: str) -> datetime | None:
        return (await self._ask(self._retrieve, {"phoneNumber": number}, _SimChange)).latestSimChange

    async def _ask(self, url: str, asked: dict[str, str], shape: type[T]) -> T:
        waits = self._backoff.waits(self._rng)
        while True:
            try:
                return await self._ask_once(url, msgspec.json.encode(asked), shape)
            except (UpstreamUnavailable, OutcomeUnknown) as exc:
                wait = next(waits, None)
                if wait is None:
                    raise UpstreamUnavailable(str(exc)) from exc
            await self._sleep(wait)

    async def _ask_once(self, url: str, body: bytes, shape: type[T]) -> T:
        for is_last in (False, True):
            token = await self._access_token()
            headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
            status, said = await self._post(url, headers, body)
            if status != 401 or is_last:
                break
            self._forget(token)  # it was withdrawn before its time: one new one is worth trying
        return _read(status, said, shape)

    async def _access_token(self) -> str:
        async with self._fetching:
            if self._token is None or self._token[1] <= self._monotonic():
                headers = {"Authorization": self._credentials, "Content-Type": "application/x-www-form-urlencoded"}
                form = aiohttp.FormData({"grant_type": "client_credentials", "scope": SCOPES})()
                fetched = _read(*await self._post(self._token_url, headers, form), _Token)
                self._token = (
                    fetched.access_token, self._monotonic() + max(fetched.expires_in - _LEFT_AT_RENEWAL, 1.0),
                )  # fmt: skip
            return self._token[0]

    def _forget(self, token: str) -> None:
        if self._token is not None and self._token[0] == token:
            self._token = None

    async def _post(self, url: str, headers: dict[str, str], body: Any) -> tuple[int, bytes]:
        with told_apart(_SERVICE):
            async with self._session.post(
                url, data=body, headers=headers, timeout=self._timeout, allow_redirects=False
            ) as response:
                return response.status, await response.read()


def _read(status: int, body: bytes, shape: type[T]) -> T:
    if status == 429 or status >= 500:
        raise UpstreamUnavailable(f"{_SERVICE} is busy or failed ({status})")
    try:
        if status == 200:
            return msgspec.json.decode(body, type=shape)
        refusal = msgspec.json.decode(body, type=_ErrorInfo)
    except msgspec.DecodeError as exc:
        raise UpstreamUnavailable(f"{_SERVICE}'s answer cannot be read ({status})") from exc
    raise UpstreamRefused(refusal.code, refusal.message or f"HTTP {status}")
