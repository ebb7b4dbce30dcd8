r"""The mapping file: how a source is read and which of its columns become our fields.

[format]
kind = "csv"                # csv, ndjson or parquet; by default what the file's name ends in
delimiter = "\t"
header = false
columns = ["user", "film", "rating", "moment"]

[fields]
subscriber = "user"                                  # a column as it is
item = {column = "film", prefix = "MOVIE-"}
weight = {column = "rating", at_least = 4}
at = {column = "moment", unit = "s"}
"""

from __future__ import annotations

import hashlib
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta, Struct

from gateway.importing.refusal import ImportRefused

SourceKind = Literal["csv", "ndjson", "parquet"]

_KIND_OF_SUFFIX: dict[str, SourceKind] = {
    ".csv": "csv",
    ".tsv": "csv",
    ".txt": "csv",
    ".data": "csv",
    ".ndjson": "ndjson",
    ".jsonl": "ndjson",
    ".parquet": "parquet",
}


class Format(Struct, frozen=True, forbid_unknown_fields=True):
    """How a source is written."""

    kind: SourceKind | None = None
    """None: what the file's name ends in."""
    delimiter: Annotated[str, Meta(min_length=1, max_length=1)] | None = None
    """CSV: one character; None: a tab for .tsv, else a comma."""
    quote: Annotated[str, Meta(max_length=1)] = '"'
    """CSV: one character, or empty when quotes are ordinary characters."""
    header: bool = True
    """CSV: whether the first line names the columns."""
    columns: list[str] = []
    """CSV: names of the columns, for files without a header."""
    encoding: str = "utf-8"
    """CSV: a name that Python knows: utf-8, gb18030, latin-1 …"""


class Expression(Struct, frozen=True, forbid_unknown_fields=True):
    """Where one of our fields comes from: a column and what is done to it, or a constant."""

    column: str | None = None
    value: str | int | float | bool | None = None
    """A constant, the same for every row."""
    default: str | None = None
    """Stands in where the column is empty."""
    values: dict[str, str] = {}
    """Translates the column's words into ours; a word that is not among them is refused."""
    prefix: str = ""
    """Put before the column's text."""
    suffix: str = ""
    """Put after the column's text."""
    separator: Annotated[str, Meta(min_length=1)] = "|"
    """Between the entries of a list."""
    unit: Literal["s", "ms", "us"] | None = None
    """Moments as numbers since 1970 UTC: seconds, milliseconds or microseconds."""
    format: str | None = None
    """Moments and dates as strptime writes them, e.g. %d-%b-%Y."""
    zone: str = "UTC"
    """Time zone of moments that name none, e.g. Asia/Shanghai."""
    at_least: float | None = None
    """Numbers: rows with less are left out."""
    scale: float = 1.0
    """Numbers are multiplied by this, after `at_least` has looked at them."""

    def __post_init__(self) -> None:
        if (self.column is None) == (self.value is None):
            raise ValueError("give either column or value")


class SourceMapping(Struct, frozen=True):
    """A whole mapping file."""

    format: Format = Format()
    fields: Mapping[str, Expression] = {}
    """Our field → where it comes from; names of parts are joined by dots, names.zh."""

    def digest(self) -> bytes:
        """The same for mappings that mean the same."""
        return hashlib.sha256(msgspec.json.encode(self, order="deterministic")).digest()

    def kind_of(self, file: Path) -> SourceKind:
        """How the file is read.

        Raises:
            ImportRefused: neither the mapping nor the name says so.
        """
        suffixes = [suffix for suffix in file.suffixes if suffix != ".gz"]
        kind = self.format.kind or _KIND_OF_SUFFIX.get(suffixes[-1].lower() if suffixes else "")
        if kind is None:
            raise ImportRefused(
                f"{file.name}: the name does not say how it is written; give [format] kind in a mapping"
            )
        return kind


class _File(Struct, frozen=True, forbid_unknown_fields=True):
    format: Format = Format()
    fields: dict[str, Any] = {}


def read_mapping(path: Path) -> SourceMapping:
    """The mapping written in a TOML file.

    Raises:
        ImportRefused: it is not there, or something in it is wrong; the message names the place.
    """
    try:
        written = msgspec.convert(tomllib.loads(path.read_text("utf-8")), _File)
    except FileNotFoundError:
        raise ImportRefused(f"there is no mapping file {path}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, msgspec.ValidationError) as error:
        raise ImportRefused(f"{path.name}: {error}") from error
    fields = {}
    for name, entry in _flat(written.fields):
        try:
            fields[name] = Expression(entry) if isinstance(entry, str) else msgspec.convert(entry, Expression)
        except (msgspec.ValidationError, ValueError) as error:
            raise ImportRefused(f"{path.name}: fields.{name}: {error}") from error
    return SourceMapping(written.format, fields)


def _flat(entries: Mapping[str, Any], before: str = "") -> Iterator[tuple[str, Any]]:
    """`names.zh = "title"` is a table in a table; its name is names.zh."""
    for name, entry in entries.items():
        if isinstance(entry, dict) and not entry.keys() & {"column", "value"}:
            yield from _flat(entry, f"{before}{name}.")
        else:
            yield f"{before}{name}", entry
