"""The XML schema of the shapes."""

from __future__ import annotations

from lxml import etree
from msgspec import NODEFAULT

from gateway.surfaces.soap.names import TUILA, XSD, Element, qualified
from gateway.surfaces.soap.shapes import Choice, Entries, Facets, Leaf, Part, Record, Series, Shapes, Slot


def schema(shapes: Shapes) -> Element:
    """A schema of every named shape; elements are added by `add_element`."""
    root = etree.Element(
        qualified(XSD, "schema"),
        {"targetNamespace": TUILA, "elementFormDefault": "qualified"},
        nsmap={"xs": XSD, "t": TUILA},
    )
    for shape in shapes.named:
        if isinstance(shape, Record):
            _sequence(_child(root, "complexType", name=shape.name or ""), shape, shape.doc)
        else:
            _restriction(_child(root, "simpleType", name=shape.name or ""), shape.xsd, shape.facets, shape.doc)
    return root


def add_element(root: Element, name: str, record: Record) -> None:
    """A global element of a named type."""
    _element(root, name, Slot(record, nullable=False))


def add_wrapper(root: Element, name: str, inner: tuple[str, Slot] | None) -> None:
    """A global element around one element, or around nothing."""
    sequence = _child(_child(_child(root, "element", name=name), "complexType"), "sequence")
    if inner is not None:
        _element(sequence, inner[0], inner[1])


def _child(parent: Element, tag: str, /, **attributes: str) -> Element:
    return etree.SubElement(parent, qualified(XSD, tag), attributes)


def _document(parent: Element, words: str) -> None:
    if words:
        _child(_child(parent, "annotation"), "documentation").text = words


def _sequence(parent: Element, record: Record, doc: str = "") -> None:
    _document(parent, doc)
    sequence = _child(parent, "sequence")
    for part in record.parts:
        _element(sequence, part.element, part.slot, least="1" if part.required else "0", doc=_part_words(part))


def _part_words(part: Part) -> str:
    has_words = part.default is not NODEFAULT and part.default is not None and isinstance(part.slot.shape, Leaf)
    default = (
        f"Default: {part.slot.shape.write(part.default)}" if has_words and isinstance(part.slot.shape, Leaf) else ""
    )
    return " ".join(filter(None, [part.doc, default]))


def _element(parent: Element, name: str, slot: Slot, *, least: str = "1", most: str = "1", doc: str = "") -> None:
    attributes = {"name": name}
    if least != "1":
        attributes["minOccurs"] = least
    if most != "1":
        attributes["maxOccurs"] = most
    if slot.nullable:
        attributes["nillable"] = "true"
    element = _child(parent, "element", **attributes)
    shape = slot.shape
    match shape:
        case Leaf() | Record() if shape.name is not None:
            element.set("type", f"t:{shape.name}")
            _document(element, doc)
        case Leaf(facets=()):
            element.set("type", f"xs:{shape.xsd}")
            _document(element, " ".join(filter(None, [doc, shape.doc])))
        case Leaf():
            _document(element, doc)
            _restriction(_child(element, "simpleType"), shape.xsd, shape.facets)
        case _:
            _document(element, doc)
            _inner(_child(element, "complexType"), shape)


def _inner(parent: Element, shape: Record | Series | Entries | Choice) -> None:
    match shape:
        case Record():
            _sequence(parent, shape)
        case Series(item, least, most):
            _element(_child(parent, "sequence"), "item", item, least=_bound(least, "0"), most=_bound(most, "unbounded"))
        case Entries(key, value, least, most):
            sequence = _child(parent, "sequence")
            occurs = {"minOccurs": _bound(least, "0"), "maxOccurs": _bound(most, "unbounded")}
            entry = _child(sequence, "element", name="entry", **occurs)
            pair = _child(_child(entry, "complexType"), "sequence")
            _element(pair, "key", key)
            _element(pair, "value", value)
        case Choice(options):
            choice = _child(parent, "choice")
            for name, option in options.items():
                _element(choice, name, Slot(option, nullable=False))


def _bound(number: int | None, otherwise: str) -> str:
    return otherwise if number is None else str(number)


def _restriction(parent: Element, base: str, facets: Facets, doc: str = "") -> None:
    _document(parent, doc)
    restriction = _child(parent, "restriction", base=f"xs:{base}")
    for name, value in facets:
        _child(restriction, name, value=value)
