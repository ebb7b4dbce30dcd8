"""The migrated schema is the one the program declares, on both databases."""

from __future__ import annotations

import asyncio

from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Connection

import bots.tables  # noqa: F401 - declares its tables
import gateway.importing.tables
import gateway.platform  # noqa: F401 - as those above: declares its tables
from gateway import migrations
from gateway.store import metadata, open_store


def differences(connection: Connection) -> list[object]:
    context = MigrationContext.configure(connection, opts={"compare_type": False})
    return list(compare_metadata(context, metadata))


async def test_the_migrated_schema_is_the_declared_one(empty_database_url: str) -> None:
    store = open_store(empty_database_url)
    assert await store.write(migrations.upgrade) is None
    assert await store.read(differences) == []
    assert await store.read(migrations.current) == migrations.newest()
    await store.close()


async def test_processes_that_start_together_migrate_once(empty_database_url: str) -> None:
    stores = [open_store(empty_database_url) for _ in range(3)]
    before = await asyncio.gather(*(store.write(migrations.upgrade) for store in stores))
    assert sorted(map(str, before)) == [str(migrations.newest())] * 2 + ["None"]
    for store in stores:
        await store.close()
