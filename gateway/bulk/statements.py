"""Statements: the orders of a day as a file, written as they are read, with a manifest that says what is in it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import datetime
from pathlib import Path

import pyarrow as pa
from sqlalchemy import Connection, select

from auth.principal import partner_of
from gateway.bulk.row_files import FileFormat, Line, Manifest, write_file
from gateway.capabilities.orders import orders
from gateway.kit.ids import first_id
from gateway.store import Store

_PAGE = 5000
_SCHEMA = pa.schema([
    ("order", pa.string()), ("partner", pa.string()), ("partner_ref", pa.string()), ("user", pa.string()),
    ("offer", pa.string()), ("action", pa.string()), ("price_fen", pa.int64()), ("period", pa.string()),
    ("state", pa.string()), ("channel", pa.string()), ("created_at", pa.timestamp("us", "UTC")),
    ("updated_at", pa.timestamp("us", "UTC")),
])  # fmt: skip


async def write_statement(
    store: Store, target: Path, form: FileFormat, begin: datetime, end: datetime, partner_id: str | None
) -> Manifest:
    """Write the orders placed from `begin` on and before `end`, of a partner or of everybody, in the order they came.

    The file holds no phone numbers and no subscribers' numbers: a partner's user is named as that partner names it.
    """
    return await write_file(target, form, _SCHEMA, _pages(store, begin, end, partner_id))


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
