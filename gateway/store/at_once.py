"""A query's rows in one step of the driver.

SQLite's driver lets go of the interpreter at every row, and on a busy event loop waits for it again: a hundred rows are
a hundred waits. So SQLite puts the rows into one JSON text, and they are one. asyncpg has no such trouble.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
from sqlalchemy import Connection, func, select
from sqlalchemy.sql import CompoundSelect, Select

Query = Select[Any] | CompoundSelect[Any]


class AtOnce:
    """One query over plain columns (texts, numbers, truths; no bytes and no moments), whose rows come as sequences."""

    def __init__(self, query: Query) -> None:
        self._query = query
        columns = query.subquery().c
        self._packed = select(func.json_group_array(func.json_array(*columns)))

    def rows(self, connection: Connection, parameters: Mapping[str, Any]) -> Sequence[Sequence[Any]]:
        """Every row, as a sequence of its columns; truths may come as 0 and 1."""
        if connection.dialect.name != "sqlite":
            return connection.execute(self._query, parameters).all()
        text: str = connection.execute(self._packed, parameters).scalar_one()
        rows: list[list[Any]] = msgspec.json.decode(text)
        return rows
