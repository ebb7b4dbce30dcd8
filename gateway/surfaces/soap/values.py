"""Values to XML and back, by their shapes."""

from __future__ import annotations

import re
from typing import Any

import msgspec
from lxml import etree
from msgspec import NODEFAULT, UNSET

from gateway.errors import MalformedRequest
from gateway.surfaces.soap.names import TUILA, XSI, Element, ours, qualified
from gateway.surfaces.soap.shapes import Choice, Entries, Leaf, Part, Record, Series, Shape, Slot

_NIL = qualified(XSI, "nil")
_ILLEGAL = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")  # XML 1.0 §2.2, Char
_BLANK = "\t\n\r "


def write(parent: Element, name: str, slot: Slot, value: Any) -> None:
    """Append the value as an element of that name."""
    element = etree.SubElement(parent, ours(name))
    if value is None:
        element.set(_NIL, "true")
    else:
        _fill(element, slot.shape, value)


def write_parts(element: Element, record: Record, value: Any) -> None:
    """Append the parts of a record; null where null is the default is left out."""
    for part in record.parts:
        inner = record.get(value, part)
        if inner is not UNSET and not (inner is None and part.default is None):
            write(element, part.element, part.slot, inner)


def _fill(element: Element, shape: Shape, value: Any) -> None:
    match shape:
        case Leaf():
            element.text = legal(shape.write(value))
        case Record():
            write_parts(element, shape, value)
        case Series(item):
            for member in value:
                write(element, "item", item, member)
        case Entries(key, inner):
            for name, member in value.items():
                entry = etree.SubElement(element, ours("entry"))
                write(entry, "key", key, name)
                write(entry, "value", inner, member)
        case Choice():
            name, option = _option(shape, value)
            write(element, name, Slot(option, nullable=False), value)


def _option(shape: Choice, value: Any) -> tuple[str, Leaf | Record | Series | Entries]:
    """The option of a union that a value is: by its exact type, else by a base of it."""
    kind = type(value)
    exact = next(((name, one) for name, one in shape.options.items() if kind in one.accepts), None)
    found = exact or next((pair for pair in shape.options.items() if isinstance(value, pair[1].accepts)), None)
    if found is None:
        raise TypeError(f"{kind.__name__} is none of {', '.join(shape.options)}")
    return found


def legal(text: str) -> str:
    """The text with U+FFFD for what XML cannot hold."""
    return _ILLEGAL.sub("�", text)


def read_parts(element: Element, record: Record, path: str) -> dict[str, Any] | list[Any]:
    """The parts of a record as JSON would give them, for `msgspec.convert`.

    Raises:
        MalformedRequest: names the element that is wrong, and what was expected there.
    """
    by_element = {part.element: part for part in record.parts}
    found: dict[str, Any] = {} if record.tag is None else {record.tag[0]: record.tag[1]}
    for child in _children(element, path):
        name = _local(child, path)
        part = by_element.get(name)
        if part is None:
            known = ", ".join(by_element) or "—"
            raise _malformed(path, f"没有名为 {name} 的元素，可用：{known}", f"there is no {name}; there are {known}")
        if part.key in found:
            raise _malformed(path, f"{name} 重复出现", f"{name} stands twice")
        found[part.key] = read(child, part.slot, f"{path}/{name}")
    missing = [part.element for part in record.parts if part.required and part.key not in found]
    if missing:
        raise _malformed(path, f"缺少 {'、'.join(missing)}", f"{', '.join(missing)} is missing")
    return _in_order(record, found) if record.as_list else found


def _in_order(record: Record, found: dict[str, Any]) -> list[Any]:
    tag = [] if record.tag is None else [record.tag[1]]
    return tag + [found[part.key] if part.key in found else _default(part) for part in record.parts]


def _default(part: Part) -> Any:
    return None if part.default is NODEFAULT else msgspec.to_builtins(part.default)


def read(element: Element, slot: Slot, path: str) -> Any:
    """The value of an element as JSON would give it.

    Raises:
        MalformedRequest: names the element that is wrong, and what was expected there.
    """
    if element.get(_NIL, "").strip(_BLANK) in ("true", "1"):
        if not slot.nullable:
            raise _malformed(path, "不能为空（xsi:nil）", "cannot be nil")
        return None
    shape = slot.shape
    match shape:
        case Leaf():
            return _leaf(element, shape, path)
        case Record():
            return read_parts(element, shape, path)
        case Series(item):
            return [read(child, item, f"{path}/item") for child in _only(element, "item", path)]
        case Entries():
            return _entries(element, shape, path)
        case Choice(options):
            return _chosen(element, options, path)


def _leaf(element: Element, shape: Leaf, path: str) -> Any:
    if len(element):
        raise _malformed(path, "应为文本，不应有子元素", "holds text, not elements")
    text = element.text or ""
    if shape.accepts != (str,):  # whiteSpace is `collapse` for all but text
        text = text.strip(_BLANK)
    try:
        return shape.read(text)
    except (ValueError, msgspec.MsgspecError) as error:
        raise _malformed(path, f"应为 {shape.xsd}：{error}", f"expected {shape.xsd}: {error}") from error


def _entries(element: Element, shape: Entries, path: str) -> dict[Any, Any]:
    found: dict[Any, Any] = {}
    for entry in _only(element, "entry", path):
        inner = f"{path}/entry"
        pair = {_local(child, inner): child for child in _children(entry, inner)}
        if pair.keys() != {"key", "value"} or len(entry) != 2:
            raise _malformed(inner, "应有一个 key 和一个 value", "holds one key and one value")
        key = read(pair["key"], shape.key, f"{inner}/key")
        if key in found:
            raise _malformed(inner, f"key {key} 重复出现", f"the key {key} stands twice")
        found[key] = read(pair["value"], shape.value, f"{inner}/value")
    return found


def _chosen(element: Element, options: dict[str, Leaf | Record | Series | Entries], path: str) -> Any:
    children = _children(element, path)
    name = _local(children[0], path) if len(children) == 1 else ""
    if name not in options:
        known = ", ".join(options)
        raise _malformed(path, f"应有且只有其中一个元素：{known}", f"holds one of {known}")
    return read(children[0], Slot(options[name], nullable=False), f"{path}/{name}")


def _only(element: Element, name: str, path: str) -> list[Element]:
    children = _children(element, path)
    for child in children:
        if _local(child, path) != name:
            raise _malformed(path, f"只应有 {name} 元素", f"holds {name} elements only")
    return children


def _children(element: Element, path: str) -> list[Element]:
    children = list(element)
    if (element.text or "").strip(_BLANK) or any((child.tail or "").strip(_BLANK) for child in children):
        raise _malformed(path, "应为子元素，不应有文本", "holds elements, not text")
    return children


def _local(child: Element, path: str) -> str:
    name = etree.QName(child)
    if name.namespace != TUILA:
        raise _malformed(
            path,
            f"元素 {name.localname} 应属于命名空间 {TUILA}",
            f"{name.localname} must be in the namespace {TUILA}, and is in {name.namespace or 'none'}",
        )
    return name.localname


def _malformed(path: str, zh: str, en: str) -> MalformedRequest:
    return MalformedRequest({"zh": f"{path}：{zh}", "en": f"{path}: {en}"})
