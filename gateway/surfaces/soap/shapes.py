"""The shape in XML of every type that a capability takes or answers: what the schema says and the codec does.

| type | in XML |
| --- | --- |
| Struct, dataclass, TypedDict | a named complex type: one element for each field |
| tuple of fixed length, NamedTuple | the same, `item1`, `item2` …, or the fields' names |
| list, set, tuple | one `item` for each member |
| dict | one `entry` with `key` and `value` for each |
| union of several types | one element named after the type it is: a choice |
| Literal, Enum | an enumeration |
| Any | text that holds JSON |
| everything else | text, in the form of the type of XML Schema |

A field that is left out has its default; `xsi:nil` is null. So both can be said, as in JSON.
"""

from __future__ import annotations

import base64
import binascii
import datetime as dt
import decimal
import inspect as python_inspect
import math
import re
import typing
import uuid
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import msgspec
from msgspec import NODEFAULT
from msgspec import inspect as types

from gateway.surfaces.soap.names import ncname
from gateway.surfaces.soap.pattern import to_xsd

Facets = tuple[tuple[str, str], ...]
_WHOLE = re.compile(r"[+-]?[0-9]{1,40}")
_NUMBER = re.compile(r"[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]+)?")
_LONG = range(-(2**63), 2**63)
_BOOLEANS = {"true": True, "1": True, "false": False, "0": False}
_WITH_ZONE = r".*(Z|[+\-][0-9]{2}:[0-9]{2})"
_WITHOUT_ZONE = r"([^TZ+]+T)?[0-9:.]+"
_UUID = "[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}"


@dataclass(slots=True, eq=False)
class Leaf:
    """Text, read and written in the lexical form of a built-in type of XML Schema."""

    xsd: str
    read: Callable[[str], Any]
    """Raises ValueError where the text has another form."""
    write: Callable[[Any], str]
    accepts: tuple[type, ...]
    facets: Facets = ()
    name: str | None = None
    """The name of the simple type; None: none of its own."""
    doc: str = ""


@dataclass(slots=True, eq=False)
class Record:
    """Elements by name."""

    name: str | None
    """The name of the complex type; None: none of its own."""
    accepts: tuple[type, ...]
    get: Callable[[Any, Part], Any]
    """A part of a value; UNSET where it has none."""
    parts: list[Part] = field(default_factory=list)
    tag: tuple[str, str | int] | None = None
    """What tells it from others of its union in JSON. In XML the element's name does."""
    as_list: bool = False
    """Whether it is a list in JSON, its parts in order."""
    doc: str = ""


@dataclass(slots=True, eq=False)
class Series:
    """Any number of `item` elements."""

    item: Slot
    least: int | None
    most: int | None
    accepts: tuple[type, ...] = (list, set, frozenset, tuple)


@dataclass(slots=True, eq=False)
class Entries:
    """Any number of `entry` elements, each a key and a value."""

    key: Slot
    value: Slot
    least: int | None
    most: int | None
    accepts: tuple[type, ...] = (dict,)


@dataclass(slots=True, eq=False)
class Choice:
    """One element out of several, named after what it holds."""

    options: dict[str, Leaf | Record | Series | Entries]
    accepts: tuple[type, ...] = ()


Shape = Leaf | Record | Series | Entries | Choice


@dataclass(slots=True)
class Slot:
    """A place for a value."""

    shape: Shape
    nullable: bool


@dataclass(slots=True, eq=False)
class Part:
    """One element of a record."""

    element: str
    attribute: str
    key: str
    """Its name in JSON."""
    place: int
    slot: Slot
    required: bool
    default: Any
    doc: str


class Shapes:
    """The shapes of many types, each class named once."""

    def __init__(self, kinds: Iterable[Any]) -> None:
        kinds = list(kinds)
        infos = types.multi_type_info(kinds)
        self._names = _class_names(infos)
        self._records: dict[Any, Record] = {}
        self._enumerations: dict[Any, Leaf] = {}
        self._slots = {kind: self._slot(info) for kind, info in zip(kinds, infos, strict=True)}

    def __getitem__(self, kind: Any) -> Slot:
        return self._slots[kind]

    def record(self, kind: type[msgspec.Struct]) -> Record:
        """The shape of a Struct."""
        shape = self._slots[kind].shape
        assert isinstance(shape, Record)
        return shape

    @property
    def named(self) -> list[Record | Leaf]:
        """Every shape with a name, sorted by it."""
        shapes: list[Record | Leaf] = [*self._records.values(), *self._enumerations.values()]
        return sorted(shapes, key=lambda shape: shape.name or "")

    def _slot(self, info: types.Type) -> Slot:
        info = _bare(info)
        members = [_bare(one) for one in info.types] if isinstance(info, types.UnionType) else [info]
        plain = [one for one in members if not isinstance(one, types.NoneType)]
        nullable = len(plain) < len(members)
        for at, one in enumerate(plain):
            if isinstance(one, types.LiteralType) and None in one.values:
                plain[at] = types.LiteralType(tuple(value for value in one.values if value is not None))
                nullable = True
        if not plain:
            return Slot(_NOTHING, True)
        return Slot(self._shape(plain[0]) if len(plain) == 1 else self._choice(plain), nullable or _is_any(plain[0]))

    def _choice(self, members: list[types.Type]) -> Choice:
        options: dict[str, Leaf | Record | Series | Entries] = {}
        for member in members:
            shape = self._shape(member)
            name = _option_name(shape)
            options[name if name not in options else f"{name}{len(options) + 1}"] = shape
        return Choice(options)

    def _shape(self, info: types.Type) -> Leaf | Record | Series | Entries:
        match info:
            case types.StructType() | types.DataclassType() | types.TypedDictType() | types.NamedTupleType():
                return self._record(info)
            case types.EnumType(cls):
                return self._enumeration(cls)
            case types.CollectionType(item, least, most):
                return Series(self._slot(item), least, most)
            case types.DictType(key, value, least, most):
                return Entries(self._slot(key), self._slot(value), least, most)
            case types.TupleType(members):
                return _numbered([self._slot(member) for member in members])
            case _:
                return _leaf(info)

    def _record(
        self, info: types.StructType | types.DataclassType | types.TypedDictType | types.NamedTupleType
    ) -> Record:
        known = self._records.get(info.cls)
        if known is not None:
            return known
        origin: type = typing.get_origin(info.cls) or info.cls
        get = _entry_of if isinstance(info, types.TypedDictType) else _attribute_of
        accepts = (dict,) if isinstance(info, types.TypedDictType) else (origin,)
        record = Record(self._names[info.cls], accepts, get, doc=_words(origin))
        self._records[info.cls] = record  # before its parts, which may lead back here
        if isinstance(info, types.StructType) and info.tag is not None:
            record.tag = (info.tag_field or "type", info.tag)
        record.as_list = isinstance(info, types.NamedTupleType) or (
            isinstance(info, types.StructType) and info.array_like
        )
        record.parts = [self._part(one, place) for place, one in enumerate(info.fields)]
        return record

    def _part(self, one: types.Field, place: int) -> Part:
        default = one.default if one.default_factory is NODEFAULT else one.default_factory()
        schema = one.type.extra_json_schema if isinstance(one.type, types.Metadata) else None
        doc = str((schema or {}).get("description", ""))
        element, slot = ncname(one.encode_name), self._slot(one.type)
        return Part(element, one.name, one.encode_name, place, slot, one.required, default, doc)

    def _enumeration(self, cls: Any) -> Leaf:
        if cls not in self._enumerations:
            leaf = _one_of([member.value for member in cls], accepts=(cls,))
            leaf.write = lambda member: _text(member.value)
            leaf.name, leaf.doc = self._names[cls], _words(cls)
            self._enumerations[cls] = leaf
        return self._enumerations[cls]


def _bare(info: types.Type) -> types.Type:
    return _bare(info.type) if isinstance(info, types.Metadata) else info


def _is_any(info: types.Type) -> bool:
    return isinstance(info, types.AnyType | types.RawType)


def _class_names(infos: Iterable[types.Type]) -> dict[Any, str]:
    """A name for every class: its own, or with its module where two share one."""
    classes = list(dict.fromkeys(cls for info in infos for cls in _classes(info, set())))
    shared = Counter(_short_name(cls) for cls in classes)
    names = {}
    for cls in classes:
        name = _short_name(cls)
        names[cls] = ncname(name if shared[name] == 1 else f"{cls.__module__}.{name}")
    return names


def _short_name(cls: Any) -> str:
    arguments = "And".join(_short_name(one) for one in typing.get_args(cls))
    name = getattr(cls, "__name__", "") or str(cls)
    return f"{name}Of{arguments}" if arguments else name


def _classes(info: Any, seen: set[Any]) -> Iterator[Any]:
    cls = getattr(info, "cls", None)
    if cls is not None:
        if cls in seen:
            return
        seen.add(cls)
        yield cls
    for value in (getattr(info, name) for name in getattr(info, "__struct_fields__", ())):
        for inner in value if isinstance(value, tuple) else (value,):
            if isinstance(inner, types.Type | types.Field):
                yield from _classes(inner, seen)


def _words(cls: Any) -> str:
    """The class's own docstring; not one that Python or msgspec made up."""
    words = cls.__dict__.get("__doc__") or ""
    return "" if words.startswith(f"{cls.__name__}(") else python_inspect.cleandoc(words)


def _attribute_of(value: Any, part: Part) -> Any:
    return getattr(value, part.attribute)


def _entry_of(value: Mapping[str, Any], part: Part) -> Any:
    return value.get(part.key, msgspec.UNSET)


def _member_of(value: tuple[Any, ...], part: Part) -> Any:
    return value[part.place]


def _numbered(slots: list[Slot]) -> Record:
    names = [f"item{place}" for place in range(1, len(slots) + 1)]
    parts = [
        Part(name, name, name, place, slot, True, NODEFAULT, "")
        for place, (name, slot) in enumerate(zip(names, slots, strict=True))
    ]
    return Record(None, (tuple,), _member_of, parts, as_list=True)


def _option_name(shape: Leaf | Record | Series | Entries) -> str:
    match shape:
        case Leaf():
            return shape.name or shape.xsd
        case Record():
            return shape.name or "tuple"
        case Series():
            return "list"
        case Entries():
            return "map"


def _leaf(info: types.Type) -> Leaf:
    match info:
        case types.BoolType():
            return Leaf("boolean", _boolean, lambda value: "true" if value else "false", (bool,))
        case types.IntType():
            return Leaf("long", _integer, str, (int,), _bounds(info))
        case types.FloatType():
            return Leaf("double", _double, _double_text, (float, int), _bounds(info))
        case types.StrType(least, most, pattern):
            return Leaf("string", str, str, (str,), (*_lengths(least, most), *_pattern(pattern)))
        case types.BytesType(least, most) | types.ByteArrayType(least, most) | types.MemoryViewType(least, most):
            accepts = (bytes, bytearray, memoryview)
            return Leaf(
                "base64Binary", _bytes, lambda value: base64.b64encode(value).decode(), accepts, _lengths(least, most)
            )
        case types.DateTimeType(tz):
            return Leaf("dateTime", _moment, _moment_text, (dt.datetime,), _zone(tz))
        case types.TimeType(tz):
            return Leaf("time", _temporal(dt.time), _builtin_text, (dt.time,), _zone(tz))
        case types.DateType():
            return Leaf("date", _temporal(dt.date), _builtin_text, (dt.date,))
        case types.TimeDeltaType():
            return Leaf("duration", _temporal(dt.timedelta), _builtin_text, (dt.timedelta,))
        case types.UUIDType():
            return Leaf("string", uuid.UUID, str, (uuid.UUID,), (("pattern", _UUID),))
        case types.DecimalType():
            return Leaf("decimal", _decimal, lambda value: format(value, "f"), (decimal.Decimal,))
        case types.LiteralType(values):
            return _one_of(list(values), accepts=tuple({type(value) for value in values}))
        case types.AnyType() | types.RawType():
            return Leaf(
                "string", msgspec.json.decode, lambda value: msgspec.json.encode(value).decode(), (object,), doc="JSON"
            )
        case _:
            raise TypeError(f"{info!r} has no shape in XML")


def _one_of(values: list[Any], accepts: tuple[type, ...]) -> Leaf:
    facets = tuple(("enumeration", _text(value)) for value in values)
    if all(type(value) is int for value in values):
        return Leaf("long", _integer, _text, accepts, facets)
    known = {_text(value): value for value in values}
    return Leaf("string", lambda text: known.get(text, text), _text, accepts, facets)


def _text(value: str | int | bool) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _bounds(info: types.IntType | types.FloatType) -> Facets:
    named = {
        "minInclusive": info.ge, "minExclusive": info.gt, "maxInclusive": info.le, "maxExclusive": info.lt,
    }  # fmt: skip
    return tuple((name, str(bound)) for name, bound in named.items() if bound is not None)


def _lengths(least: int | None, most: int | None) -> Facets:
    return tuple((name, str(n)) for name, n in (("minLength", least), ("maxLength", most)) if n is not None)


def _pattern(pattern: str | None) -> Facets:
    translated = None if pattern is None else to_xsd(pattern)
    return () if translated is None else (("pattern", translated),)


def _zone(tz: bool | None) -> Facets:
    return () if tz is None else (("pattern", _WITH_ZONE if tz else _WITHOUT_ZONE),)


def _boolean(text: str) -> bool:
    if text not in _BOOLEANS:
        raise ValueError("true or false")
    return _BOOLEANS[text]


def _integer(text: str) -> int:
    if not _WHOLE.fullmatch(text) or int(text) not in _LONG:
        raise ValueError("a whole number of 64 bits")
    return int(text)


def _double(text: str) -> float:
    number = float(text) if _NUMBER.fullmatch(text) else math.inf
    if not math.isfinite(number):
        raise ValueError("a finite number")
    return number


def _double_text(value: float) -> str:
    if math.isnan(value):
        return "NaN"
    return repr(float(value)) if math.isfinite(value) else ("INF" if value > 0 else "-INF")


def _decimal(text: str) -> decimal.Decimal:
    if not _NUMBER.fullmatch(text) or "e" in text.lower():
        raise ValueError("a decimal number")
    return decimal.Decimal(text)


def _bytes(text: str) -> bytes:
    try:
        return base64.b64decode("".join(text.split()), validate=True)
    except (binascii.Error, ValueError):
        raise ValueError("base64") from None


def _temporal(kind: type) -> Callable[[str], Any]:
    def read(text: str) -> Any:
        try:
            return msgspec.convert(text, kind)
        except msgspec.ValidationError as error:
            raise ValueError(str(error)) from None

    return read


_moment = _temporal(dt.datetime)


def _moment_text(value: dt.datetime) -> str:
    return _builtin_text(value if value.tzinfo is None else value.astimezone(dt.UTC))


def _builtin_text(value: Any) -> str:
    return str(msgspec.to_builtins(value))


_NOTHING = Leaf("string", str, str, (type(None),), (("maxLength", "0"),))
