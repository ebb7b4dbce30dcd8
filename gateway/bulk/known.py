"""Many rows looked up by key in one statement, whose text stays the same however many they are."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import msgspec
from sqlalchemy import BigInteger, Column, Connection, String, any_, bindparam, func, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.dialects.postgresql import ARRAY

from gateway.capabilities.subscribers import subscribers


def is_among(connection: Connection, column: Column[Any], values: Sequence[str] | Sequence[int]) -> Any:
    """The condition that a text or number column is one of `values`: one parameter, where IN would take one each."""
    if connection.dialect.name == "postgresql":
        kind = BigInteger() if values and isinstance(values[0], int) else String()
        return column == any_(bindparam(None, list(values), type_=ARRAY(kind)))
    listed = func.json_each(msgspec.json.encode(values).decode()).table_valued("value")
    return column.in_(select(listed.c.value))


def subscriber_ids(connection: Connection, refs: Iterable[str]) -> dict[str, int]:
    """The ids of those that exist, by ref."""
    asked = select(subscribers.c.ref, subscribers.c.id).where(is_among(connection, subscribers.c.ref, list(refs)))
    return {row.ref: row.id for row in connection.execute(asked)}


def upsert(connection: Connection) -> Any:
    """`insert` of the connection's own database, which knows ON CONFLICT."""
    return postgresql.insert if connection.dialect.name == "postgresql" else sqlite.insert
