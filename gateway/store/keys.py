"""`column` is one of these keys, as one statement however many they are, so that it is compiled and prepared only once.

The keys travel as one JSON text: `where(among(table.c.account, "accounts"))` with `{"accounts": packed(accounts)}`.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import msgspec
from sqlalchemy import ColumnElement, Integer, Text, bindparam
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import FunctionElement
from sqlalchemy.types import NullType


class _Among(FunctionElement[Any]):
    name = "among"
    type = NullType()  # of a truth SQLAlchemy asks SQLite whether it is 1, and then no index is looked at
    inherit_cache = True


@compiles(_Among, "sqlite")
def _on_sqlite(element: _Among, compiler: Any, **options: Any) -> str:
    column, keys = (compiler.process(one, **options) for one in element.clauses)
    return f"{column} IN (SELECT value FROM json_each({keys}))"  # noqa: S608 - compiled, with a parameter's name


@compiles(_Among, "postgresql")
def _on_postgresql(element: _Among, compiler: Any, **options: Any) -> str:
    # An array leads to the column's index, whatever the planner believes of the table. Joined with a set of keys, a table
    # that has grown since its statistics were made is read from end to end.
    column, keys = (compiler.process(one, **options) for one in element.clauses)
    kind = "BIGINT" if isinstance(next(iter(element.clauses)).type, Integer) else "TEXT"
    values = f"SELECT CAST(value AS {kind}) FROM json_array_elements_text(CAST({keys} AS JSON))"  # noqa: S608 - as above
    return f"{column} = ANY (ARRAY({values}))"


def among(column: ColumnElement[Any], name: str) -> ColumnElement[Any]:
    """Whether the text or integer column is one of the keys in parameter `name`."""
    return _Among(column, bindparam(name, type_=Text))


def packed(keys: Iterable[str] | Iterable[int]) -> str:
    """Keys as the parameter takes them."""
    return msgspec.json.encode(list(keys)).decode()
