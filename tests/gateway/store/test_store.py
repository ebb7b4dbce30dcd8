"""Units, group commit and coalesced reads, on both databases."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from typing import Any

import asyncpg
import pytest
from sqlalchemy import Column, Connection, Integer, MetaData, String, Table, select
from sqlalchemy.exc import TimeoutError as PoolTimeout

from gateway.store import Clash, Loader, Store, StoreUnavailable, Unit, open_store, row_of

tables = MetaData()
things = Table("things", tables, Column("id", Integer, primary_key=True), Column("name", String(50), nullable=False))


@pytest.fixture
async def store(empty_database_url: str) -> AsyncIterator[Store]:
    opened = open_store(empty_database_url)
    await opened.write(tables.create_all)
    yield opened
    await opened.close()


def names(connection: Connection) -> dict[int, str]:
    return {row.id: row.name for row in connection.execute(select(things))}


def thing(number: int, name: str) -> Unit:
    unit = Unit()
    unit.insert(things, id=number, name=name)
    return unit


async def test_of_units_committed_at_once_only_the_clashing_one_fails(store: Store) -> None:
    await store.commit(thing(1, "first"))
    outcomes = await asyncio.gather(
        *(store.commit(thing(number, f"thing {number}")) for number in (2, 1, 3)), return_exceptions=True
    )
    assert [type(outcome) for outcome in outcomes] == [type(None), Clash, type(None)]
    assert await store.read(names) == {1: "first", 2: "thing 2", 3: "thing 3"}


async def test_a_clashing_unit_leaves_nothing_behind(store: Store) -> None:
    await store.commit(thing(1, "first"))
    both = thing(2, "second")
    both.extend(thing(1, "again"))
    with pytest.raises(Clash):
        await store.commit(both)
    assert await store.read(names) == {1: "first"}


async def test_of_two_units_in_one_batch_that_want_one_key_exactly_one_wins(store: Store) -> None:
    outcomes = await asyncio.gather(
        *(store.commit(thing(7, f"try {number}")) for number in range(10)), return_exceptions=True
    )
    assert sum(outcome is None for outcome in outcomes) == 1
    assert len(await store.read(names)) == 1


async def test_a_unit_inserts_upserts_updates_and_deletes(store: Store) -> None:
    await store.commit(thing(1, "one"))
    unit = Unit()
    unit.upsert(things, id=1, name="uno")
    unit.upsert(things, id=2, name="dos")
    unit.insert_missing(things, id=2, name="ignored")
    unit.update(things, {"id": 2}, name="two")
    unit.insert(things, id=3, name="three")
    unit.delete(things, id=1)
    await store.commit(unit)
    assert await store.read(names) == {2: "two", 3: "three"}


@pytest.mark.parametrize("number", [1, 15, 16, 333, 4000])
async def test_thousands_of_rows_are_written_whole_or_not_at_all(store: Store, number: int) -> None:
    def rename(connection: Connection) -> None:
        connection.execute(things.update().values(name="told first"))

    await store.commit(thing(0, "there"))
    many, wide = Unit(), row_of(things, ("name", "id"))
    for at in range(1, number + 1):
        many.insert_row(wide, (f"thing {at}", at))
    await store.commit_many(many, rename)
    assert await store.read(names) == {0: "told first"} | {at: f"thing {at}" for at in range(1, number + 1)}
    again = Unit()
    for at in (*range(number + 1, 2 * number + 1), number):
        again.insert(things, id=at, name="again")
    with pytest.raises(Clash):
        await store.commit_many(again, lambda connection: None)
    assert len(await store.read(names)) == number + 1


async def test_what_was_recorded_since_a_mark_is_dropped(store: Store) -> None:
    unit = thing(1, "one")
    mark = unit.mark()
    unit.insert(things, id=2, name="two")
    unit.update(things, {"id": 1}, name="another")
    unit.back_to(mark)
    await store.commit(unit)
    assert await store.read(names) == {1: "one"}
    unit.back_to({})
    assert not unit


async def test_what_nobody_waits_for_is_written_by_the_time_the_store_is_closed(empty_database_url: str) -> None:
    first = open_store(empty_database_url)
    await first.write(tables.create_all)
    first.commit_soon(thing(1, "soon"))
    await first.close()
    second = open_store(empty_database_url)
    assert await second.read(names) == {1: "soon"}
    await second.close()


async def test_a_failing_write_rolls_back_and_the_next_one_works(store: Store) -> None:
    def fails(connection: Connection) -> None:
        connection.execute(things.insert(), {"id": 1, "name": "gone"})
        raise RuntimeError("no")

    with pytest.raises(RuntimeError):
        await store.write(fails)
    await store.commit(thing(2, "kept"))
    assert await store.read(names) == {2: "kept"}


async def test_what_is_asked_for_at_once_is_one_read_and_a_later_question_sees_later_writes(store: Store) -> None:
    batches: list[Sequence[int]] = []

    def fetch(connection: Connection, keys: Sequence[int]) -> dict[int, str]:
        batches.append(keys)
        rows = connection.execute(select(things).where(things.c.id.in_(keys)))
        return {row.id: row.name for row in rows}

    await store.commit(thing(1, "one"))
    loader: Loader[int, str] = Loader(store, fetch)
    assert await asyncio.gather(*(loader.get(key) for key in (1, 2, 1))) == ["one", None, "one"]
    assert [sorted(batch) for batch in batches] == [[1, 2]]
    await store.commit(thing(2, "two"))
    assert await loader.get(2) == "two"


async def test_one_who_gives_up_takes_nobody_elses_answer_along(store: Store) -> None:
    await store.commit(thing(1, "one"))
    loader: Loader[int, str] = Loader(store, lambda connection, keys: names(connection))
    impatient, patient = asyncio.create_task(loader.get(1)), asyncio.create_task(loader.get(1))
    await asyncio.sleep(0)
    impatient.cancel()
    assert await patient == "one"


def test_another_database_is_refused_by_name() -> None:
    with pytest.raises(ValueError, match="mysql"):
        open_store("mysql://somewhere/db")


class Away:
    """Lanes to a database that cannot be connected to."""

    dialect = "postgresql"

    def __init__(self, error: Exception) -> None:
        self._error = error

    async def read(self, run: Callable[[Connection], Any]) -> Any:
        raise self._error

    async def write(self, run: Callable[[Connection], Any], *, durable: bool = True) -> Any:
        raise self._error

    async def close(self) -> None:
        pass


@pytest.mark.parametrize(
    "error",
    [
        asyncpg.CannotConnectNowError("the database system is starting up"),
        asyncpg.TooManyConnectionsError("sorry, too many clients already"),
        ConnectionRefusedError(),
        PoolTimeout("QueuePool limit reached"),
    ],
    ids=lambda error: type(error).__name__,
)
async def test_a_database_that_cannot_be_connected_to_is_unavailable(error: Exception) -> None:
    store = Store(Away(error))
    with pytest.raises(StoreUnavailable):
        await store.read(names)
    with pytest.raises(StoreUnavailable):
        await store.commit(thing(1, "first"))
    await store.close()
