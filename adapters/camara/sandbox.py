"""A runnable stand-in of an operator's CAMARA gateway: Number Recycling, SIM Swap, and the tokens for both.

Tell it of the world by PUT /numbers/{number} {"recycled_on": "2026-11-01", "sim_changed_at": "2026-11-20T08:00:00Z",
"looks_back_to": "2026-01-01"}.
"""

import asyncio
import base64
import hmac
import re
from collections.abc import Awaitable, Callable
from datetime import date, datetime
from random import Random, SystemRandom
from typing import Any

import msgspec
from aiohttp import web

from adapters.faults import FaultBoard, Faults
from adapters.sandbox_http import (
    Handler,
    Refusal,
    answer,
    command_line,
    drop_connection,
    received,
    refusals_as_json,
    serve,
)

_NUMBER = re.compile(r"\+[1-9][0-9]{4,14}")


class CheckRecycling(msgspec.Struct, forbid_unknown_fields=True, rename="camel"):
    """CreateCheckNumRecycling."""

    specified_date: date
    phone_number: str | None = None


class RetrieveDate(msgspec.Struct, forbid_unknown_fields=True, rename="camel"):
    """CreateSimSwapDate."""

    phone_number: str | None = None


class Known(msgspec.Struct, forbid_unknown_fields=True):
    """What the network knows of a number."""

    recycled_on: date | None = None
    """Day of the newest owner's contract."""
    sim_changed_at: datetime | None = None
    looks_back_to: date | None = None
    """The first day that can be asked about."""


@web.middleware
async def errors_as_camara(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Answer a raised Refusal as CAMARA's ErrorInfo."""
    try:
        return await handler(request)
    except Refusal as refusal:
        code = "INVALID_ARGUMENT" if refusal.code == "malformed" else refusal.code
        return answer({"status": refusal.status, "code": code, "message": refusal.reason[:512]}, refusal.status)


class Sandbox:
    """The stand-in's state and its handlers."""

    def __init__(
        self, client_id: str, client_secret: str, sleep: Callable[[float], Awaitable[None]], rng: Random
    ) -> None:
        self.board = FaultBoard(Faults(), rng)
        self._basic = "Basic " + base64.b64encode(f"{client_id}:{client_secret}".encode()).decode()
        self._sleep = sleep
        self._token = ""
        self._given = 0
        self._numbers: dict[str, Known] = {}

    async def token(self, request: web.Request) -> web.Response:
        form = await request.post()
        if not _same(request.headers.get("Authorization", ""), self._basic):
            return answer({"error": "invalid_client"}, 401)
        if form.get("grant_type") != "client_credentials":
            return answer({"error": "unsupported_grant_type"}, 400)
        self._given += 1
        self._token = f"sandbox-token-{self._given}"
        return answer({"access_token": self._token, "token_type": "Bearer", "expires_in": 300})

    async def withdraw(self, request: web.Request) -> web.Response:
        """Make the token that was given out worthless, as a gateway may at any time."""
        self._token = ""
        return answer({})

    async def learn(self, request: web.Request) -> web.Response:
        self._numbers[request.match_info["number"]] = await received(request, Known)
        return answer({})

    async def check(self, request: web.Request) -> web.Response:
        asked = await self._asked(request, CheckRecycling)
        known = self._known(asked.phone_number)
        if known.looks_back_to is not None and asked.specified_date < known.looks_back_to:
            raise Refusal(400, "OUT_OF_RANGE", "The specified date is too long ago.")
        recycled = known.recycled_on is not None and known.recycled_on > asked.specified_date
        return await self._say(request, {"phoneNumberRecycled": recycled})

    async def retrieve_date(self, request: web.Request) -> web.Response:
        asked = await self._asked(request, RetrieveDate)
        return await self._say(request, {"latestSimChange": self._known(asked.phone_number).sim_changed_at})

    async def _asked(self, request: web.Request, shape: Any) -> Any:
        if not self._token or not _same(request.headers.get("Authorization", ""), f"Bearer {self._token}"):
            raise Refusal(401, "UNAUTHENTICATED", "Request not authenticated due to missing or expired credentials.")
        if self.board.faults.down:
            raise Refusal(503, "UNAVAILABLE", "Service Unavailable.")
        return await received(request, shape)

    def _known(self, number: str | None) -> Known:
        if number is None:
            raise Refusal(422, "MISSING_IDENTIFIER", "The phone number cannot be identified")
        if not _NUMBER.fullmatch(number):
            raise Refusal(400, "INVALID_ARGUMENT", "phoneNumber is not in E.164 format")
        if self.board.refuses(number):
            raise Refusal(404, "IDENTIFIER_NOT_FOUND", "Phone number not found.")
        return self._numbers.get(number, Known())

    async def _say(self, request: web.Request, body: dict[str, Any]) -> web.Response:
        if self.board.faults.slow_seconds:
            await self._sleep(self.board.faults.slow_seconds)
        if self.board.loses_answer():
            return drop_connection(request)
        said = answer(body)
        if "x-correlator" in request.headers:
            said.headers["x-correlator"] = request.headers["x-correlator"]
        return said


def _same(given: str, right: str) -> bool:
    return hmac.compare_digest(given.encode(), right.encode())


def make_app(
    client_id: str,
    client_secret: str,
    *,
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    rng: Random | None = None,
) -> web.Application:
    """The stand-in as an application; what it knows lives in memory."""
    sandbox = Sandbox(client_id, client_secret, sleep, rng or SystemRandom())
    network = web.Application(middlewares=[errors_as_camara])
    network.router.add_post("/number-recycling/v0.1/check", sandbox.check)
    network.router.add_post("/sim-swap/v2/retrieve-date", sandbox.retrieve_date)
    app = web.Application(middlewares=[refusals_as_json])
    app.router.add_post("/oauth/token", sandbox.token)
    app.router.add_delete("/oauth/token", sandbox.withdraw)
    app.router.add_put(r"/numbers/{number:\+[0-9]+}", sandbox.learn)
    sandbox.board.mount(app)
    app.add_subapp("/camara", network)
    return app


def main() -> None:
    """Run the stand-in: python -m adapters.camara.sandbox --port 8204."""
    parser = command_line("Stand-in of a CAMARA gateway", 8204)
    parser.add_argument("--client-id", default="tuila", help="the gateway's client id (default %(default)s)")
    parser.add_argument("--client-secret", default="camara-sandbox-secret", help="its secret (default %(default)s)")
    options = parser.parse_args()
    serve(make_app(options.client_id, options.client_secret), options.host, options.port)


if __name__ == "__main__":
    main()
