"""Selecting from collections as TMF630 (REST API Design Guidelines, part 1) has it: `fields`, filters, `offset`, `limit`.

An attribute is named by its path (`productOffering.id`), in lists any element may match. Values separated by commas, or
given more than once, are alternatives; different attributes must all match. Operators follow the path: `.eq` (the usual
one), `.ne`, `.gt`, `.gte`, `.lt`, `.lte`. An attribute that the resource does not have is refused, because a filter that
is passed over in silence answers more than was asked for.
"""

from __future__ import annotations

import operator
import typing
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

import msgspec
from msgspec import Struct

from gateway.errors import MalformedRequest

USUAL = 20
"""Resources on a page when `limit` is left out."""

MOST = 100
"""Resources on a page at most; a greater `limit` is taken for this."""

_IDENTIFYING = frozenset({"id", "href", "@type"})
_DEEPEST = 1_000_000
_COMPARE: Mapping[str, Callable[[Any, Any], bool]] = {
    "eq": operator.eq,
    "ne": operator.ne,
    "gt": operator.gt,
    "gte": operator.ge,
    "lt": operator.lt,
    "lte": operator.le,
}


class Condition(Struct, frozen=True):
    """One attribute, compared with alternatives."""

    path: tuple[str, ...]
    compare: str
    values: tuple[str, ...]

    def holds(self, resource: Mapping[str, Any]) -> bool:
        """Whether the resource matches."""
        found = [*_values(resource, self.path)]
        if self.compare == "ne":
            return not any(_compared(operator.eq, one, value) for one in found for value in self.values)
        return any(_compared(_COMPARE[self.compare], one, value) for one in found for value in self.values)


class Selection(Struct, frozen=True):
    """What a request wants of a resource or a collection."""

    fields: frozenset[str] | None
    """Attributes of the first level; None: all."""
    offset: int
    limit: int
    conditions: tuple[Condition, ...]

    def matches(self, resource: Mapping[str, Any]) -> bool:
        """Whether the resource meets every condition."""
        return all(condition.holds(resource) for condition in self.conditions)

    def narrowed(self, resource: dict[str, Any], required: frozenset[str]) -> dict[str, Any]:
        """The resource with the selected attributes, what identifies it, and what its document requires."""
        if self.fields is None:
            return resource
        return {name: value for name, value in resource.items() if name in self.fields | required | _IDENTIFYING}


def selection(query: Mapping[str, Sequence[str]], resource: type[Struct], passed: frozenset[str]) -> Selection:
    """What the query asks of resources of this type; parameters named in `passed` are somebody else's.

    Raises:
        MalformedRequest: an attribute the resource does not have, or a number that is none.
    """
    conditions = []
    for name, values in query.items():
        if name not in ("fields", "offset", "limit") and name not in passed:
            conditions.append(_condition(name, values, resource))
    return Selection(
        _fields(query.get("fields", ()), resource),
        _number(query, "offset", 0, 0, _DEEPEST),
        min(_number(query, "limit", USUAL, 1, 10**9), MOST),
        tuple(conditions),
    )


def _condition(name: str, values: Sequence[str], resource: type[Struct]) -> Condition:
    path = tuple(name.split("."))
    compare = "eq"
    if len(path) > 1 and path[-1] in _COMPARE:
        path, compare = path[:-1], path[-1]
    if not _exists(resource, path):
        raise MalformedRequest(
            {
                "zh": f"不能按 {name[:80]} 筛选；可用的属性：{_listed(resource)}",
                "en": f"cannot filter by {name[:80]}; attributes are {_listed(resource)}",
            }
        )
    return Condition(path, compare, tuple(one for value in values for one in value.split(",")))


def _fields(given: Sequence[str], resource: type[Struct]) -> frozenset[str] | None:
    names = frozenset(name.strip() for value in given for name in value.split(",") if name.strip())
    if not names:
        return None
    if names == {"none"}:
        return frozenset()
    wrong = sorted(name for name in names if name not in _attributes(resource))
    if wrong:
        raise MalformedRequest(
            {
                "zh": f"fields 中没有 {wrong[0][:80]} 这个属性；可用的属性：{_listed(resource)}",
                "en": f"fields names {wrong[0][:80]}, which is no attribute; attributes are {_listed(resource)}",
            }
        )
    return names


def _number(query: Mapping[str, Sequence[str]], name: str, usual: int, least: int, most: int) -> int:
    if not query.get(name):
        return usual
    text = query[name][-1]
    number = int(text) if text.isascii() and text.isdigit() and len(text) < 10 else -1
    if not least <= number <= most:
        raise MalformedRequest(
            {"zh": f"{name} 应为不小于 {least} 的整数", "en": f"{name} is a whole number from {least}"}
        )
    return number


def _values(value: Any, path: Sequence[str]) -> Iterator[Any]:
    if isinstance(value, list):
        for one in value:
            yield from _values(one, path)
    elif not path:
        yield value
    elif isinstance(value, dict) and path[0] in value:
        yield from _values(value[path[0]], path[1:])


def _compared(compare: Callable[[Any, Any], bool], found: Any, text: str) -> bool:
    if isinstance(found, dict):
        return False
    if isinstance(found, bool):
        return compare(str(found).lower(), text)
    if isinstance(found, int | float):
        try:
            return compare(float(found), float(text))
        except ValueError:
            return False
    moments = (moment(found), moment(text))
    return compare(*moments) if None not in moments else compare(found, text)


def moment(text: str) -> datetime | None:
    """The moment a text names, in UTC where it says no zone; None if it names none."""
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        return None
    return found if found.tzinfo is not None else found.replace(tzinfo=UTC)


def _exists(kind: Any, path: Sequence[str]) -> bool:
    if not path:
        return True
    nested = _struct_of(kind)
    return nested is not None and path[0] in _attributes(nested) and _exists(_attributes(nested)[path[0]], path[1:])


def _struct_of(kind: Any) -> type[Struct] | None:
    if isinstance(kind, type) and issubclass(kind, Struct):
        return kind
    return next((found for part in typing.get_args(kind) if (found := _struct_of(part)) is not None), None)


@lru_cache(maxsize=200)
def _attributes(resource: type[Struct]) -> Mapping[str, Any]:
    fields = {field.encode_name: field.type for field in msgspec.structs.fields(resource)}
    tag = resource.__struct_config__.tag_field
    return fields if tag is None else {**fields, tag: str}


def _listed(resource: type[Struct]) -> str:
    return ", ".join(sorted(_attributes(resource)))
