"""A runnable stand-in of the back end, with a durable ledger, switchable faults, and a page to watch it."""

import asyncio
import hmac
from collections.abc import AsyncIterator, Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random, SystemRandom
from typing import Annotated, Any, ParamSpec, TypeVar, get_args

import msgspec
from aiohttp import web
from msgspec import Meta

from adapters.boss.ledger import Ledger, Table, Terms
from adapters.boss.protocol import LedgerPage, ProvisionOrder, ProvisionResult
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

P = ParamSpec("P")
R = TypeVar("R")


class BossFaults(Faults, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The switches; `refuse` lists offer codes."""

    processing_polls: Annotated[int, Meta(ge=0, le=1000)] = 0


class Sandbox:
    """The stand-in's state and its handlers. Time, chance and waiting come from outside."""

    def __init__(
        self,
        database: Path | str,
        api_key: str,
        clock: Callable[[], datetime],
        sleep: Callable[[float], Awaitable[None]],
        rng: Random,
    ) -> None:
        self._ledger = Ledger(database)
        self._lane = ThreadPoolExecutor(max_workers=1, thread_name_prefix="boss-ledger")
        self._api_key = api_key.encode()
        self._clock = clock
        self._sleep = sleep
        self._working: set[asyncio.Task[ProvisionResult | None]] = set()
        self.board = FaultBoard(BossFaults(), rng)

    async def provision(self, request: web.Request) -> web.Response:
        self._check_key(request)
        order = await received(request, ProvisionOrder)
        at = self._clock()
        if self.board.faults.down:
            await self._write(self._ledger.note, order.number, "post", at, "busy")
            raise Refusal(503, "busy", "the back end is down; nothing was taken")
        terms = self._terms(order)
        outcome = await self._write(self._ledger.take, order, at, terms)
        if outcome == "clash":
            raise Refusal(409, "number_reused", "this number names another order")
        # What was taken is carried out even when the caller hangs up meanwhile.
        work = asyncio.create_task(self._carry_out(order.number, at, terms.slow))
        self._working.add(work)
        work.add_done_callback(self._working.discard)
        result = await asyncio.shield(work)
        return drop_connection(request) if terms.answer_lost else answer(result)

    async def status(self, request: web.Request) -> web.Response:
        self._check_key(request)
        number = request.match_info["number"]
        at = self._clock()
        if self.board.faults.down:
            await self._write(self._ledger.note, number, "get", at, "busy")
            raise Refusal(503, "busy", "the back end is down")
        if self.board.faults.slow_seconds:
            await self._sleep(self.board.faults.slow_seconds)
        result = await self._settle(number, self._clock(), asked=True)
        await self._write(self._ledger.note, number, "get", at, "unknown_order" if result is None else result.status)
        if result is None:
            raise Refusal(404, "unknown_order", "this number was never seen")
        return answer(result)

    async def list_taken(self, request: web.Request) -> web.Response:
        self._check_key(request)
        if self.board.faults.down:
            raise Refusal(503, "busy", "the back end is down")
        try:
            begin, end = (msgspec.convert(request.query.get(name), datetime, strict=False) for name in ("begin", "end"))
        except msgspec.ValidationError as exc:
            raise Refusal(400, "malformed", "begin and end are moments in ISO 8601") from exc
        if begin.tzinfo is None or end.tzinfo is None:
            raise Refusal(400, "malformed", "begin and end name their time zone")
        limit = max(whole_number(request, "limit", 100, 1000), 1)
        after = request.query.get("after", "")
        entries = await self._write(self._ledger.list_taken, begin, end, after, limit + 1)
        page = entries[:limit]
        return answer(LedgerPage(page, page[-1].number if len(entries) > limit else None))

    async def ledger(self, request: web.Request) -> web.Response:
        try:
            table = msgspec.convert(request.query.get("table", "effects"), Table)
        except msgspec.ValidationError as exc:
            raise Refusal(400, "malformed", f"table is one of {', '.join(get_args(Table))}") from exc
        after = whole_number(request, "after", 0, 2**62)
        limit = whole_number(request, "limit", 100, 1000)
        newest_first = request.query.get("order") == "newest"

        def read() -> tuple[list[dict[str, Any]], dict[str, int]]:
            return self._ledger.page(table, after, limit, newest_first=newest_first), self._ledger.counts()

        items, counts = await self._write(read)
        next_after = items[-1]["seq"] if items and len(items) == limit else None
        return answer({"table": table, "items": items, "next_after": next_after, "counts": counts})

    async def lifetime(self, app: web.Application) -> AsyncIterator[None]:
        """Close the ledger when the application ends."""
        yield
        for work in self._working:
            work.cancel()
        await asyncio.to_thread(self._lane.shutdown)
        self._ledger.close()

    def _terms(self, order: ProvisionOrder) -> Terms:
        refused = self.board.refuses(order.offer_code)
        return Terms(
            refusal="the back end refuses this order" if refused else None,
            slow=timedelta(seconds=self.board.faults.slow_seconds),
            processing_polls=self.board.faults.processing_polls,
            answer_lost=self.board.loses_answer(),
        )

    def _check_key(self, request: web.Request) -> None:
        if not hmac.compare_digest(request.headers.get("X-Api-Key", "").encode(), self._api_key):
            raise Refusal(401, "unauthenticated", "the API key is not known")

    async def _carry_out(self, number: str, at: datetime, slow: timedelta) -> ProvisionResult | None:
        if slow:
            await self._sleep(slow.total_seconds())
        return await self._settle(number, max(self._clock(), at + slow), asked=False)

    async def _settle(self, number: str, now: datetime, *, asked: bool) -> ProvisionResult | None:
        return await self._write(lambda: self._ledger.settle(number, now, asked=asked))

    async def _write(self, fn: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        return await asyncio.get_running_loop().run_in_executor(self._lane, lambda: fn(*args, **kwargs))


def make_app(
    database: Path | str,
    api_key: str,
    *,
    clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    rng: Random | None = None,
) -> web.Application:
    """The stand-in as an application; `database` is the ledger's SQLite file."""
    sandbox = Sandbox(database, api_key, clock, sleep, rng or SystemRandom())
    app = web.Application(middlewares=[refusals_as_json])
    app.cleanup_ctx.append(sandbox.lifetime)
    app.router.add_post("/boss/v1/orders", sandbox.provision)
    app.router.add_get("/boss/v1/orders", sandbox.list_taken)
    app.router.add_get("/boss/v1/orders/{number}", sandbox.status)
    app.router.add_get("/ledger", sandbox.ledger)
    sandbox.board.mount(app)
    mount_page(app, Path(__file__).parent / "page")
    return app


def main() -> None:
    """Run the stand-in: python -m adapters.boss.sandbox --port 8201."""
    parser = command_line("Stand-in of the provisioning back end (BOSS)", 8201)
    parser.add_argument("--database", type=Path, default=Path("boss.sqlite3"), help="ledger file (default %(default)s)")
    parser.add_argument("--api-key", default="boss-sandbox-key", help="key the gateway presents (default %(default)s)")
    options = parser.parse_args()
    serve(make_app(options.database, options.api_key), options.host, options.port)


if __name__ == "__main__":
    main()
