"""Hypothesis strategies for values of any type that msgspec knows, of text that XML can hold."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from hypothesis import strategies as st
from msgspec import inspect as types

LONGS = st.integers(-(2**63), 2**63 - 1)
TEXT = st.text(
    st.characters(codec="utf-8", exclude_categories=["Cs", "Cc"], exclude_characters="\ufffe\uffff", include_characters="\t\n\r"),
    max_size=20,
)  # fmt: skip
FIRST, LAST = (datetime.fromisoformat(f"{year}-01-02T00:00:00") for year in (1970, 2999))
_UNHOLDABLE = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def values_of(kind: Any) -> st.SearchStrategy[Any]:
    """Values of a type, its constraints kept."""
    return _of(types.type_info(kind), {})


def _of(info: types.Type, known: dict[Any, st.SearchStrategy[Any]]) -> st.SearchStrategy[Any]:
    match info:
        case types.Metadata():
            return _of(info.type, known)
        case types.NoneType():
            return st.none()
        case types.BoolType():
            return st.booleans()
        case types.IntType():
            return st.integers(_first(info.ge, info.gt, 1, -(2**63)), _first(info.le, info.lt, -1, 2**63 - 1))
        case types.FloatType():
            return st.floats(info.ge, info.le, allow_nan=False, allow_infinity=False)
        case types.StrType():
            return _text(info)
        case types.BytesType():
            return st.binary(min_size=info.min_length or 0, max_size=info.max_length)
        case types.DateTimeType():
            zones: dict[bool | None, Any] = {True: st.just(UTC), False: st.none(), None: st.sampled_from([UTC, None])}
            return st.datetimes(FIRST, LAST, timezones=zones[info.tz])
        case types.DateType():
            return st.dates()
        case types.TimeType():
            return st.times()
        case types.TimeDeltaType():
            return st.timedeltas(timedelta(days=-900), timedelta(days=900))
        case types.UUIDType():
            return st.uuids()
        case types.DecimalType():
            return st.decimals(
                allow_nan=False, allow_infinity=False, places=4, min_value=Decimal(-10000), max_value=Decimal(10000)
            )
        case types.EnumType():
            return st.sampled_from(list(info.cls))
        case types.LiteralType():
            return st.sampled_from(info.values)
        case types.UnionType():
            return st.one_of([_of(one, known) for one in info.types])
        case types.DictType():
            return st.dictionaries(_of(info.key_type, known), _of(info.value_type, known), max_size=3)
        case types.TupleType():
            return st.tuples(*[_of(one, known) for one in info.item_types])
        case types.CollectionType():
            return _many(info, known)
        case types.AnyType():
            return st.recursive(
                st.none() | st.booleans() | LONGS | TEXT, lambda inner: st.lists(inner, max_size=2), max_leaves=4
            )
        case types.StructType() | types.DataclassType() | types.NamedTupleType() | types.TypedDictType():
            if info.cls not in known:
                known[info.cls] = st.deferred(lambda: _record(info, known))
            return known[info.cls]
        case _:
            raise TypeError(f"no strategy for {info!r}")


def _first(inclusive: int | None, exclusive: int | None, step: int, otherwise: int) -> int:
    if inclusive is not None:
        return inclusive
    return otherwise if exclusive is None else exclusive + step


def _text(info: types.StrType) -> st.SearchStrategy[str]:
    least, most = info.min_length or 0, info.max_length
    if info.pattern is None:
        return TEXT.filter(lambda text: least <= len(text) and (most is None or len(text) <= most))
    whole = re.compile(info.pattern)
    return st.from_regex(whole).filter(
        lambda text: (
            not text.endswith("\n") and least <= len(text) and (most is None or len(text) <= most) and not _UNHOLDABLE.search(text)
        )
    )  # fmt: skip


def _many(info: types.CollectionType, known: dict[Any, st.SearchStrategy[Any]]) -> st.SearchStrategy[Any]:
    least = info.min_length or 0
    most = min(least + 3, info.max_length or least + 3)
    item = _of(info.item_type, known)
    if isinstance(info, types.SetType | types.FrozenSetType):
        kind: Any = set if isinstance(info, types.SetType) else frozenset
        return st.lists(item, min_size=least, max_size=most, unique=True).map(kind)
    many = st.lists(item, min_size=least, max_size=most)
    return many.map(tuple) if isinstance(info, types.VarTupleType) else many


def _record(info: Any, known: dict[Any, st.SearchStrategy[Any]]) -> st.SearchStrategy[Any]:
    fields = {one.name: _of(one.type, known) for one in info.fields}
    if not isinstance(info, types.TypedDictType):
        return st.builds(info.cls, **fields)
    required = {one.name: fields.pop(one.name) for one in info.fields if one.required}
    return st.fixed_dictionaries(required, optional=fields)
