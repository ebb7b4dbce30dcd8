"""The real SMS network over HTTP."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from random import Random, SystemRandom

import aiohttp
import msgspec

from adapters.backoff import Backoff
from adapters.errors import OutcomeUnknown, UpstreamUnavailable
from adapters.http_failures import check_taken, limits, told_apart


class SmsClient:
    """`Sms` over HTTP. Repeats with backoff, since a message id is sent at most once."""

    def __init__(
        self,
        session: aiohttp.ClientSession,
        base_url: str,
        api_key: str,
        *,
        timeout: timedelta = timedelta(seconds=5),
        backoff: Backoff = Backoff(),  # noqa: B008 - frozen
        rng: Random | None = None,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._session = session
        self._messages = base_url.rstrip("/") + "/v1/messages"
        self._headers = {"Authorization": f"Bearer {api_key}", "Content-Type": "application/json"}
        self._timeout = limits(timeout.total_seconds())
        self._backoff = backoff
        self._rng = rng or SystemRandom()
        self._sleep = sleep

    async def send(self, to_e164: str, text: str, message_id: str) -> None:
        body = msgspec.json.encode({"to": to_e164, "text": text, "message_id": message_id})
        waits = self._backoff.waits(self._rng)
        may_be_accepted: OutcomeUnknown | None = None
        while True:
            try:
                return await self._hand_over(body)
            except OutcomeUnknown as exc:
                may_be_accepted = exc
                failed: Exception = exc
            except UpstreamUnavailable as exc:
                failed = exc
            wait = next(waits, None)
            if wait is None:
                raise may_be_accepted or failed
            await self._sleep(wait)

    async def _hand_over(self, body: bytes) -> None:
        with told_apart("the SMS network"):
            async with self._session.post(
                self._messages, data=body, headers=self._headers, timeout=self._timeout, allow_redirects=False
            ) as response:
                status, said = response.status, await response.read()
        check_taken("the SMS network", status, said)
