"""Reading and writing the small XML documents of the WeChat callback, bounded and without DTDs."""

import re
from typing import TypeAlias

from lxml import etree

from bots.wechat.refusal import CallbackRefused
from gateway.kit.xml_parser import HARDENED

Value: TypeAlias = str | list["Value"] | dict[str, "Value"]
"""What an element holds: its text, its children by tag, or a list where a tag stands several times."""

MAX_BODY_BYTES = 65_536
"""Longest body that is parsed, in bytes."""

MAX_DEPTH = 8
"""Deepest nesting that is read; the platform itself uses five levels."""

REPEATED_TAGS = frozenset({"item", "List"})
"""Tags that are lists by meaning: one of them reads as a list of one, so that readers need not ask."""

# A document type can only stand before the root element, so a body whose root comes first has none, and
# no entity beyond the five of XML itself can exist in it.
_PROLOG = re.compile(rb"(?:\xef\xbb\xbf)?\s*(?:<\?xml\s[^>]*\?>\s*)?(<xml[\s/>]|<!DOCTYPE)?")

# XML 1.0 section 2.2, Char; CR is legal but a parser turns it into LF, so it is written as LF.
_ILLEGAL = re.compile("[^\t\n\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def read_fields(body: bytes) -> dict[str, Value]:
    """The children of the `<xml>` root by tag, text verbatim, attributes left out.

    An empty element reads as "". A tag that stands twice reads as a list, a tag of `REPEATED_TAGS` always does.

    Raises:
        CallbackRefused: too_large, empty, doctype, or malformed (which includes a root that holds no element).
    """
    if len(body) > MAX_BODY_BYTES:
        raise CallbackRefused("too_large")
    if not body.strip():
        raise CallbackRefused("empty")
    prolog = _PROLOG.match(body)
    opening = prolog.group(1) if prolog else None
    if opening == b"<!DOCTYPE":
        raise CallbackRefused("doctype")
    if opening is None:
        raise CallbackRefused("malformed")
    try:
        root = etree.fromstring(body, HARDENED)
    except etree.LxmlError as error:
        raise CallbackRefused("malformed") from error
    value = _value(root, MAX_DEPTH)
    if not isinstance(value, dict):
        raise CallbackRefused("malformed")
    return value


def _value(element: etree._Element, depth: int) -> Value:
    """The text of a leaf, or the children of anything else by tag; text between children is layout."""
    if len(element) == 0:
        return element.text or ""
    if depth == 0:
        raise CallbackRefused("malformed")
    children: dict[str, Value] = {}
    for child in element:
        tag = child.tag
        value = _value(child, depth - 1)
        if tag not in children:
            children[tag] = [value] if tag in REPEATED_TAGS else value
            continue
        held = children[tag]
        if isinstance(held, list):
            held.append(value)
        else:
            children[tag] = [held, value]
    return children


def cdata(text: str) -> str:
    """The text as CDATA that any XML parser reads back: illegal characters left out, line ends as LF."""
    return cdata_of_legal(clean(text))


def cdata_of_legal(text: str) -> str:
    """Text that `clean` has been through, as CDATA."""
    return "<![CDATA[" + text.replace("]]>", "]]]]><![CDATA[>") + "]]>"


def clean(text: str) -> str:
    """The text as XML 1.0 can carry it: CR and CR LF become LF, characters outside the grammar are dropped.

    Source: XML 1.0, sections 2.2 (Char) and 2.11 (end-of-line handling).
    """
    if "\r" in text:
        text = text.replace("\r\n", "\n").replace("\r", "\n")
    return _ILLEGAL.sub("", text)
