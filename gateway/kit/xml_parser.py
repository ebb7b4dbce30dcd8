"""The parser for XML from outside: no entities, no network, no document types loaded, libxml2's own bounds kept."""

from lxml import etree

HARDENED = etree.XMLParser(
    encoding="utf-8",
    resolve_entities=False,
    no_network=True,
    load_dtd=False,
    huge_tree=False,
    remove_comments=True,
    remove_pis=True,
)
"""Reads UTF-8. A document type still has to be refused before parsing: its entities are read, if not resolved."""
