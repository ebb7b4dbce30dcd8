"""`column IN (these keys)` as one statement however many they are, so that it is compiled and prepared only once.

The keys travel as one JSON text: `where(table.c.account.in_(texts("accounts")))` with `{"accounts": packed(accounts)}`.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import msgspec
from sqlalchemy import BigInteger, Select, Text, bindparam, cast, select
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import FunctionElement


class _Elements(FunctionElement[Any]):
    name = "elements"
    inherit_cache = True


@compiles(_Elements, "sqlite")
def _on_sqlite(element: _Elements, compiler: Any, **options: Any) -> str:
    return f"json_each({compiler.process(element.clauses, **options)})"


@compiles(_Elements, "postgresql")
def _on_postgresql(element: _Elements, compiler: Any, **options: Any) -> str:
    return f"json_array_elements_text(CAST({compiler.process(element.clauses, **options)} AS JSON))"


def texts(name: str) -> Select[tuple[str]]:
    """The texts in parameter `name`."""
    return select(_elements(name).c.value)


def numbers(name: str) -> Select[tuple[int]]:
    """The integers in parameter `name`."""
    return select(cast(_elements(name).c.value, BigInteger))


def packed(keys: Iterable[str] | Iterable[int]) -> str:
    """Keys as the parameter takes them."""
    return msgspec.json.encode(list(keys)).decode()


def _elements(name: str) -> Any:
    return _Elements(bindparam(name, type_=Text)).table_valued("value")
