"""The unit of work: changes recorded by a capability and committed together, or not at all."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from sqlalchemy import Connection, Table, bindparam, delete, insert, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.sql import Executable


class Clash(Exception):
    """A unique constraint refused the unit: somebody else was first. Read again and decide again."""


class Change(NamedTuple):
    """One row to write: `shape` says how (and groups alike rows), `values` are the statement's parameters."""

    shape: tuple[str, Table, tuple[str, ...], tuple[str, ...]]
    values: dict[str, Any]


class Unit:
    """Rows to insert, update and delete in one transaction.

    Nothing is read or locked: where two units must not both succeed, each inserts a row under the same unique
    constraint and the later one gets `Clash`. Updates and deletes are therefore unconditional.
    """

    __slots__ = ("changes", "durable", "wakes_workers")

    def __init__(self, *, durable: bool = True) -> None:
        """A unit that is not `durable` outlives the process, but not surely a power cut; it waits for no disk."""
        self.changes: list[Change] = []
        self.durable = durable
        self.wakes_workers = False

    def insert(self, table: Table, /, **values: Any) -> None:
        """Add a row; a row with the same key makes the whole unit clash."""
        self.changes.append(Change(("insert", table, (), tuple(values)), values))

    def insert_missing(self, table: Table, /, **values: Any) -> None:
        """Add a row unless one with the same key is there already."""
        self.changes.append(Change(("insert_missing", table, (), tuple(values)), values))

    def upsert(self, table: Table, /, **values: Any) -> None:
        """Add a row, or overwrite the one with the same primary key."""
        self.changes.append(Change(("upsert", table, (), tuple(values)), values))

    def update(self, table: Table, key: dict[str, Any], /, **values: Any) -> None:
        """Set columns of the rows whose columns equal `key`."""
        parameters = {f"key_{name}": value for name, value in key.items()} | values
        self.changes.append(Change(("update", table, tuple(key), tuple(values)), parameters))

    def delete(self, table: Table, /, **key: Any) -> None:
        """Remove the rows whose columns equal `key`."""
        parameters = {f"key_{name}": value for name, value in key.items()}
        self.changes.append(Change(("delete", table, tuple(key), ()), parameters))

    def extend(self, other: Unit) -> None:
        """Take over the other unit's changes."""
        self.changes.extend(other.changes)
        self.wakes_workers = self.wakes_workers or other.wakes_workers

    def __bool__(self) -> bool:
        return bool(self.changes)


class Statements:
    """Statements by shape, built once: SQLAlchemy then compiles each only once as well."""

    def __init__(self, dialect: str) -> None:
        self._insert: Any = postgresql.insert if dialect == "postgresql" else sqlite.insert
        self._built: dict[tuple[str, Table, tuple[str, ...], tuple[str, ...]], Executable] = {}

    def of(self, shape: tuple[str, Table, tuple[str, ...], tuple[str, ...]]) -> Executable:
        statement = self._built.get(shape)
        if statement is None:
            statement = self._built[shape] = self._build(*shape)
        return statement

    def _build(self, kind: str, table: Table, key: tuple[str, ...], values: tuple[str, ...]) -> Executable:
        matches = [table.c[name] == bindparam(f"key_{name}", type_=table.c[name].type) for name in key]
        if kind == "insert":
            return insert(table).values({name: bindparam(name, type_=table.c[name].type) for name in values})
        if kind == "update":
            return update(table).where(*matches).values({name: bindparam(name) for name in values})
        if kind == "delete":
            return delete(table).where(*matches)
        row: Any = self._insert(table).values({name: bindparam(name) for name in values})
        if kind == "insert_missing":
            return row.on_conflict_do_nothing()  # type: ignore[no-any-return] # both dialects' inserts, typed as Any
        primary = [column.name for column in table.primary_key]
        return row.on_conflict_do_update(  # type: ignore[no-any-return] # as above
            index_elements=primary, set_={name: row.excluded[name] for name in values if name not in primary}
        )


def apply(connection: Connection, units: Iterable[Unit], statements: Statements) -> None:
    """Write the units' changes, alike rows together, in the order in which each shape first appears."""
    rows: dict[tuple[str, Table, tuple[str, ...], tuple[str, ...]], list[dict[str, Any]]] = {}
    for unit in units:
        for change in unit.changes:
            rows.setdefault(change.shape, []).append(change.values)
    for shape, values in rows.items():
        connection.execute(statements.of(shape), values)


def wakes_workers(units: Sequence[Unit]) -> bool:
    """Whether any of the units owes work that a worker could begin at once."""
    return any(unit.wakes_workers for unit in units)
