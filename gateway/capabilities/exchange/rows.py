"""Order files row by row: each either a request to place an order or a reason why it is none."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow.parquet as pq

from gateway.capabilities.exchange.repository import StoredFile
from gateway.capabilities.exchange.schemas import FIELD_NAMES
from gateway.importing.fields import Field, fit, mapping_for
from gateway.importing.mapping import Expression, SourceMapping
from gateway.importing.reading import Source
from gateway.importing.refusal import ImportRefused

FIELDS: tuple[Field, ...] = tuple(
    Field(name, "text", required=name in ("user", "offer"), longest=100 if name == "user" else 200)
    for name in FIELD_NAMES
)
"""As texts: what they hold is checked with the order."""
_MOST_COLUMNS = 200
_LARGEST_ROW_GROUP = 1 << 30
"""Bytes of one Parquet row group, unpacked."""


class Row(NamedTuple):
    """One line of an order file."""

    line: int
    fields: dict[str, str]
    """Those that are given."""
    problem: str | None = None
    """Why it is no order; None when it is one."""


class RowBatch(NamedTuple):
    """Lines in a row."""

    records: int
    """Records of the file that these are, with blank ones."""
    rows: list[Row]
    read_bytes: int


def read_rows(file: StoredFile, path: Path, size: int) -> Iterator[RowBatch]:
    """The file from where it was left on, `size` records at a time. It blocks.

    Raises:
        ImportRefused: the file as a whole, or the rest of it, cannot be read.
    """
    mapping = _mapping(file, path)
    source = Source(path, mapping, [one.column for one in mapping.fields.values() if one.column is not None])
    if file.format == "parquet":
        _refuse_huge(path)
    whole = max(source.size, 1)
    for chunk in source.chunks(file.position, size):
        fitted = fit(FIELDS, mapping, chunk.columns, len(chunk.lines))
        names, columns = list(fitted.columns), [column.to_pylist() for column in fitted.columns.values()]
        rows = [
            Row(line, {name: value for name, value in zip(names, values, strict=True) if value is not None})
            for line, values in zip(chunk.lines, zip(*columns, strict=True), strict=True)
        ]
        for at, problem in fitted.problems.items():
            rows[at] = rows[at]._replace(problem=problem)
        if chunk.broken:
            rows += [Row(one.line, {}, one.reason) for one in chunk.broken]
            rows.sort(key=lambda row: row.line)
        yield RowBatch(
            chunk.records, [row for row in rows if row.line > file.line], file.bytes * min(chunk.done, whole) // whole
        )


def _mapping(file: StoredFile, path: Path) -> SourceMapping:
    named = {field.name: file.columns.get(field.name, field.name) for field in FIELDS}
    there = named
    if not file.format.startswith("ndjson"):
        columns = Source(path, SourceMapping(), ()).columns
        if len(columns) > _MOST_COLUMNS:
            raise ImportRefused(f"there are {len(columns)} columns; {_MOST_COLUMNS} at most")
        there = {field: column for field, column in named.items() if column in columns or field in file.columns}
    return mapping_for(
        FIELDS, SourceMapping(fields={field: Expression(column) for field, column in there.items()}), None
    )


def _refuse_huge(path: Path) -> None:
    metadata: Any = pq.read_metadata(path)
    for number in range(metadata.num_row_groups):
        if metadata.row_group(number).total_byte_size > _LARGEST_ROW_GROUP:
            raise ImportRefused(f"row group {number} is larger than {_LARGEST_ROW_GROUP} bytes; write smaller ones")
