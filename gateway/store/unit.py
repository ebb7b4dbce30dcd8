"""The unit of work: changes recorded by a capability and committed together, or not at all."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from operator import itemgetter
from typing import Any, NamedTuple

from sqlalchemy import Boolean, Connection, Dialect, LargeBinary, Table, bindparam, delete, insert, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.sql import ClauseElement

from gateway.store.columns import Instant, microseconds


class Clash(Exception):
    """A unique constraint refused the unit: somebody else was first. Read again and decide again."""


@dataclass(frozen=True, eq=False)
class Shape:
    """How a row is written. There is one object for each way, so that telling two apart costs nothing."""

    kind: str
    table: Table
    key: tuple[str, ...]
    """Columns that choose rows."""
    columns: tuple[str, ...]
    """Columns that are set."""


_shape = cache(Shape)


def row_of(table: Table, columns: Sequence[str]) -> Shape:
    """The shape of a new row that gives these columns: for what is written by the thousand."""
    return _shape("insert", table, (), tuple(columns))


Rows = dict[Shape, list[tuple[Any, ...]]]
"""Alike rows together, in the order in which each shape first appeared."""


class Unit:
    """Rows to insert, update and delete in one transaction.

    Nothing is read or locked: where two units must not both succeed, each inserts a row under the same unique
    constraint and the later one gets `Clash`. Updates and deletes are therefore unconditional.
    """

    __slots__ = ("durable", "rows", "wakes_workers")

    def __init__(self, *, durable: bool = True) -> None:
        """A unit that is not `durable` outlives the process, but not surely a power cut; it waits for no disk."""
        self.rows: Rows = defaultdict(list)
        self.durable = durable
        self.wakes_workers = False

    def insert(self, table: Table, /, **values: Any) -> None:
        """Add a row; a row with the same key makes the whole unit clash."""
        self.rows[_shape("insert", table, (), tuple(values))].append(tuple(values.values()))

    def insert_row(self, shape: Shape, values: tuple[Any, ...]) -> None:
        """Add a row whose values stand in the order of the shape's columns (`row_of`)."""
        self.rows[shape].append(values)

    def insert_missing(self, table: Table, /, **values: Any) -> None:
        """Add a row unless one with the same key is there already."""
        self.rows[_shape("insert_missing", table, (), tuple(values))].append(tuple(values.values()))

    def upsert(self, table: Table, /, **values: Any) -> None:
        """Add a row, or overwrite the one with the same primary key."""
        self.rows[_shape("upsert", table, (), tuple(values))].append(tuple(values.values()))

    def update(self, table: Table, key: dict[str, Any], /, **values: Any) -> None:
        """Set columns of the rows whose columns equal `key`."""
        shape = _shape("update", table, tuple(key), tuple(values))
        self.rows[shape].append((*key.values(), *values.values()))

    def delete(self, table: Table, /, **key: Any) -> None:
        """Remove the rows whose columns equal `key`."""
        self.rows[_shape("delete", table, tuple(key), ())].append(tuple(key.values()))

    def extend(self, other: Unit) -> None:
        """Take over the other unit's changes."""
        for shape, rows in other.rows.items():
            self.rows[shape] += rows
        self.wakes_workers = self.wakes_workers or other.wakes_workers

    def mark(self) -> Mapping[Shape, int]:
        """What is recorded so far, for `back_to`."""
        return {shape: len(rows) for shape, rows in self.rows.items()}

    def back_to(self, mark: Mapping[Shape, int]) -> None:
        """Drop what was recorded since the mark was taken."""
        for shape, rows in self.rows.items():
            del rows[mark.get(shape, 0) :]

    def __bool__(self) -> bool:
        return any(self.rows.values())


_TRUTHS = {True: 1, False: 0}


class Prepared(NamedTuple):
    """A statement in the driver's own words, and how rows become its parameters."""

    sql: str
    names: tuple[str, ...]
    """Parameters in the order in which the statement takes them."""
    order: Callable[[tuple[Any, ...]], tuple[Any, ...]] | None
    """Puts a row's values into that order; None where they are in it."""
    converters: tuple[tuple[int, Callable[[Any], Any]], ...]
    """Parameter → what its column type makes of a value, for those that do not go as they are."""

    def parameters(self, rows: Iterable[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
        """Rows for the driver: column by column, which for thousands of rows is a fraction of cell by cell."""
        ordered = rows if self.order is None else list(map(self.order, rows))
        if not self.converters:
            return list(ordered)
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

    def needed(self, unit: Unit, dialect: Dialect) -> Iterator[tuple[Shape, Prepared, list[tuple[Any, ...]]]]:
        """What writes the unit: for each of its shapes the statement and the rows as its parameters."""
        for shape, values in unit.rows.items():
            if values:
                statement = self.of(shape, dialect)
                yield shape, statement, statement.parameters(values)

    def _prepare(self, shape: Shape, dialect: Dialect) -> Prepared:
        table, key, values = shape.table, shape.key, shape.columns
        compiled: Any = self._build(shape.kind, table, key, values).compile(dialect=dialect)
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


def _in_order(places: Sequence[int]) -> Callable[[tuple[Any, ...]], tuple[Any, ...]] | None:
    if places == list(range(len(places))):
        return None
    if len(places) == 1:  # of one place an itemgetter makes no tuple
        return lambda values: (values[places[0]],)
    return itemgetter(*places)


def _converter(kind: Any, dialect: Dialect) -> Callable[[Any], Any] | None:
    if isinstance(kind, Instant):
        return microseconds
    if isinstance(kind, LargeBinary):
        return None  # both drivers take bytes as they are
    if isinstance(kind, Boolean):
        return None if dialect.supports_native_boolean else _TRUTHS.get
    converter: Callable[[Any], Any] | None = kind.dialect_impl(dialect).bind_processor(dialect)
    return converter


def apply(connection: Connection, units: Iterable[Unit], statements: Statements) -> None:
    """Write the units' changes, alike rows together, in the order in which each shape first appears."""
    together = Unit()
    for unit in units:
        together.extend(unit)
    for _, statement, rows in statements.needed(together, connection.dialect):
        connection.exec_driver_sql(statement.sql, rows)


def wakes_workers(units: Sequence[Unit]) -> bool:
    """Whether any of the units owes work that a worker could begin at once."""
    return any(unit.wakes_workers for unit in units)
