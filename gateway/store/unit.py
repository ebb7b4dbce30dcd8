"""The unit of work: changes recorded by a capability and committed together, or not at all."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from operator import itemgetter
from typing import Any, NamedTuple

from sqlalchemy import Connection, Dialect, LargeBinary, Table, bindparam, delete, insert, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.sql import ClauseElement

from gateway.store.columns import Instant, microseconds


class Clash(Exception):
    """A unique constraint refused the unit: somebody else was first. Read again and decide again."""


Shape = tuple[str, Table, tuple[str, ...], tuple[str, ...]]
"""How a row is written: kind, table, columns that choose rows, columns that are set."""


class Change(NamedTuple):
    """One row to write: `shape` says how (and groups alike rows), `values` are those of its columns, in its order."""

    shape: Shape
    values: tuple[Any, ...]


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
        self.changes.append(Change(("insert", table, (), tuple(values)), tuple(values.values())))

    def insert_row(self, table: Table, columns: tuple[str, ...], values: tuple[Any, ...]) -> None:
        """Add a row whose values stand in the order of `columns`: for what is written by the thousand."""
        self.changes.append(Change(("insert", table, (), columns), values))

    def insert_missing(self, table: Table, /, **values: Any) -> None:
        """Add a row unless one with the same key is there already."""
        self.changes.append(Change(("insert_missing", table, (), tuple(values)), tuple(values.values())))

    def upsert(self, table: Table, /, **values: Any) -> None:
        """Add a row, or overwrite the one with the same primary key."""
        self.changes.append(Change(("upsert", table, (), tuple(values)), tuple(values.values())))

    def update(self, table: Table, key: dict[str, Any], /, **values: Any) -> None:
        """Set columns of the rows whose columns equal `key`."""
        shape: Shape = ("update", table, tuple(key), tuple(values))
        self.changes.append(Change(shape, (*key.values(), *values.values())))

    def delete(self, table: Table, /, **key: Any) -> None:
        """Remove the rows whose columns equal `key`."""
        self.changes.append(Change(("delete", table, tuple(key), ()), tuple(key.values())))

    def extend(self, other: Unit) -> None:
        """Take over the other unit's changes."""
        self.changes.extend(other.changes)
        self.wakes_workers = self.wakes_workers or other.wakes_workers

    def __bool__(self) -> bool:
        return bool(self.changes)


class Prepared(NamedTuple):
    """A statement in the driver's own words, and how rows become its parameters."""

    sql: str
    names: tuple[str, ...]
    """Parameters in the order in which the statement takes them."""
    order: Callable[[tuple[Any, ...]], tuple[Any, ...]]
    """Puts a row's values into that order."""
    converters: tuple[tuple[int, Callable[[Any], Any]], ...]
    """Parameter → what its column type makes of a value, for those that do not go as they are."""

    def parameters(self, rows: Iterable[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
        """Rows for the driver: column by column, which for thousands of rows is a fraction of cell by cell."""
        ordered = list(map(self.order, rows))
        if not self.converters:
            return ordered
        columns: list[Iterable[Any]] = list(zip(*ordered, strict=True))
        for at, convert in self.converters:
            columns[at] = map(convert, columns[at])
        return list(zip(*columns, strict=True))


class Statements:
    """Statements by shape, compiled once and then given to the driver as they are.

    A commit writes up to a thousand rows of a few shapes. SQLAlchemy's own way to execute them costs several times what
    SQLite takes to write them, all of it while holding the interpreter.
    """

    def __init__(self, dialect: str) -> None:
        self._insert: Any = postgresql.insert if dialect == "postgresql" else sqlite.insert
        self._prepared: dict[Shape, Prepared] = {}

    def of(self, shape: Shape, dialect: Dialect) -> Prepared:
        """The statement of a shape for the connection's dialect (always the same one)."""
        prepared = self._prepared.get(shape)
        if prepared is None:
            prepared = self._prepared[shape] = self._prepare(shape, dialect)
        return prepared

    def _prepare(self, shape: Shape, dialect: Dialect) -> Prepared:
        _, table, key, values = shape
        compiled: Any = self._build(*shape).compile(dialect=dialect)
        types = {name: table.c[name].type for name in values} | {f"key_{name}": table.c[name].type for name in key}
        names = tuple(compiled.positiontup)
        given = [*(f"key_{name}" for name in key), *values]
        converters = ((at, _converter(types[name], dialect)) for at, name in enumerate(names))
        return Prepared(
            str(compiled), names, _in_order([given.index(name) for name in names]),
            tuple((at, convert) for at, convert in converters if convert is not None),
        )  # fmt: skip

    def _build(self, kind: str, table: Table, key: tuple[str, ...], values: tuple[str, ...]) -> ClauseElement:
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


def _in_order(places: Sequence[int]) -> Callable[[tuple[Any, ...]], tuple[Any, ...]]:
    if len(places) == 1:  # of one place an itemgetter makes no tuple
        return lambda values: (values[places[0]],)
    return itemgetter(*places)


def _converter(kind: Any, dialect: Dialect) -> Callable[[Any], Any] | None:
    if isinstance(kind, Instant):
        return microseconds
    if isinstance(kind, LargeBinary):
        return None  # both drivers take bytes as they are
    converter: Callable[[Any], Any] | None = kind.dialect_impl(dialect).bind_processor(dialect)
    return converter


def apply(connection: Connection, units: Iterable[Unit], statements: Statements) -> None:
    """Write the units' changes, alike rows together, in the order in which each shape first appears."""
    for shape, values in by_shape(units).items():
        statement = statements.of(shape, connection.dialect)
        connection.exec_driver_sql(statement.sql, statement.parameters(values))


def by_shape(units: Iterable[Unit]) -> dict[Shape, list[tuple[Any, ...]]]:
    """The units' rows, alike ones together, in the order in which each shape first appears."""
    rows: dict[Shape, list[tuple[Any, ...]]] = {}
    for unit in units:
        for change in unit.changes:
            rows.setdefault(change.shape, []).append(change.values)
    return rows


def wakes_workers(units: Sequence[Unit]) -> bool:
    """Whether any of the units owes work that a worker could begin at once."""
    return any(unit.wakes_workers for unit in units)
