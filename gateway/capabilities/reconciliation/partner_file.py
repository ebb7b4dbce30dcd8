"""A partner's own account of a day: read as it comes, given back in the order of order numbers."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa

from gateway.capabilities.reconciliation.differences import Partners
from gateway.importing.fields import Field, fit, mapping_for
from gateway.importing.mapping import SourceMapping
from gateway.importing.reading import Source

_FIELDS = (
    Field("order", "text", required=True, longest=64),
    Field("state", "text", longest=24),
    Field("offer", "text", longest=60),
    Field("price_fen", "number"),
)
_SLICE = 2000


class PartnerFile:
    """The file's lines, sorted on disk; memory does not grow with it. Its methods block."""

    def __init__(self, file: Path, folder: Path, mapping: SourceMapping | None = None) -> None:
        """Read the file; `folder` is where DuckDB may put what does not fit in memory.

        Raises:
            ImportRefused: it cannot be read.
        """
        import duckdb  # noqa: PLC0415 - half a second of every start, for what is read once a day at most

        self.unreadable: list[tuple[int, str]] = []
        """Lines that are none, with the reason; the first thousand."""
        self._db = duckdb.connect(
            ":memory:", config={"temp_directory": str(folder), "memory_limit": "256MB", "threads": "1"}
        )
        self._db.execute('CREATE TABLE lines ("order" VARCHAR, state VARCHAR, offer VARCHAR, price_fen DOUBLE)')
        given = mapping or SourceMapping()
        plain = not given.fields and given.kind_of(file) != "ndjson"
        fields = mapping_for(_FIELDS, mapping, list(Source(file, given, ()).columns) if plain else None)
        wanted = [one.column for one in fields.fields.values() if one.column is not None]
        for chunk in Source(file, fields, wanted).chunks():
            fitted = fit(_FIELDS, fields, chunk.columns, len(chunk.lines))
            rows = pa.table(fitted.columns)  # named in the statement below
            self._note([(one.line, one.reason) for one in chunk.broken])
            self._note([(chunk.lines[at], reason) for at, reason in fitted.problems.items()])
            rows = rows.take([at for at in range(len(chunk.lines)) if at not in fitted.problems])
            self._db.register("rows", rows)
            self._db.execute('INSERT INTO lines SELECT "order", state, offer, price_fen FROM rows')
            self._db.unregister("rows")

    def lines(self) -> Iterator[list[tuple[str, Partners]]]:
        """Slices of lines by order number; of lines with one number the last."""
        found = self._db.execute(
            'SELECT "order", last(state), last(offer), last(price_fen) FROM lines GROUP BY "order" ORDER BY "order"'
        )
        while rows := found.fetchmany(_SLICE):
            yield [
                (number, Partners(state, offer, None if price is None else round(price)))
                for number, state, offer, price in rows
            ]

    def close(self) -> None:
        """Let go of it."""
        self._db.close()

    def _note(self, lines: list[tuple[int, str]]) -> None:
        self.unreadable += lines[: 1000 - len(self.unreadable)]
