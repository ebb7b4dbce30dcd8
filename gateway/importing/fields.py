"""Text columns become our fields, a whole chunk at a time; what does not fit is named, row by row, in words."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Literal, NamedTuple
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from gateway.importing.mapping import Expression, SourceMapping
from gateway.importing.reading import LIST_SEPARATOR
from gateway.importing.refusal import ImportRefused

FieldKind = Literal["text", "number", "moment", "date", "list", "json"]

_OPTIONS: dict[str, tuple[FieldKind, ...]] = {
    "values": ("text",),
    "prefix": ("text",),
    "suffix": ("text",),
    "separator": ("list",),
    "unit": ("moment",),
    "format": ("moment", "date"),
    "zone": ("moment",),
    "at_least": ("number",),
    "scale": ("number",),
}

_NUMBER = r"^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d{1,3})?$"
_MOMENT = r"^\d{4}-\d\d-\d\d([T ]\d\d:\d\d(:\d\d(\.\d{1,6})?)?)?(Z|[+-]\d\d(:?\d\d)?)?$"
_HAS_ZONE = r"(Z|\d[+-]\d\d:?\d\d|:\d\d(\.\d+)?[+-]\d\d)$"
_DATE = r"^\d{4}-\d\d-\d\d([T ].*)?$"
_CONTROL = r"[\x00-\x1f\x7f]"
_MICROSECONDS = {"s": 1_000_000, "ms": 1_000, "us": 1}
_EARLIEST = int(datetime(1970, 1, 1, tzinfo=UTC).timestamp()) * 1_000_000
_LATEST = int(datetime(2200, 1, 1, tzinfo=UTC).timestamp()) * 1_000_000


class Field(NamedTuple):
    """One field of ours."""

    name: str
    kind: FieldKind
    required: bool = False
    longest: int = 200
    """Characters of a text."""


class Fitted(NamedTuple):
    """Fields of a chunk."""

    columns: dict[str, pa.Array]
    """Our field → values; null where the source has none."""
    left_out: pa.Array
    """Rows that the mapping leaves out."""
    problems: dict[int, str]
    """Row of the chunk → what is wrong with it; the first thing found."""


def mapping_for(fields: tuple[Field, ...], given: SourceMapping | None, columns: list[str] | None) -> SourceMapping:
    """A mapping of exactly these fields: the given one checked, or columns of the same names.

    `columns` are those of the source; None where only reading it tells.

    Raises:
        ImportRefused: a field is unknown or missing, or an option does not suit its field.
    """
    mapping = given or SourceMapping()
    if not mapping.fields:
        named = {field.name: Expression(field.name) for field in fields if columns is None or field.name in columns}
        mapping = SourceMapping(mapping.format, named)
    known = {field.name: field for field in fields}
    if unknown := [name for name in mapping.fields if name not in known]:
        raise ImportRefused(f"the mapping names {', '.join(unknown)}; the fields are: {', '.join(known)}")
    if missing := [field.name for field in fields if field.required and field.name not in mapping.fields]:
        raise ImportRefused(
            f"nothing gives {', '.join(missing)}: name its column under [fields] in a mapping"
            + ("" if columns is None else f" (the columns are: {', '.join(columns)})")
        )
    for name, expression in mapping.fields.items():
        _refuse_idle_options(known[name], expression)
    return mapping


def _refuse_idle_options(field: Field, expression: Expression) -> None:
    plain = Expression(expression.column, expression.value)
    for option, kinds in _OPTIONS.items():
        if getattr(expression, option) != getattr(plain, option) and field.kind not in kinds:
            raise ImportRefused(f"fields.{field.name}: {option} does nothing to a {field.kind}")
    try:
        ZoneInfo(expression.zone)
    except (ZoneInfoNotFoundError, ValueError) as error:
        raise ImportRefused(f"fields.{field.name}: there is no time zone {expression.zone}") from error


def fit(fields: tuple[Field, ...], mapping: SourceMapping, columns: Mapping[str, pa.Array], rows: int) -> Fitted:
    """The fields of `rows` rows."""
    fitted: dict[str, pa.Array] = {}
    problems: dict[int, str] = {}
    left_out = pa.repeat(pa.scalar(False), rows)
    for field in fields:
        name = field.name
        expression = mapping.fields.get(name)
        if expression is None:
            fitted[field.name] = pa.nulls(rows, _TYPES[field.kind])
            continue
        texts = _texts(expression, columns, rows)
        values = _READERS[field.kind](field, expression, texts, problems)
        if field.required:
            _note(problems, texts.is_null(), f"{name} is empty")
        if expression.at_least is not None:
            left_out = pc.or_(left_out, pc.fill_null(pc.less(values, expression.at_least), False))
        if expression.scale != 1.0:
            values = pc.multiply(values, expression.scale)
        fitted[field.name] = values
    return Fitted(fitted, left_out, problems)


def _texts(expression: Expression, columns: Mapping[str, pa.Array], rows: int) -> pa.Array:
    if expression.column is None:
        value = expression.value
        return pa.repeat(pa.scalar(str(value).lower() if isinstance(value, bool) else str(value)), rows)
    texts = columns[expression.column]
    return texts if expression.default is None else pc.fill_null(texts, expression.default)


def _note(problems: dict[int, str], where: pa.Array, words: Callable[[int], str] | str) -> None:
    for at in np.flatnonzero(pc.fill_null(where, False).to_numpy(zero_copy_only=False)).tolist():
        problems.setdefault(at, words if isinstance(words, str) else words(at))


def _quote(texts: pa.Array, at: int) -> str:
    text = str(texts[at].as_py())
    return text if len(text) <= 60 else text[:60] + "…"


def _read_text(field: Field, expression: Expression, texts: pa.Array, problems: dict[int, str]) -> pa.Array:
    if expression.values:
        words, ours = list(expression.values), list(expression.values.values())
        places = pc.index_in(texts, pa.array(words, pa.string()))
        unknown = pc.and_(places.is_null(), texts.is_valid())
        _note(problems, unknown, lambda at: f"{field.name}: {_quote(texts, at)} is not among the mapping's values")
        texts = pa.array(ours, pa.string()).take(places)
    whole = pc.binary_join_element_wise(expression.prefix, texts, expression.suffix, "")
    strange = pc.match_substring_regex(whole, _CONTROL)
    _note(problems, strange, f"{field.name} holds a control character")
    long = pc.greater(pc.utf8_length(whole), field.longest)
    _note(problems, long, f"{field.name} is longer than {field.longest} characters")
    return whole


def _read_number(field: Field, expression: Expression, texts: pa.Array, problems: dict[int, str]) -> pa.Array:
    numbers = _numbers(texts, lambda at: f"{field.name} is not a number: {_quote(texts, at)}", problems)
    _note(problems, pc.less(numbers, 0), lambda at: f"{field.name} is below zero: {_quote(texts, at)}")
    return numbers


def _numbers(texts: pa.Array, words: Callable[[int], str], problems: dict[int, str]) -> pa.Array:
    fits = pc.match_substring_regex(texts, _NUMBER)
    _note(problems, pc.invert(fits), words)
    plain = pc.replace_substring_regex(pc.if_else(fits, texts, None), r"^\+", "")
    numbers = plain.cast(pa.float64())
    _note(problems, pc.invert(pc.is_finite(numbers)), words)
    return numbers


def _read_moment(field: Field, expression: Expression, texts: pa.Array, problems: dict[int, str]) -> pa.Array:
    def wrong(at: int) -> str:
        return f"{field.name} is not a moment: {_quote(texts, at)}"

    if expression.unit is not None:
        numbers = _numbers(texts, wrong, problems)
        sane = pc.if_else(pc.less(pc.abs(numbers), 1e16), numbers, None)
        found = pc.round(pc.multiply(sane, float(_MICROSECONDS[expression.unit]))).cast(pa.int64(), safe=False)
        moments = found.cast(pa.timestamp("us", "UTC"))
    elif expression.format is not None:
        moments = _in_zone(pc.strptime(texts, expression.format, "us", error_is_null=True), expression.zone)
    else:
        moments = _written_moments(texts, expression.zone)
    _note(problems, pc.and_(moments.is_null(), texts.is_valid()), wrong)
    count = moments.cast(pa.int64())
    outside = pc.or_(pc.less(count, _EARLIEST), pc.greater(count, _LATEST))
    _note(problems, outside, lambda at: f"{field.name} is not between 1970 and 2200: {_quote(texts, at)}")
    return moments


def _written_moments(texts: pa.Array, zone: str) -> pa.Array:
    """Moments as ISO 8601 writes them; null where the text is none."""
    fits = pc.if_else(pc.match_substring_regex(texts, _MOMENT), texts, None)
    has_zone = pc.match_substring_regex(fits, _HAS_ZONE)
    try:
        absolute = pc.if_else(has_zone, fits, None).cast(pa.timestamp("us", "UTC"))
        local = pc.if_else(has_zone, None, fits).cast(pa.timestamp("us"))
    except pa.ArrowInvalid:  # there is a 31st of February among them: slowly then, one by one
        return pa.array([_moment_or_none(text, zone) for text in fits.to_pylist()], pa.timestamp("us", "UTC"))
    return pc.coalesce(absolute, _in_zone(local, zone))


def _in_zone(local: pa.Array, zone: str) -> pa.Array:
    if zone == "UTC":
        return local.cast(pa.timestamp("us", "UTC"))
    placed = pc.assume_timezone(local, zone, ambiguous="earliest", nonexistent="earliest")
    return placed.cast(pa.timestamp("us", "UTC"))


def _moment_or_none(text: str | None, zone: str) -> datetime | None:
    if text is None:
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    return (moment if moment.tzinfo else moment.replace(tzinfo=ZoneInfo(zone))).astimezone(UTC)


def _read_date(field: Field, expression: Expression, texts: pa.Array, problems: dict[int, str]) -> pa.Array:
    if expression.format is not None:
        days = pc.strptime(texts, expression.format, "s", error_is_null=True).cast(pa.date32())
    else:
        fits = pc.if_else(pc.match_substring_regex(texts, _DATE), pc.utf8_slice_codeunits(texts, 0, 10), None)
        try:
            days = fits.cast(pa.date32())
        except pa.ArrowInvalid:
            found = [_moment_or_none(text, "UTC") for text in fits.to_pylist()]
            days = pa.array([None if moment is None else moment.date() for moment in found], pa.date32())
    _note(
        problems,
        pc.and_(days.is_null(), texts.is_valid()),
        lambda at: f"{field.name} is not a date: {_quote(texts, at)}",
    )
    return days


def _read_list(field: Field, expression: Expression, texts: pa.Array, problems: dict[int, str]) -> pa.Array:
    _note(problems, pc.greater(pc.utf8_length(texts), 2000), f"{field.name} is longer than 2000 characters")
    as_written = pc.replace_substring(texts, expression.separator, LIST_SEPARATOR)
    return pc.split_pattern(as_written, LIST_SEPARATOR)


def _as_read(field: Field, expression: Expression, texts: pa.Array, problems: dict[int, str]) -> pa.Array:
    return texts


_TYPES: dict[FieldKind, pa.DataType] = {
    "text": pa.string(),
    "number": pa.float64(),
    "moment": pa.timestamp("us", "UTC"),
    "date": pa.date32(),
    "list": pa.list_(pa.string()),
    "json": pa.string(),
}
_READERS: dict[FieldKind, Callable[[Field, Expression, pa.Array, dict[int, str]], pa.Array]] = {
    "text": _read_text,
    "number": _read_number,
    "moment": _read_moment,
    "date": _read_date,
    "list": _read_list,
    "json": _as_read,
}
