"""A runnable stand-in of the SMS network, with an inbox page and switchable faults."""

import asyncio
import hmac
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path
from random import Random, SystemRandom

import msgspec
from aiohttp import web

from adapters.faults import FaultBoard, Faults
from adapters.sandbox_http import (
    Refusal,
    answer,
    command_line,
    drop_connection,
    mount_page,
    received,
    refusals_as_json,
    serve,
    whole_number,
)
from adapters.sms.message import fault_of

# The inbox keeps this many messages, then forgets the oldest.
_KEPT = 10_000


class Outgoing(msgspec.Struct, frozen=True):
    """A message as it is handed over."""

    to: str
    text: str
    message_id: str


class Delivered(msgspec.Struct, frozen=True):
    """A message as the inbox shows it. `seq` counts from 1."""

    seq: int
    to: str
    text: str
    message_id: str
    at: datetime


class Sandbox:
    """The stand-in's state and its handlers."""

    def __init__(
        self, api_key: str, clock: Callable[[], datetime], sleep: Callable[[float], Awaitable[None]], rng: Random
    ) -> None:
        self.board = FaultBoard(Faults(), rng)
        self._authorization = f"Bearer {api_key}".encode()
        self._clock = clock
        self._sleep = sleep
        self._inbox: dict[str, Delivered] = {}
        self._seq = 0

    async def send(self, request: web.Request) -> web.Response:
        if not hmac.compare_digest(request.headers.get("Authorization", "").encode(), self._authorization):
            raise Refusal(401, "unauthenticated", "the API key is not known")
        message = await received(request, Outgoing)
        faults = self.board.faults
        if faults.down:
            raise Refusal(503, "busy", "the network is down; nothing was accepted")
        duplicate = self._accept(message)
        if faults.slow_seconds:
            await self._sleep(faults.slow_seconds)
        if self.board.loses_answer():
            return drop_connection(request)
        return answer({"message_id": message.message_id, "status": "accepted", "duplicate": duplicate}, 202)

    async def messages(self, request: web.Request) -> web.Response:
        after, to = whole_number(request, "after", 0, 2**62), request.query.get("to", "").strip()
        limit = whole_number(request, "limit", 100, 1000)
        found: list[Delivered] = []
        for message in reversed(self._inbox.values()):
            if message.seq <= after or len(found) == limit:
                break
            if to in message.to:
                found.append(message)
        return answer({"messages": found})

    def _accept(self, message: Outgoing) -> bool:
        fault = fault_of(message.to, message.text)
        if fault is not None:
            raise Refusal(400, fault, "the message cannot be sent")
        known = self._inbox.get(message.message_id)
        if known is not None:
            if (known.to, known.text) != (message.to, message.text):
                raise Refusal(409, "message_id_reused", "this id names another message")
            return True
        if self.board.refuses(message.to):
            raise Refusal(403, "blocked", "the network blocks this number")
        self._seq += 1
        self._inbox[message.message_id] = Delivered(
            self._seq, message.to, message.text, message.message_id, self._clock()
        )
        if len(self._inbox) > _KEPT:
            del self._inbox[next(iter(self._inbox))]
        return False


def make_app(
    api_key: str,
    *,
    clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    rng: Random | None = None,
) -> web.Application:
    """The stand-in as an application; its inbox lives in memory."""
    sandbox = Sandbox(api_key, clock, sleep, rng or SystemRandom())
    app = web.Application(middlewares=[refusals_as_json])
    app.router.add_post("/v1/messages", sandbox.send)
    app.router.add_get("/messages", sandbox.messages)
    sandbox.board.mount(app)
    mount_page(app, Path(__file__).parent / "page")
    return app


def main() -> None:
    """Run the stand-in: python -m adapters.sms.sandbox --port 8202."""
    parser = command_line("Stand-in of the SMS network", 8202)
    parser.add_argument("--api-key", default="sms-sandbox-key", help="key the gateway presents (default %(default)s)")
    options = parser.parse_args()
    serve(make_app(options.api_key), options.host, options.port)


if __name__ == "__main__":
    main()
