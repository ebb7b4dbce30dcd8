"""Rows as a CSV, NDJSON or Parquet file that appears whole or not at all, with a manifest that counts and digests."""

from __future__ import annotations

import csv
import hashlib
import os
from collections.abc import AsyncIterator, Callable, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, Literal, Protocol, get_args

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq

FileFormat = Literal["csv", "ndjson", "parquet"]
FORMATS: tuple[FileFormat, ...] = get_args(FileFormat)

Line = tuple[Any, ...]
"""One row, in the order of the schema."""


class Manifest(msgspec.Struct, frozen=True):
    """What a file holds."""

    file: str
    rows: int
    sha256: str


class _Writer(Protocol):
    def write(self, lines: Sequence[Line]) -> None: ...

    def close(self) -> None: ...


async def write_file(
    target: Path, form: FileFormat, schema: pa.Schema, pages: AsyncIterator[Sequence[Line]], token: str = ""
) -> Manifest:
    """Write pages of rows; the manifest is beside the file, as FILE.manifest.json. `token` tells two who write at once apart."""
    part = target.with_name(f"{target.name}{token}.part")
    writer, rows = _WRITERS[form](part, schema), 0
    try:
        async for page in pages:
            writer.write(page)
            rows += len(page)
    finally:
        writer.close()
    with part.open("r+b") as file:
        os.fsync(file.fileno())
        manifest = Manifest(target.name, rows, hashlib.file_digest(file, "sha256").hexdigest())
    part.replace(target)
    target.with_name(target.name + ".manifest.json").write_bytes(msgspec.json.encode(manifest) + b"\n")
    return manifest


class _Csv:
    def __init__(self, path: Path, schema: pa.Schema) -> None:
        self._file = path.open("w", newline="")
        self._writer = csv.writer(self._file)
        self._writer.writerow(schema.names)

    def write(self, lines: Sequence[Line]) -> None:
        self._writer.writerows([_as_text(value) for value in line] for line in lines)

    def close(self) -> None:
        self._file.close()


class _Ndjson:
    def __init__(self, path: Path, schema: pa.Schema) -> None:
        self._file = path.open("wb")
        self._names = schema.names

    def write(self, lines: Sequence[Line]) -> None:
        rows = [dict(zip(self._names, line, strict=True)) for line in lines]
        self._file.write(b"".join(msgspec.json.encode(row) + b"\n" for row in rows))

    def close(self) -> None:
        self._file.close()


class _Parquet:
    def __init__(self, path: Path, schema: pa.Schema) -> None:
        self._schema = schema
        self._writer = pq.ParquetWriter(path, schema)

    def write(self, lines: Sequence[Line]) -> None:
        columns = zip(*lines, strict=True)
        arrays = [pa.array(column, field.type) for column, field in zip(columns, self._schema, strict=True)]
        self._writer.write_table(pa.table(arrays, schema=self._schema))

    def close(self) -> None:
        self._writer.close()


_WRITERS: dict[FileFormat, Callable[[Path, pa.Schema], _Writer]] = {"csv": _Csv, "ndjson": _Ndjson, "parquet": _Parquet}


def _as_text(value: Any) -> Any:
    return value.isoformat() if isinstance(value, datetime) else value
