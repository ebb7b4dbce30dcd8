"""Every query on order files."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, NamedTuple

import msgspec
from sqlalchemy import Connection, Row, func, select, update

from gateway.capabilities.exchange.schemas import FieldName, FileFormat, FileState
from gateway.capabilities.exchange.tables import order_files

OPEN: tuple[FileState, ...] = ("awaiting_content", "submitted", "running")


class StoredFile(NamedTuple):
    """One row of `order_files`."""

    id: str
    partner_id: str
    sha256: str
    bytes: int
    format: FileFormat
    columns: dict[FieldName, str]
    locale: str
    state: FileState
    position: int
    line: int
    placed: int
    refused: int
    result_bytes: int
    read_bytes: int
    problem: str | None
    created_at: datetime
    updated_at: datetime
    finished_at: datetime | None


def get_file(connection: Connection, file_id: str, partner_id: str | None = None) -> StoredFile | None:
    """One file; with `partner_id`, only if it is that partner's."""
    query = select(order_files).where(order_files.c.id == file_id)
    if partner_id is not None:
        query = query.where(order_files.c.partner_id == partner_id)
    return _stored(connection.execute(query).one_or_none())


def get_by_content(connection: Connection, partner_id: str, sha256: str) -> StoredFile | None:
    """The partner's file of this content."""
    query = select(order_files).where(order_files.c.partner_id == partner_id, order_files.c.sha256 == sha256)
    return _stored(connection.execute(query).one_or_none())


def list_files(
    connection: Connection, partner_id: str | None, state: str | None, cursor: str | None, limit: int
) -> list[StoredFile]:
    """Up to `limit` files, newest first, from the one before `cursor`; of one partner or of all."""
    query = select(order_files).order_by(order_files.c.id.desc()).limit(limit)
    if partner_id is not None:
        query = query.where(order_files.c.partner_id == partner_id)
    if state is not None:
        query = query.where(order_files.c.state == state)
    if cursor is not None:
        query = query.where(order_files.c.id < cursor)
    return [stored for row in connection.execute(query) if (stored := _stored(row)) is not None]


def count_files(connection: Connection, partner_id: str, now: datetime) -> tuple[int, int]:
    """(open files of the partner, files it handed in during the last 24 hours)."""
    mine = select(
        func.count().filter(order_files.c.state.in_(OPEN)),
        func.count().filter(order_files.c.created_at > now - timedelta(hours=24)),
    ).where(order_files.c.partner_id == partner_id)
    row = connection.execute(mine).one()
    return row[0], row[1]


def change_state(
    connection: Connection, file_id: str, before: tuple[FileState, ...], after: FileState, now: datetime,
    problem: str | None = None,
) -> bool:  # fmt: skip
    """Move a file on, if it is in one of the states `before`; whether it was."""
    moved = update(order_files).where(order_files.c.id == file_id, order_files.c.state.in_(before))
    ended = None if after in OPEN else now
    values = {"state": after, "updated_at": now, "finished_at": ended, "problem": problem}
    return connection.execute(moved.values(values)).rowcount == 1


def _stored(row: Row[Any] | None) -> StoredFile | None:
    if row is None:
        return None
    return StoredFile(**{**row._asdict(), "columns": msgspec.json.decode(row.columns)})
