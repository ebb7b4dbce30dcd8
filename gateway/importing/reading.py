"""Files as chunks of text columns, record by record in the order they are written; memory does not grow with the file.

A place in a file is the number of records before it: reading again from a place gives the same records again.
"""

from __future__ import annotations

import codecs
import csv
import gzip
import io
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, NamedTuple

import msgspec
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from gateway.importing.mapping import SourceMapping
from gateway.importing.refusal import ImportRefused

CHUNK = 20_000
"""Records read at once."""

LIST_SEPARATOR = "\x1f"
"""Between the entries of a list that the source itself wrote as one."""

WHOLE = "*"
"""The column that is the whole record as JSON; only NDJSON has it."""

_LONGEST_LINE = 4 * 1024 * 1024


class Broken(NamedTuple):
    """A record that could not be read."""

    line: int
    reason: str
    row: Any


class Chunk(NamedTuple):
    """Records in a row."""

    records: int
    """How many places of the file these are, with broken and blank ones."""
    lines: list[int]
    """The line each readable record begins on, from 1; in Parquet its row."""
    columns: dict[str, pa.Array]
    """Text columns; empty cells are null."""
    broken: list[Broken]
    done: int
    """How far the file is read: bytes, in Parquet rows."""


class Source:
    """One file, read as its mapping says."""

    def __init__(self, file: Path, mapping: SourceMapping, wanted: Sequence[str] | None) -> None:
        """`wanted` are the columns needed; None takes those that are there.

        Raises:
            ImportRefused: the file is not there, cannot be read that way, or lacks a wanted column.
        """
        if not file.is_file():
            raise ImportRefused(f"there is no file {file}")
        self.file = file
        self._mapping = mapping
        self._kind = mapping.kind_of(file)
        self._wanted = wanted
        self.columns: Sequence[str] = self._find_columns()
        """The columns that chunks have."""
        missing = [name for name in wanted or () if name not in self.columns]
        if missing and self._kind != "ndjson":
            raise ImportRefused(
                f"{file.name} has no column {', '.join(missing)}; it has: {', '.join(map(str, self.columns))}"
            )

    @property
    def size(self) -> int:
        """What `Chunk.done` reaches at the end."""
        return pq.read_metadata(self.file).num_rows if self._kind == "parquet" else self.file.stat().st_size

    def chunks(self, skip: int = 0, size: int = CHUNK) -> Iterator[Chunk]:
        """The file from the place `skip` on.

        Raises:
            ImportRefused: it is not in the encoding that the mapping names.
        """
        read = {"csv": self._csv, "ndjson": self._ndjson, "parquet": self._parquet}[self._kind]
        try:
            yield from read(skip, size)
        except UnicodeError as error:
            raise ImportRefused(f"{self.file.name}: {error}") from error
        except (EOFError, zlib.error, OSError, pa.ArrowException) as error:
            raise ImportRefused(f"{self.file.name} is damaged: {error}") from error

    def _find_columns(self) -> Sequence[str]:
        if self._kind == "parquet":
            try:
                return list(pq.read_schema(self.file).names)
            except pa.ArrowInvalid as error:
                raise ImportRefused(f"{self.file.name} is not a Parquet file: {error}") from error
        if self._kind == "ndjson":
            return (WHOLE,) if self._wanted is None else self._wanted
        if not self._mapping.format.header:
            if not self._mapping.format.columns:
                raise ImportRefused(f"{self.file.name} has no header: name its columns in [format] columns")
            return self._mapping.format.columns
        with self._open_text() as (text, _):
            try:
                return [name.strip() for name in next(self._reader(_Lines(text)), [])]
            except (csv.Error, UnicodeError) as error:
                raise ImportRefused(f"{self.file.name}: line 1: {error}") from error
            except (EOFError, zlib.error, gzip.BadGzipFile) as error:
                raise ImportRefused(f"{self.file.name} is damaged: {error}") from error

    @contextmanager
    def _open(self) -> Iterator[tuple[IO[bytes], Callable[[], int]]]:
        """The file's bytes, and how many of it were read; a .gz file is unpacked on the way."""
        with self.file.open("rb", buffering=1 << 18) as raw:
            if self.file.suffix == ".gz":
                with gzip.open(raw) as unpacked:
                    yield unpacked, raw.tell  # type: ignore[misc] # a GzipFile is an IO in all but name
            else:
                yield raw, raw.tell

    @contextmanager
    def _open_text(self) -> Iterator[tuple[io.TextIOWrapper, Callable[[], int]]]:
        encoding = self._mapping.format.encoding
        try:
            name = codecs.lookup(encoding).name
        except LookupError as error:
            raise ImportRefused(f"{error}: give another [format] encoding") from error
        # Bytes outside the encoding come through marked, so that only their own record is refused.
        with (
            self._open() as (raw, done),
            io.TextIOWrapper(raw, "utf-8-sig" if name == "utf-8" else name, "surrogateescape", newline="") as text,
        ):
            yield text, done

    def _reader(self, lines: Iterator[str]) -> Any:
        written = self._mapping.format
        delimiter = written.delimiter or ("\t" if ".tsv" in self.file.suffixes else ",")
        if not written.quote:
            return csv.reader(lines, delimiter=delimiter, quoting=csv.QUOTE_NONE)
        return csv.reader(lines, delimiter=delimiter, quotechar=written.quote)

    def _csv(self, skip: int, size: int) -> Iterator[Chunk]:
        with self._open_text() as (text, done):
            lines = _Lines(text)
            records = _csv_records(self._reader(lines), lines)
            for _ in range(skip + self._mapping.format.header):
                next(records, None)
            yield from self._csv_chunks(records, size, done)

    def _csv_chunks(
        self, records: Iterator[tuple[int, list[str] | str]], size: int, done: Callable[[], int]
    ) -> Iterator[Chunk]:
        width = len(self.columns)
        lines: list[int] = []
        # Cell after cell: twenty thousand lists kept alive would cost more in garbage collections than in reading.
        cells: list[str] = []
        broken: list[Broken] = []
        count = 0
        for line, row in records:
            count += 1
            if len(row) == width and isinstance(row, list):
                lines.append(line)
                cells += row
            elif isinstance(row, str):
                broken.append(Broken(line, f"the line cannot be read: {row}", None))
            elif row:
                broken.append(
                    Broken(line, f"there are {len(row)} columns, not {width}", [_shown(cell) for cell in row])
                )
            if count == size:
                yield self._csv_chunk(count, lines, cells, broken, done())
                lines, cells, broken, count = [], [], [], 0
        if count:
            yield self._csv_chunk(count, lines, cells, broken, done())

    def _csv_chunk(self, count: int, lines: list[int], cells: list[str], broken: list[Broken], done: int) -> Chunk:
        try:
            return Chunk(count, lines, self._columns_of(cells), broken, done)
        except UnicodeEncodeError:
            pass  # some record holds bytes outside the encoding: they are looked for one by one
        width = len(self.columns)
        kept_lines: list[int] = []
        kept: list[str] = []
        for at, line in enumerate(lines):
            row = cells[at * width : (at + 1) * width]
            if any("\ud800" <= letter <= "\udfff" for cell in row for letter in cell):
                reason = f"there are bytes that are not {self._mapping.format.encoding}"
                broken.append(Broken(line, reason, [_shown(cell) for cell in row]))
            else:
                kept_lines.append(line)
                kept += row
        return Chunk(count, kept_lines, self._columns_of(kept), broken, done)

    def _columns_of(self, cells: Sequence[str | None]) -> dict[str, pa.Array]:
        width = len(self.columns)
        return {name: _without_blanks(pa.array(cells[at::width], pa.string())) for at, name in enumerate(self.columns)}

    def _ndjson(self, skip: int, size: int) -> Iterator[Chunk]:
        with self._open() as (raw, done):
            for _ in range(skip):
                _line(raw)
            line = skip
            while True:
                lines: list[int] = []
                cells: list[str | None] = []
                broken: list[Broken] = []
                count = 0
                while count < size and (text := _line(raw)):
                    count += 1
                    line += 1
                    self._ndjson_record(line, text, lines, cells, broken)
                if not count:
                    return
                yield Chunk(count, lines, self._columns_of(cells), broken, done())

    def _ndjson_record(
        self, line: int, text: bytes, lines: list[int], cells: list[str | None], broken: list[Broken]
    ) -> None:
        if not text.strip():
            return
        try:
            if len(text) > _LONGEST_LINE:
                raise msgspec.DecodeError(f"it is longer than {_LONGEST_LINE} bytes")
            record = msgspec.json.decode(text)
            if not isinstance(record, dict):
                raise msgspec.DecodeError("it is not an object")
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            broken.append(Broken(line, f"the line is not JSON: {error}", text[:1000].decode(errors="replace").strip()))
            return
        lines.append(line)
        if WHOLE in self.columns:
            cells.append(text.decode())
        else:
            cells += [_as_text(record.get(name)) for name in self.columns]

    def _parquet(self, skip: int, size: int) -> Iterator[Chunk]:
        names = [name for name in self.columns if self._wanted is None or name in self._wanted]
        row = 0
        with pq.ParquetFile(self.file, buffer_size=1 << 20, pre_buffer=False) as file:  # not a whole column at once
            for batch in file.iter_batches(size, columns=names):
                end = row + batch.num_rows
                if end > skip:
                    kept = batch.slice(max(skip - row, 0))
                    lines = list(range(end - kept.num_rows + 1, end + 1))
                    columns = {name: _text_column(kept.column(name)) for name in names}
                    yield Chunk(kept.num_rows, lines, columns, [], end)
                row = end


class _Lines:
    """The lines of a text; a record that takes up too many of them is refused before it fills the memory."""

    def __init__(self, text: io.TextIOWrapper) -> None:
        self._text = text
        self.taken = 0
        """Characters since the record's first line; for the reader of records to set back."""

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        line = self._text.readline(_LONGEST_LINE + 1)
        if not line:
            raise StopIteration
        self.taken += len(line)
        if self.taken > _LONGEST_LINE:
            raise ImportRefused(f"there is a record longer than {_LONGEST_LINE} characters")
        return line


def _csv_records(reader: Any, lines: _Lines) -> Iterator[tuple[int, list[str] | str]]:
    """The line each record begins on, and the record, or in its place what is wrong with it."""
    while True:
        line = reader.line_num + 1
        lines.taken = 0
        try:
            yield line, next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            yield line, str(error)


def _without_blanks(column: pa.Array) -> pa.Array:
    trimmed = pc.utf8_trim_whitespace(column)
    return pc.if_else(pc.equal(trimmed, ""), None, trimmed)


def _text_column(column: pa.Array) -> pa.Array:
    kind = column.type
    if pa.types.is_dictionary(kind):
        return _text_column(column.dictionary_decode())
    if pa.types.is_list(kind) or pa.types.is_large_list(kind):
        entries = pa.ListArray.from_arrays(column.offsets.cast(pa.int32()), _text_column(column.values))
        return pc.if_else(column.is_valid(), pc.binary_join(entries, LIST_SEPARATOR), None)
    if pa.types.is_nested(kind):
        return pa.array([None if one is None else _as_text(one) for one in column.to_pylist()], pa.string())
    return _without_blanks(column.cast(pa.string()))


def _as_text(value: Any) -> str | None:
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list):
        return LIST_SEPARATOR.join(_as_text(one) or "" for one in value)
    return msgspec.json.encode(value, enc_hook=str).decode() if isinstance(value, dict) else str(value)


def _line(raw: IO[bytes]) -> bytes:
    """The next line; of one that is far too long only the beginning, so that it cannot fill the memory."""
    text = raw.readline(_LONGEST_LINE + 1)
    rest = text
    while len(rest) > _LONGEST_LINE and not rest.endswith(b"\n"):
        rest = raw.readline(_LONGEST_LINE + 1)
    return text


def _shown(cell: str) -> str:
    return cell.encode(errors="replace").decode()
