"""Rows looked up by many keys at once."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import BigInteger, Column, Connection, MetaData, String, Table, event, select

from gateway.store import open_store
from gateway.store.keys import among, packed

tables = MetaData()
things = Table(
    "keyed_things", tables, Column("id", BigInteger, primary_key=True), Column("name", String(50), unique=True)
)
BY_NAME = select(things.c.id).where(among(things.c.name, "names"), things.c.id > 0)
BY_ID = select(things.c.name).where(among(things.c.id, "ids"))


async def test_rows_are_found_by_texts_and_by_numbers(empty_database_url: str) -> None:
    store = open_store(empty_database_url)
    await store.write(tables.create_all)
    names = ["plain", 'with "quotes"', "with, comma", "中文", "{}"]
    await store.write(
        lambda connection: connection.execute(
            things.insert(), [{"id": 2**40 + at, "name": name} for at, name in enumerate(names)]
        )
    )

    def found(connection: Connection) -> tuple[set[int], set[str]]:
        ids = connection.scalars(BY_NAME, {"names": packed([*names[1:], "nobody"])})
        return set(ids), set(connection.scalars(BY_ID, {"ids": packed([2**40, 2**40 + 3, 7])}))

    assert await store.read(found) == ({2**40 + at for at in range(1, 5)}, {"plain", "中文"})
    assert await store.read(lambda connection: connection.scalars(BY_ID, {"ids": packed([])}).all()) == []
    await store.close()


@pytest.mark.parametrize(("query", "given"), [(BY_NAME, {"names": '["a"]'}), (BY_ID, {"ids": "[1]"})])
async def test_sqlite_finds_them_by_index(sqlite_url: str, query: Any, given: dict[str, str]) -> None:
    store, said = open_store(sqlite_url), list[tuple[str, Any]]()
    await store.write(tables.create_all)

    def plan(connection: Connection) -> list[str]:
        event.listen(connection, "before_cursor_execute", lambda *sent: said.append((sent[2], sent[3])))
        connection.execute(query, given).all()
        return [row[3] for row in connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {said[0][0]}", said[0][1])]

    assert any(step.startswith("SEARCH keyed_things") for step in await store.read(plan))
    await store.close()
