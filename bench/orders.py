"""REST order placement against a bare Sanic handler that writes the same rows in one durable transaction.

The floor does nothing but decode the body, take its time and ids, and write: on SQLite with the `sqlite3` driver on a
thread of its own, on PostgreSQL with asyncpg. The product is asked with an access token, and by signed requests.
`make bench-orders`; `ratio orders-sqlite VALUE`, `ratio orders-signed-sqlite VALUE`, the same for PostgreSQL, and last
the smaller of each as `ratio orders-signed VALUE` and `ratio orders VALUE`.
"""

from __future__ import annotations

import asyncio
import os
import sqlite3
import sys
import tempfile
import time
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import Any

import asyncpg
import msgspec
import uvloop
from msgspec.structs import replace
from rich.console import Console
from sanic import Request
from sanic.response import HTTPResponse
from sqlalchemy import Connection, Table, text

from auth import client_secret, signed_request
from bench.fill import PARTNER, fill
from bench.load import Load, drive, post
from bench.rounds import compare, served
from bench.serving import new_platform, partner_credentials, serve
from gateway.app import create_app
from gateway.audit import audit_rows
from gateway.capabilities.events.tables import events
from gateway.capabilities.interactions import interactions
from gateway.capabilities.offers import Catalog
from gateway.capabilities.offers.schemas import Eligibility
from gateway.capabilities.orders import orders
from gateway.capabilities.orders.tables import order_transitions
from gateway.idempotency import idempotency_keys
from gateway.platform import CATALOG_FILES
from gateway.server import new_server
from gateway.store.outbox import outbox
from tests.fixtures.postgresql import run_postgresql

SUBSCRIBERS = 60_000
CONNECTIONS = 32
SECONDS = 3.0
SIGNED = 40_000
"""Signed orders made ready for one run: more than are answered in its time."""
_TABLES = (
    orders,
    order_transitions,
    order_transitions,
    outbox,
    outbox,
    interactions,
    idempotency_keys,
    audit_rows,
    events,
    events,
)
_out = Console()


def rows(subscriber: int, offer: str, key: str) -> list[tuple[Any, ...]]:
    """The rows of one placed order, in the order of `_TABLES`, made as cheaply as can be."""
    now = time.time_ns() // 1000
    order, one, two, three, four, five, six = (str(uuid.uuid4()) for _ in range(7))
    account, later = f"partner:{PARTNER}:u{subscriber}", now + 1_800_000_000
    state, body = "awaiting_confirmation", f'{{"order_id":"{order}"}}'
    told = f'{{"order":"{order}","offer":"{offer}","action":"subscribe","state":"{state}","user":"u{subscriber}"}}'
    return [
        (order, subscriber, time.time_ns() & 0x7FFFFFFF, account, offer, "subscribe", 1000, "month", state, 2, "api",
         PARTNER, None, "{}", now, now, later, None, None, None, False, None, None, None),
        (order, 0, None, "acknowledged", "partner:bench", "api", "placed", now),
        (order, 1, "acknowledged", state, "partner:bench", "api", "second confirmation", now),
        (one, "orders.expire", body, later, 0, now, four, False, None),
        (two, "orders.ask", body, now, 0, now, four, False, None),
        (three, now, "ordered", subscriber, account, "api", "", None, f'["{offer}"]'),
        (uuid.uuid5(uuid.NAMESPACE_OID, key).bytes * 2, b"f" * 32, 200, b"x" * 400, later),
        (four, now, "partner:bench", "orders.place", account, subscriber, "api", "ok", four, "{}", None),
        (five, None, now, "order.acknowledged", PARTNER, subscriber, account, order, 0, told),
        (six, None, now, f"order.{state}", PARTNER, subscriber, account, order, 1, told),
    ]  # fmt: skip


def _insert(table: Table, mark: str) -> str:
    names = [column.name for column in table.columns]
    marks = ",".join("?" if mark == "?" else f"${number}" for number in range(1, len(names) + 1))
    return f"INSERT INTO {table.name} ({','.join(names)}) VALUES ({marks})"


def floor_app(url: str) -> Any:
    """A bare Sanic server whose one handler writes the rows in one durable transaction."""
    app = new_server("floor", body_bytes=1_048_576)
    write = _sqlite_writer(url) if url.startswith("sqlite") else _postgresql_writer(app, url)

    @app.post("/v1/orders")
    async def place(request: Request[Any, Any]) -> HTTPResponse:
        body = msgspec.json.decode(request.body)
        subscriber = int(request.headers["tuila-user"][1:])
        found = rows(subscriber, body["offer"], request.headers["idempotency-key"])
        await write(found)
        return HTTPResponse(
            msgspec.json.encode({"id": found[0][0], "state": found[0][8]}), 200, None, "application/json"
        )

    return app


def _sqlite_writer(url: str) -> Any:
    lane = ThreadPoolExecutor(1)
    statements = [_insert(table, "?") for table in _TABLES]

    def connect() -> sqlite3.Connection:
        connection = sqlite3.connect(url.partition("///")[2], isolation_level=None)
        for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON", "cache_size=-65536"):
            connection.execute(f"PRAGMA {pragma}")
        return connection

    connection = lane.submit(connect).result()

    def transaction(found: list[tuple[Any, ...]]) -> None:
        connection.execute("BEGIN IMMEDIATE")
        for statement, row in zip(statements, found, strict=True):
            connection.execute(statement, row)
        connection.execute("COMMIT")

    async def write(found: list[tuple[Any, ...]]) -> None:
        await asyncio.get_running_loop().run_in_executor(lane, transaction, found)

    return write


def _postgresql_writer(app: Any, url: str) -> Any:
    pools: list[asyncpg.Pool] = []
    statements = [_insert(table, "$") for table in _TABLES]

    async def connect(_app: Any) -> None:
        pools.append(await asyncpg.create_pool(url.replace("+asyncpg", ""), min_size=8, max_size=8))

    app.before_server_start(connect)

    async def write(found: list[tuple[Any, ...]]) -> None:
        async with pools[0].acquire() as connection, connection.transaction():
            for statement, row in zip(statements, found, strict=True):
                await connection.execute(statement, *row)

    return write


def open_to_all() -> list[str]:
    """One paid offer of each service that any subscriber may order."""
    asks_nothing = Eligibility()
    by_service = {
        offer.service: offer.code
        for offer in Catalog.load(CATALOG_FILES)
        if offer.lifecycle == "on_sale" and offer.price_fen and replace(offer.eligibility, excludes=()) == asks_nothing
    }
    return sorted(by_service.values())


def _orders() -> Iterator[tuple[int, bytes, str]]:
    """Each subscriber's order once, then the next offer; each under a key of its own."""
    run = uuid.uuid4().hex[:8]
    for offer in open_to_all():
        body = msgspec.json.encode({"offer": offer})
        for subscriber in range(1, SUBSCRIBERS + 1):
            yield subscriber, body, f"{run}-{offer}-{subscriber}"


def _with_token(token: str) -> Iterator[bytes]:
    for subscriber, body, key in _orders():
        yield post("/v1/orders", body, {
            "Authorization": f"Bearer {token}", "Content-Type": "application/json", "Tuila-User": f"u{subscriber}",
            "Idempotency-Key": key,
        })  # fmt: skip


def _signed(secret: str) -> Iterator[bytes]:
    signing_key, now = client_secret.signing_key(secret), datetime.now(UTC)
    for subscriber, body, key in _orders():
        target = f"/v1/orders?tuila_user=u{subscriber}"
        header = signed_request.sign(signing_key, "POST", target, body, client=PARTNER, nonce=uuid.uuid4().hex, now=now)
        yield post(target, body, {
            "Authorization": header, "Content-Type": "application/json", "Idempotency-Key": key,
        })  # fmt: skip


def _forget_orders(connection: Connection) -> None:
    for table in dict.fromkeys(reversed(_TABLES)):
        connection.execute(text(f"DELETE FROM {table.name}"))
    connection.execute(text("DELETE FROM subscriptions"))


async def _prepare(url: str, folder: Path) -> tuple[str, str]:
    platform = new_platform(url, folder)
    await fill(platform, SUBSCRIBERS)
    credentials = await partner_credentials(platform)
    await platform.store.write(_forget_orders)
    await platform.close()
    return credentials


async def _clear(url: str, folder: Path) -> None:
    platform = new_platform(url, folder)
    await platform.store.write(_forget_orders)
    await platform.close()


async def _serve(side: str, url: str, folder: Path) -> None:
    if side == "floor":
        await serve(floor_app(url))
        return
    platform = new_platform(url, folder)
    await platform.start(work=False)  # placement is what is measured; in the floor nobody works either
    await serve(create_app(platform))
    await platform.close()


def _measure(name: str, url: str, folder: Path) -> tuple[float, float]:
    """(ratio of orders with a token, ratio of signed orders)."""
    token, secret = uvloop.run(_prepare(url, folder))

    def run(side: str, requests: Iterator[bytes]) -> Load:
        uvloop.run(_clear(url, folder))
        with served("bench.orders", side, url, str(folder)) as port:
            return drive(port, requests, connections=CONNECTIONS, seconds=SECONDS)

    def floor() -> Load:
        return run("floor", _with_token(token))

    def signed() -> Load:  # signed beforehand, for that is the partner's work
        return run("product", iter(list(islice(_signed(secret), SIGNED))))

    by_signature = compare(f"orders-signed-{name}", floor, signed)
    return compare(f"orders-{name}", floor, lambda: run("product", _with_token(token))), by_signature


def main() -> None:
    """Measure on SQLite and on PostgreSQL."""
    if sys.argv[1:2] == ["serve"]:
        _, _, side, url, folder = sys.argv
        uvloop.run(_serve(side, url, Path(folder)))
        return
    with tempfile.TemporaryDirectory(prefix="tuila-bench-", dir=os.environ.get("BENCH_DIR")) as place:
        on_sqlite = _measure("sqlite", f"sqlite:///{place}/bench.db", Path(place))
        with run_postgresql(durable=True) as server:
            on_postgresql = _measure("postgresql", server.url(), Path(place))
    _out.print(f"ratio orders-signed {min(on_sqlite[1], on_postgresql[1]):.3f}")
    _out.print(f"ratio orders {min(on_sqlite[0], on_postgresql[0]):.3f}")


if __name__ == "__main__":
    main()
