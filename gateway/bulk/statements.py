"""Statements: the orders of a day as a file, written as they are read, with a manifest that says what is in it."""

from __future__ import annotations

import csv
import hashlib
import os
from collections.abc import AsyncIterator, Callable, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, Literal, Protocol, get_args

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq
from sqlalchemy import Connection, select

from auth.principal import partner_of
from gateway.capabilities.orders import orders
from gateway.kit.ids import first_id
from gateway.store import Store

StatementFormat = Literal["csv", "ndjson", "parquet"]
FORMATS: tuple[StatementFormat, ...] = get_args(StatementFormat)
_PAGE = 5000
_SCHEMA = pa.schema([
    ("order", pa.string()), ("partner", pa.string()), ("partner_ref", pa.string()), ("user", pa.string()),
    ("offer", pa.string()), ("action", pa.string()), ("price_fen", pa.int64()), ("period", pa.string()),
    ("state", pa.string()), ("channel", pa.string()), ("created_at", pa.timestamp("us", "UTC")),
    ("updated_at", pa.timestamp("us", "UTC")),
])  # fmt: skip

Line = tuple[Any, ...]
"""One order, in the order of the schema."""


class Manifest(msgspec.Struct, frozen=True):
    """What a statement holds."""

    file: str
    rows: int
    sha256: str


class _Writer(Protocol):
    def write(self, lines: Sequence[Line]) -> None: ...

    def close(self) -> None: ...


async def write_statement(
    store: Store, target: Path, form: StatementFormat, begin: datetime, end: datetime, partner_id: str | None
) -> Manifest:
    """Write the orders placed from `begin` on and before `end`, of a partner or of everybody, in the order they came.

    The file appears whole or not at all; the manifest is beside it, as FILE.manifest.json. It holds no phone numbers and
    no subscribers' numbers: a partner's user is named as that partner names it.
    """
    part = target.with_name(target.name + ".part")
    writer, rows = _WRITERS[form](part), 0
    try:
        async for page in _pages(store, begin, end, partner_id):
            writer.write(page)
            rows += len(page)
    finally:
        writer.close()
    with part.open("r+b") as file:
        os.fsync(file.fileno())
        manifest = Manifest(target.name, rows, hashlib.file_digest(file, "sha256").hexdigest())
    part.replace(target)
    target.with_name(target.name + ".manifest.json").write_bytes(msgspec.json.encode(manifest) + b"\n")
    return manifest


async def _pages(store: Store, begin: datetime, end: datetime, partner_id: str | None) -> AsyncIterator[list[Line]]:
    last, stop = first_id(begin), first_id(end)
    while page := await store.read(_page, last, stop, partner_id):
        yield page
        last = page[-1][0]


def _page(connection: Connection, last: str, stop: str, partner_id: str | None) -> list[Line]:
    query = select(
        orders.c.id, orders.c.partner_id, orders.c.partner_ref, orders.c.account, orders.c.offer_code, orders.c.action,
        orders.c.price_fen, orders.c.period, orders.c.state, orders.c.channel, orders.c.created_at, orders.c.updated_at,
    ).where(orders.c.id > last, orders.c.id < stop)  # fmt: skip
    # What was tried out in a sandbox is in its partner's statement, and in none of the operator's.
    query = query.where(~orders.c.sandbox if partner_id is None else orders.c.partner_id == partner_id)
    rows = connection.execute(query.order_by(orders.c.id).limit(_PAGE))
    return [(*row[:3], _user(row.account), *row[4:]) for row in rows]


def _user(account: str) -> str | None:
    return account.split(":", 2)[2] if partner_of(account) is not None else None


class _Csv:
    def __init__(self, path: Path) -> None:
        self._file = path.open("w", newline="")
        self._writer = csv.writer(self._file)
        self._writer.writerow(_SCHEMA.names)

    def write(self, lines: Sequence[Line]) -> None:
        self._writer.writerows([_as_text(value) for value in line] for line in lines)

    def close(self) -> None:
        self._file.close()


class _Ndjson:
    def __init__(self, path: Path) -> None:
        self._file = path.open("wb")

    def write(self, lines: Sequence[Line]) -> None:
        rows = [dict(zip(_SCHEMA.names, line, strict=True)) for line in lines]
        self._file.write(b"".join(msgspec.json.encode(row) + b"\n" for row in rows))

    def close(self) -> None:
        self._file.close()


class _Parquet:
    def __init__(self, path: Path) -> None:
        self._writer = pq.ParquetWriter(path, _SCHEMA)

    def write(self, lines: Sequence[Line]) -> None:
        columns = zip(*lines, strict=True)
        arrays = [pa.array(column, field.type) for column, field in zip(columns, _SCHEMA, strict=True)]
        self._writer.write_table(pa.table(arrays, schema=_SCHEMA))

    def close(self) -> None:
        self._writer.close()


_WRITERS: dict[StatementFormat, Callable[[Path], _Writer]] = {"csv": _Csv, "ndjson": _Ndjson, "parquet": _Parquet}


def _as_text(value: Any) -> Any:
    return value.isoformat() if isinstance(value, datetime) else value
