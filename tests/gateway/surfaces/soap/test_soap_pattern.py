"""A pattern of a schema takes what Python's takes, and where the two can say the same, nothing else."""

from __future__ import annotations

import re
import unicodedata

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from lxml import etree

from gateway.surfaces.soap.names import XSD
from gateway.surfaces.soap.pattern import to_xsd

PATTERNS = [
    r"^[A-Z][A-Z0-9]*(-[A-Z0-9]+)+$",
    r"^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$",
    r"^[^\x00-\x1f]*$",
    r"^[a-z0-9_:-]{1,60}$",
    r"^(recommend|order|profile:[a-z0-9-]{1,40}|marketing:[a-z]{1,20})$",
    r"^https?://[^/\s]+$",
    r"^[a-z]+:(\*|[a-z]+)$",
    r"^\d+(\.\d{,2})?$",
    r"^a.b$",
    r"^(?:a|b)*?c$",
    r"^[\w.]+@\w+$",
    r"^x\s?y\Sz$",
    r"^a|b$",
    r"abc",
    r"^\u4e00[\u4e00-\u9fff]+$",
    r"^[]a]+$",
    r"^[a\-z]+[$]{2}\$$",
    "",
]


def schema(pattern: str) -> etree.XMLSchema:
    root = etree.Element(f"{{{XSD}}}schema", nsmap={"xs": XSD})
    element = etree.SubElement(root, f"{{{XSD}}}element", name="v")
    kind = etree.SubElement(element, f"{{{XSD}}}simpleType")
    restriction = etree.SubElement(kind, f"{{{XSD}}}restriction", base="xs:string")
    etree.SubElement(restriction, f"{{{XSD}}}pattern").set("value", pattern)
    return etree.XMLSchema(root)


def takes(of: etree.XMLSchema, text: str) -> bool:
    element = etree.Element("v")
    element.text = text
    return bool(of.validate(element))


def is_known(text: str) -> bool:
    """Whether XML can hold it, and the validator's tables of Unicode know every character."""
    assigned = all(unicodedata.ucd_3_2_0.category(letter) != "Cn" for letter in text)
    return assigned and not re.search("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]", text)


@pytest.mark.parametrize("pattern", PATTERNS)
def test_the_schema_takes_whatever_python_takes(pattern: str) -> None:
    translated = to_xsd(pattern)
    assert translated is not None
    of = schema(translated)

    @settings(max_examples=15, database=None, suppress_health_check=list(HealthCheck))
    @given(st.from_regex(pattern) | st.text(max_size=6))
    def never_narrower(text: str) -> None:
        assume(is_known(text) and re.search(pattern, text) and not text.endswith("\n"))
        assert takes(of, text)

    never_narrower()


@pytest.mark.parametrize(
    "pattern, refused",
    [
        (PATTERNS[0], ["a-b", "A", "A-", "xA-B", "A-B "]),
        (PATTERNS[2], ["a\tb", "\t"]),
        (PATTERNS[4], ["recommended", "profile:", "x order"]),
        (PATTERNS[5], ["https://a/", "https://a b", "ftp://a"]),
        (r"^a.b$", ["a\nb", "ab"]),
        (r"^a|b$", ["xa", "bx"]),
        ("abc", ["ab"]),
        (r"^\d+(\.\d{,2})?$", ["1.123", "a"]),
    ],
)
def test_the_schema_refuses_what_python_refuses(pattern: str, refused: list[str]) -> None:
    of = schema(to_xsd(pattern) or "")
    for text in refused:
        assert not re.search(pattern, text)
        assert not takes(of, text), text


@pytest.mark.parametrize(
    "pattern",
    [r"(?=a)b", r"(a)\1", r"\bword\b", r"(?P<n>a)", r"(?i)a", r"a++", r"a*+", r"[^\w]", r"[^\S]", r"\W", r"^a^b$", r"a$b", r"\Aa\Z",
     r"\x00", r"[\x00]", "(", "[a", "a{", "(?#x)"],
)  # fmt: skip
def test_what_a_schema_cannot_say_is_left_out(pattern: str) -> None:
    assert to_xsd(pattern) is None


@given(st.text("ab^$|()[]{}*+?\\.-\n ,0dwsx\x00", max_size=12))
@settings(max_examples=150)
def test_no_text_breaks_the_translation(pattern: str) -> None:
    translated = to_xsd(pattern)
    try:
        python = re.compile(pattern)
    except (re.error, FutureWarning):
        return
    if translated is not None:
        of = schema(translated)
        for text in ("", "a", "b", "ab", "a b", "0", "^", "-"):
            assert not python.search(text) or takes(of, text)
