"""The schema's history, applied in one transaction by whoever starts first."""

from __future__ import annotations

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, text

_LOCK = 7_201_126
"""Any number, the same in every process."""


def upgrade(connection: Connection) -> str | None:
    """Bring the schema to the newest revision; the revision it was at before. Processes that start together take turns."""
    if connection.dialect.name == "postgresql":  # SQLite's writer already has the whole file
        connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _LOCK})
    before = current(connection)
    config = _config()
    config.attributes["connection"] = connection
    command.upgrade(config, "head")
    return before


def current(connection: Connection) -> str | None:
    """The revision the schema is at; None for an empty database."""
    return MigrationContext.configure(connection).get_current_revision()


def newest() -> str | None:
    """The newest revision this program knows."""
    return ScriptDirectory.from_config(_config()).get_current_head()


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent))
    return config
