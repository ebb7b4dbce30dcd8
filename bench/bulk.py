"""A file of orders against the database's bulk insert of the very rows that it writes.

The product reads the file, finds each row's subscriber, decides, and writes the orders, the place reached and the result
file. The floor takes the rows that the product wrote, and inserts them into an empty database in transactions of as many
orders: with `sqlite3`'s executemany (and, told beside it, a thousand rows a statement as the product does), on PostgreSQL
with COPY; reading them is not counted. Beside them, for comparison, single calls through `invoke`, 64 at a time.
`make bench-bulk`; the last lines are `ratio bulk-sqlite VALUE`, `ratio bulk-postgresql VALUE` and the smaller of the two
as `ratio bulk VALUE`. BENCH_ROWS: rows of the file (200,000, a few minutes; the bar is about 1,000,000).
"""

from __future__ import annotations

import asyncio
import itertools
import os
import resource
import sqlite3
import tempfile
import time
from collections.abc import Iterator, Sequence
from hashlib import sha256
from pathlib import Path
from typing import Any

import asyncpg
import uvloop
from rich.console import Console
from sqlalchemy import Connection, Table, delete, text

from auth.principal import Principal
from bench.fill import PARTNER, fill
from bench.orders import open_to_all
from bench.serving import new_platform, partner_credentials
from gateway.capabilities.events.tables import events
from gateway.capabilities.exchange import OrderFileFolder
from gateway.capabilities.interactions import interactions
from gateway.capabilities.orders import orders, subscriptions
from gateway.capabilities.orders.tables import order_transitions
from gateway.idempotency import idempotency_keys
from gateway.invoke import Call
from gateway.kit.garbage import settle
from gateway.platform import Platform
from gateway.store import metadata
from gateway.store.outbox import OutboxWorker, outbox
from tests.fixtures.postgresql import run_postgresql

ROWS = int(os.environ.get("BENCH_ROWS", "200000"))
_OFFERS = open_to_all()
SUBSCRIBERS = max(min(100_000, ROWS), -(-ROWS // (len(_OFFERS) - 1)))
"""As many as make every order one that can be placed, with one offer left for single calls."""
BATCH = 1000
SINGLE = 3000
_OPERATOR = Principal("operator", "bench", frozenset({"*"}))
_WRITTEN = {orders: 1, order_transitions: 2, events: 2, outbox: 2, interactions: 1, idempotency_keys: 1}
"""Rows of one order in each table."""
_ORDER = {order_transitions: "order_id, seq", idempotency_keys: "expires_at"}
"""How rows came, where it is not by id: several connections do not fill a table of PostgreSQL from front to back."""
_PRAGMAS = ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON", "cache_size=-65536", "wal_autocheckpoint=16384")
_out = Console(width=110, highlight=False)


def _write_file(path: Path) -> None:
    with path.open("w") as file:
        file.write("user,offer,key\n")
        for number in range(ROWS):
            offer = _OFFERS[number // SUBSCRIBERS]
            file.write(f"u{number % SUBSCRIBERS + 1},{offer},{number}\n")


def _forget_held(connection: Connection) -> None:
    connection.execute(delete(subscriptions))


def _analyse(connection: Connection) -> None:
    """Make statistics of what was just filled in, as a PostgreSQL that has run for a while has them."""
    if connection.dialect.name == "postgresql":
        connection.execute(text("ANALYZE"))


def _described(path: Path) -> tuple[str, int]:
    return sha256(path.read_bytes()).hexdigest(), path.stat().st_size


async def _product(platform: Platform, path: Path) -> float:
    digest, length = _described(path)
    asked = {"sha256": digest, "bytes": length, "format": "csv", "partner": PARTNER}
    file = await platform.invoke(Call("exchange.submit", _OPERATOR, asked))
    platform.parts.get(OrderFileFolder).copy(path, file.id, "csv", "bench", digest)
    await platform.invoke(Call("exchange.start", _OPERATOR, {"id": file.id}))
    worker = OutboxWorker(platform.store, platform.order_files.handlers(), clock=platform.clock)
    begun = time.perf_counter()
    await worker.run_due()
    seconds = time.perf_counter() - begun
    file = await platform.invoke(Call("exchange.get", _OPERATOR, {"id": file.id}))
    if (file.state, file.placed) != ("done", ROWS):
        raise RuntimeError(f"{file.state}: {file.placed} placed, {file.refused} refused; {file.problem}")
    return seconds


async def _single(platform: Platform) -> float:
    """Orders a second by single calls, 64 at a time."""
    principal = Principal("partner", PARTNER, frozenset({"orders:*"}), partner_id=PARTNER)
    calls: Iterator[Call] = (
        Call("orders.place", principal, {"offer": _OFFERS[-1]}, account=f"partner:{PARTNER}:u{number}",
             channel="file", idempotency_key=f"single-{number}")
        for number in range(1, SINGLE + 1)
    )  # fmt: skip

    async def caller() -> None:
        for call in calls:
            await platform.invoke(call)

    begun = time.perf_counter()
    await asyncio.gather(*(caller() for _ in range(64)))
    return SINGLE / (time.perf_counter() - begun)


async def _run(url: str, folder: Path, path: Path) -> tuple[float, float]:
    platform = new_platform(url, folder)
    await fill(platform, SUBSCRIBERS)
    await platform.store.write(_forget_held)
    await platform.store.write(_analyse)
    await partner_credentials(platform)
    settle()  # as a platform that was started
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    seconds = await _product(platform, path)
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
    _out.print(f"product: {ROWS} rows in {seconds:.1f} s; its memory grew by {grown:.0f} MB")
    single = await _single(platform)
    await platform.close()
    return seconds, single


def _names(table: Table) -> list[str]:
    return [column.name for column in table.columns]


def _floor_sqlite(written: Path, empty: Path, rows_a_statement: int = 1) -> float:
    source, target = sqlite3.connect(written), sqlite3.connect(empty, isolation_level=None)
    for pragma in _PRAGMAS:
        target.execute(f"PRAGMA {pragma}")
    read = {
        table: source.execute(f"SELECT {','.join(_names(table))} FROM {table.name} ORDER BY rowid")
        for table in _WRITTEN
    }
    seconds = 0.0
    for _ in range(0, ROWS, BATCH):
        rows = {table: found.fetchmany(BATCH * _WRITTEN[table]) for table, found in read.items()}
        begun = time.perf_counter()
        target.execute("BEGIN IMMEDIATE")
        for table, found in rows.items():
            names = _names(table)
            one = f"({','.join('?' * len(names))})"
            into = f"INSERT INTO {table.name} ({','.join(names)}) VALUES "
            whole = len(found) // rows_a_statement * rows_a_statement
            target.executemany(into + ",".join([one] * rows_a_statement), _in_groups(found[:whole], rows_a_statement))
            target.executemany(into + one, found[whole:])
        target.execute("COMMIT")
        seconds += time.perf_counter() - begun
    source.close()
    target.close()
    return seconds


def _in_groups(rows: list[Sequence[Any]], size: int) -> Iterator[Sequence[Any]]:
    if size == 1:
        return iter(rows)
    return (tuple(itertools.chain.from_iterable(rows[at : at + size])) for at in range(0, len(rows), size))


async def _floor_postgresql(written: str, empty: str) -> float:
    source, target = await asyncpg.connect(written), await asyncpg.connect(empty)
    seconds = 0.0
    async with source.transaction():
        read = {
            table: await source.cursor(
                f"SELECT {','.join(_names(table))} FROM {table.name} ORDER BY {_ORDER.get(table, 'id')}"
            )
            for table in _WRITTEN
        }
        for _ in range(0, ROWS, BATCH):
            rows = {
                table: [tuple(row) for row in await found.fetch(BATCH * _WRITTEN[table])]
                for table, found in read.items()
            }
            begun = time.perf_counter()
            async with target.transaction():
                for table, records in rows.items():
                    await target.copy_records_to_table(table.name, records=records, columns=_names(table))
            seconds += time.perf_counter() - begun
    await source.close()
    await target.close()
    return seconds


async def _make_empty(url: str, folder: Path) -> None:
    platform = new_platform(url, folder)
    await platform.store.write(metadata.create_all)
    await platform.close()


def _tell(name: str, product: float, single: float, floor: float) -> float:
    ratio = floor / product
    _out.print(f"load of the machine: {os.getloadavg()[0]:.1f}")
    _out.print(f"{name}: floor {ROWS / floor:7.0f}/s | product {ROWS / product:7.0f}/s | single calls {single:7.0f}/s")
    _out.print(f"ratio bulk-{name} {ratio:.3f}")
    return ratio


def main() -> None:
    """Measure on SQLite and on PostgreSQL."""
    with tempfile.TemporaryDirectory(prefix="tuila-bench-", dir=os.environ.get("BENCH_DIR")) as place:
        folder = Path(place)
        _write_file(folder / "orders.csv")
        url = f"sqlite:///{folder}/bench.db"
        product, single = uvloop.run(_run(url, folder, folder / "orders.csv"))
        uvloop.run(_make_empty(f"sqlite:///{folder}/floor.db", folder))
        on_sqlite = _tell("sqlite", product, single, _floor_sqlite(folder / "bench.db", folder / "floor.db"))
        uvloop.run(_make_empty(f"sqlite:///{folder}/wide.db", folder))
        wide = _floor_sqlite(folder / "bench.db", folder / "wide.db", BATCH)
        _out.print(
            f"sqlite, a thousand rows a statement: {ROWS / wide:7.0f}/s, of which the product {wide / product:.3f}"
        )
        for left in itertools.chain(folder.glob("bench.db*"), folder.glob("floor.db*"), folder.glob("wide.db*")):
            left.unlink()
        with run_postgresql(durable=True) as server:
            written, empty = (server.url(server.create_database()) for _ in range(2))
            product, single = uvloop.run(_run(written, folder, folder / "orders.csv"))
            uvloop.run(_make_empty(empty, folder))
            floor = uvloop.run(_floor_postgresql(*(one.replace("+asyncpg", "") for one in (written, empty))))
            on_postgresql = _tell("postgresql", product, single, floor)
    _out.print(f"ratio bulk {min(on_sqlite, on_postgresql):.3f}")


if __name__ == "__main__":
    main()
