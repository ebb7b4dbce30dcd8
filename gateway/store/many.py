"""Thousands of rows of one transaction, written as each database likes it best.

On PostgreSQL plain inserts go by COPY, which costs a third of statements. On SQLite hundreds of rows are one statement:
the driver lets go of the interpreter once for all of them, so others compute meanwhile, and SQLite takes two thirds of
the time that it takes row by row.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain
from typing import Any

import asyncpg
from sqlalchemy import Connection
from sqlalchemy.util import await_only

from gateway.store.unit import Clash, Prepared, Statements, Unit

_AT_ONCE = (1024, 256, 64, 16)
"""Rows of one statement, the most that are left first: a few sizes, so that statements are known again."""
_PARAMETERS = 32_766
"""What SQLite takes in one statement unless it was built otherwise."""


def apply_many(connection: Connection, unit: Unit, statements: Statements) -> None:
    """Write the unit's changes, alike rows together, in the order in which each shape first appears.

    Raises:
        Clash: a unique constraint was violated by a row that was copied in.
    """
    insert = _copy if connection.dialect.name == "postgresql" else _insert
    connection.exec_driver_sql("SELECT 1")  # the transaction begins with the first statement that SQLAlchemy sees
    for shape, statement, rows in statements.needed(unit, connection.dialect):
        if shape.kind == "insert":
            insert(connection, shape.table.name, statement, rows)
        else:
            connection.exec_driver_sql(statement.sql, rows)


def _copy(connection: Connection, table: str, statement: Prepared, rows: Sequence[tuple[Any, ...]]) -> None:
    driver: Any = connection.connection.driver_connection
    try:
        await_only(driver.copy_records_to_table(table, records=rows, columns=statement.names))
    except asyncpg.UniqueViolationError as error:
        raise Clash(str(error)) from error


def _insert(connection: Connection, _table: str, statement: Prepared, rows: Sequence[tuple[Any, ...]]) -> None:
    head, _, one = statement.sql.rpartition(" VALUES ")
    begin = 0
    for size in _AT_ONCE:
        if size * len(statement.names) > _PARAMETERS:
            continue
        while len(rows) - begin >= size:
            many = f"{head} VALUES {', '.join([one] * size)}"
            connection.exec_driver_sql(many, tuple(chain.from_iterable(rows[begin : begin + size])))
            begin += size
    if begin < len(rows):
        connection.exec_driver_sql(statement.sql, list(rows[begin:]))
