"""Rows in one step are the rows."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Boolean, Column, Integer, MetaData, String, Table, create_engine, insert, select

from gateway.store import open_store
from gateway.store.at_once import AtOnce

tables = MetaData()
things = Table(
    "things", tables, Column("id", Integer, primary_key=True), Column("name", String), Column("good", Boolean)
)
_rows = st.lists(
    st.tuples(st.none() | st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0")), st.booleans()),
    max_size=20,
)


@given(_rows)
def test_sqlite_gives_back_every_text_as_it_was(rows: list[tuple[str | None, bool]]) -> None:
    engine = create_engine("sqlite://")
    with engine.connect() as connection:
        tables.create_all(connection)
        if rows:
            connection.execute(insert(things), [{"name": name, "good": good} for name, good in rows])
        found = AtOnce(select(things.c.name, things.c.good).order_by(things.c.id)).rows(connection, {})
    engine.dispose()
    assert sorted(map(repr, found)) == sorted(repr([name, int(good)]) for name, good in rows)


async def test_both_databases_answer_alike(empty_database_url: str) -> None:
    store = open_store(empty_database_url)
    await store.write(tables.create_all)
    await store.write(lambda connection: connection.execute(insert(things), [{"name": "一", "good": True}]))
    query = AtOnce(select(things.c.name, things.c.good))
    (row,) = await store.read(query.rows, {})
    assert (row[0], bool(row[1])) == ("一", True)
    await store.close()
