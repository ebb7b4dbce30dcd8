"""SOAP envelopes: read within bounds and without document types, written with the answer or the fault.

Sources: SOAP 1.1, SOAP 1.2 part 1 and part 2 §7 (HTTP binding), WS-I Basic Profile 1.1 (R1126: a fault has status 500).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from lxml import etree

from gateway.errors import MalformedRequest
from gateway.kit.xml_parser import HARDENED
from gateway.surfaces.soap.names import TUILA, XML, XSI, Element, qualified
from gateway.surfaces.soap.values import legal

MAX_TAGS = 50_000
"""Tags that are read of one message, opening and closing ones together."""
MAX_DEPTH = 64
"""Deepest nesting that is read."""

# A document type can only stand before the root element, so a message whose root comes first has none, and
# no entity beyond the five of XML itself can exist in it.
_PROLOG = re.compile(rb"(?:\xef\xbb\xbf)?(?:<\?xml\s[^>]*\?>)?(?>\s+|<!--.*?-->)*+<(?P<begins>[^\s>]{0,8})", re.DOTALL)


@dataclass(frozen=True)
class Version:
    """What differs between the versions of SOAP."""

    namespace: str
    media_type: str
    sender: str
    """The code of a fault of the caller's."""
    receiver: str
    role: str
    """The attribute that says whom a header is for."""
    for_us: frozenset[str]
    """Its values that mean this gateway."""
    sender_status: int
    """HTTP status of a fault of the caller's."""


SOAP_11 = Version(
    "http://schemas.xmlsoap.org/soap/envelope/", "text/xml", "Client", "Server", "actor",
    frozenset({"", "http://schemas.xmlsoap.org/soap/actor/next"}), 500,
)  # fmt: skip
_ROLES = "http://www.w3.org/2003/05/soap-envelope/role/"
SOAP_12 = Version(
    "http://www.w3.org/2003/05/soap-envelope", "application/soap+xml", "Sender", "Receiver", "role",
    frozenset({"", f"{_ROLES}next", f"{_ROLES}ultimateReceiver"}), 400,
)  # fmt: skip


class VersionMismatch(Exception):
    """The envelope is not of the version that the content type says."""


class NotUnderstood(Exception):
    """Headers that must be understood, and are not."""

    def __init__(self, names: list[str]) -> None:
        super().__init__(", ".join(names))
        self.names = names


@dataclass(frozen=True)
class Envelope:
    """A message."""

    headers: list[Element]
    """The header blocks that are for us."""
    body: Element
    """The one element of the body."""


def read(message: bytes, version: Version) -> Envelope:
    """The envelope in a message.

    Raises:
        MalformedRequest: not XML, a document type, too large in some way, or no envelope with one element in its body.
        VersionMismatch: another version's envelope.
    """
    root = _parse(message)
    name = etree.QName(root)
    if name.localname != "Envelope":
        raise _malformed("根元素应为 SOAP Envelope", "the root must be a SOAP Envelope")
    if name.namespace != version.namespace:
        raise VersionMismatch
    parts = [etree.QName(part).localname for part in root if etree.QName(part).namespace == version.namespace]
    if len(parts) < len(root) or parts not in (["Body"], ["Header", "Body"]):
        raise _malformed("Envelope 中应为 Header（可省略）和 Body", "an Envelope holds a Header, or none, and a Body")
    if len(root[-1]) != 1:
        raise _malformed("Body 中应有且只有一个元素", "the Body holds one element")
    headers = [block for block in root[0] if block.get(_of(version, version.role), "").strip() in version.for_us]
    return Envelope(headers if len(root) > 1 else [], root[-1][0])


def check_understood(envelope: Envelope, version: Version, understood: frozenset[str]) -> None:
    """Return if every header for us that must be understood is one of `understood`.

    Raises:
        NotUnderstood: there is another.
    """
    strange = [
        str(block.tag)
        for block in envelope.headers
        if block.get(_of(version, "mustUnderstand"), "").strip() in ("1", "true") and block.tag not in understood
    ]
    if strange:
        raise NotUnderstood(strange)


def _parse(message: bytes) -> Element:
    if message[:2] in (b"\xff\xfe", b"\xfe\xff"):  # WS-I Basic Profile R1012: UTF-8 or UTF-16
        message = message.decode("utf-16", "replace").encode()
    prolog = _PROLOG.match(message)
    if prolog is None:
        raise _malformed("不是 XML", "not XML")
    if prolog["begins"].startswith((b"!", b"?")):
        raise _malformed("不接受 DOCTYPE 和处理指令", "no document type and no processing instruction is taken")
    if message.count(b"<") > MAX_TAGS:
        raise _malformed(f"标签超过 {MAX_TAGS} 个", f"there are more than {MAX_TAGS} tags")
    try:
        root = etree.fromstring(message, HARDENED)
    except etree.LxmlError as error:
        raise _malformed(f"XML 有误：{error}", f"the XML is broken: {error}") from error
    if _depth(root) > MAX_DEPTH:
        raise _malformed(f"嵌套超过 {MAX_DEPTH} 层", f"it is nested deeper than {MAX_DEPTH}")
    return root


def _depth(root: Element) -> int:
    depth = deepest = 0
    for event, _ in etree.iterwalk(root, events=("start", "end")):
        depth += 1 if event == "start" else -1
        deepest = max(deepest, depth)
    return deepest


def _of(version: Version, name: str) -> str:
    return qualified(version.namespace, name)


def _malformed(zh: str, en: str) -> MalformedRequest:
    return MalformedRequest({"zh": zh, "en": en})


def new(version: Version) -> tuple[Element, Element]:
    """An envelope and its empty body."""
    root = etree.Element(_of(version, "Envelope"), nsmap={"soap": version.namespace, "t": TUILA, "xsi": XSI})
    return root, etree.SubElement(root, _of(version, "Body"))


def fault(version: Version, code: str, words: str, locale: str, detail: Element | None = None) -> bytes:
    """A fault: `code` is one of the version's own; the name of `detail` is the code below it in SOAP 1.2."""
    root, body = new(version)
    element = etree.SubElement(body, _of(version, "Fault"))
    if version is SOAP_11:
        etree.SubElement(element, "faultcode").text = f"soap:{code}"
        _words(etree.SubElement(element, "faultstring"), words, locale)
        holder = "detail"
    else:
        below = etree.SubElement(element, _of(version, "Code"))
        etree.SubElement(below, _of(version, "Value")).text = f"soap:{code}"
        if detail is not None:
            subcode = etree.SubElement(below, _of(version, "Subcode"))
            etree.SubElement(subcode, _of(version, "Value")).text = f"t:{etree.QName(detail).localname}"
        reason = etree.SubElement(element, _of(version, "Reason"))
        _words(etree.SubElement(reason, _of(version, "Text")), words, locale)
        holder = _of(version, "Detail")
    if detail is not None:
        etree.SubElement(element, holder).append(detail)
    return serialised(root)


def not_understood(version: Version, names: list[str], locale: str) -> bytes:
    """The fault for headers that are not understood; SOAP 1.2 names them in headers of their own (part 1 §5.4.8)."""
    words = ("不理解的 SOAP 头：" if locale.startswith("zh") else "headers not understood: ") + ", ".join(names)
    root = etree.fromstring(fault(version, "MustUnderstand", words, locale))
    if version is SOAP_12:
        header = etree.Element(_of(version, "Header"))
        root.insert(0, header)
        for name in map(etree.QName, names):
            namespaces = {"h": name.namespace} if name.namespace else None
            block = etree.SubElement(header, _of(version, "NotUnderstood"), nsmap=namespaces)
            block.set("qname", f"h:{name.localname}" if name.namespace else name.localname)
    return serialised(root)


def mismatch(version: Version, locale: str) -> bytes:
    """The fault for another version's envelope; SOAP 1.2 names the versions that are taken (part 1 §5.4.7)."""
    zh = f"内容类型 {version.media_type} 要求命名空间 {version.namespace}"
    en = f"with {version.media_type} the envelope is in the namespace {version.namespace}"
    root = etree.fromstring(fault(version, "VersionMismatch", zh if locale.startswith("zh") else en, locale))
    if version is SOAP_12:
        header = etree.Element(_of(version, "Header"))
        root.insert(0, header)
        upgrade = etree.SubElement(header, _of(version, "Upgrade"))
        for number, one in enumerate((SOAP_12, SOAP_11)):
            supported = etree.SubElement(
                upgrade, _of(version, "SupportedEnvelope"), nsmap={f"v{number}": one.namespace}
            )
            supported.set("qname", f"v{number}:Envelope")
    return serialised(root)


def _words(element: Element, words: str, locale: str) -> None:
    element.set(qualified(XML, "lang"), locale)
    element.text = legal(words)


def serialised(root: Element) -> bytes:
    """The message as sent."""
    return etree.tostring(root, xml_declaration=True, encoding="UTF-8")


def header_blocks(envelope: Envelope, tag: str) -> Iterator[Element]:
    """The headers of one name."""
    return (block for block in envelope.headers if block.tag == tag)
