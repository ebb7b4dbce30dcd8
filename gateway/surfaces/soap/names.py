"""Names on the wire: namespaces, and what capabilities and errors are called there."""

from __future__ import annotations

import re

from lxml import etree

from gateway.errors import GatewayError

Element = etree._Element  # noqa: SLF001 - lxml has no other name for the type

TUILA = "urn:tuila:v1"
"""Namespace of our own elements and types."""
XSD = "http://www.w3.org/2001/XMLSchema"
XSI = "http://www.w3.org/2001/XMLSchema-instance"
XML = "http://www.w3.org/XML/1998/namespace"

_UNFIT = re.compile(r"[^A-Za-z0-9_.-]|^(?![A-Za-z_])")


def qualified(namespace: str, name: str) -> str:
    """The name as lxml writes it."""
    return f"{{{namespace}}}{name}"


def ours(name: str) -> str:
    """A name in our own namespace."""
    return qualified(TUILA, name)


def operation_name(capability: str) -> str:
    """`orders.place` → `OrdersPlace`."""
    return _camel(capability)


def action(operation: str) -> str:
    """The SOAPAction of an operation, and the `action` parameter of SOAP 1.2."""
    return f"{TUILA}:{operation}"


def fault_name(error: type[GatewayError]) -> str:
    """`order-not-found` → `OrderNotFound`: the element in the detail of a fault."""
    return _camel(error.code)


def _camel(name: str) -> str:
    return "".join(part[:1].upper() + part[1:] for part in re.split(r"[._-]", name))


def ncname(text: str) -> str:
    """The text as an XML name without a colon: what does not fit becomes `_xHHHH_`."""
    return _UNFIT.sub(lambda found: "".join(f"_x{ord(letter):04X}_" for letter in found[0]) or "_", text)
