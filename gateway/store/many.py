"""Thousands of rows of one transaction: on PostgreSQL plain inserts go by COPY, which costs a third of statements."""

from __future__ import annotations

from typing import Any

import asyncpg
from sqlalchemy import Connection
from sqlalchemy.util import await_only

from gateway.store.unit import Clash, Statements, Unit, apply, by_shape


def apply_many(connection: Connection, unit: Unit, statements: Statements) -> None:
    """Write the unit's changes, alike rows together, in the order in which each shape first appears.

    Raises:
        Clash: a unique constraint was violated by a row that was copied in.
    """
    if connection.dialect.name != "postgresql":
        apply(connection, [unit], statements)
        return
    driver: Any = connection.connection.driver_connection
    connection.exec_driver_sql("SELECT 1")  # the transaction begins with the first statement that SQLAlchemy sees
    for shape, values in by_shape([unit]).items():
        kind, table, _, _ = shape
        statement = statements.of(shape, connection.dialect)
        rows = statement.parameters(values)
        if kind != "insert":
            connection.exec_driver_sql(statement.sql, rows)
            continue
        try:
            await_only(driver.copy_records_to_table(table.name, records=rows, columns=statement.names))
        except asyncpg.UniqueViolationError as error:
            raise Clash(str(error)) from error
