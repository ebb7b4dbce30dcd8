"""The WS-Security header: a UsernameToken, or our access token as a BinarySecurityToken.

Sources: OASIS Web Services Security SOAP Message Security 1.1.1; UsernameToken Profile 1.1.1.
"""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass
from datetime import datetime

import msgspec
from lxml import etree

from auth.username_token import UsernameToken
from gateway.errors import Unauthenticated
from gateway.surfaces.soap.names import Element, qualified

_OASIS = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss"
_WSSE = f"{_OASIS}-wssecurity-secext-1.0.xsd"
_WSU = f"{_OASIS}-wssecurity-utility-1.0.xsd"
_DIGEST = f"{_OASIS}-username-token-profile-1.0#PasswordDigest"

SECURITY = qualified(_WSSE, "Security")
"""The header element."""


@dataclass(frozen=True)
class AccessToken:
    """An access token in a BinarySecurityToken."""

    token: str


def read(security: Element, now: datetime) -> UsernameToken | AccessToken:
    """The one credential in a Security header.

    Raises:
        Unauthenticated: there is none, more than one, one of another kind, or the header's own time is over.
    """
    found: list[UsernameToken | AccessToken] = []
    for child in security:
        name = str(child.tag)
        if name == qualified(_WSSE, "UsernameToken"):
            found.append(_username_token(child))
        elif name == qualified(_WSSE, "BinarySecurityToken"):
            found.append(_access_token(child))
        elif name == qualified(_WSU, "Timestamp"):
            _refuse_expired(child, now)
        else:
            local = etree.QName(child).localname
            raise _refused(f"不支持 wsse:Security 中的 {local}", f"{local} in wsse:Security is not supported")
    if len(found) != 1:
        raise _refused(
            "wsse:Security 中应有且只有一个 UsernameToken 或 BinarySecurityToken",
            "wsse:Security holds one UsernameToken or BinarySecurityToken",
        )
    return found[0]


def _username_token(element: Element) -> UsernameToken:
    secret = element.find(qualified(_WSSE, "Password"))
    if secret is None or secret.get("Type") != _DIGEST:
        raise _refused(
            "UsernameToken 只接受 PasswordDigest，不接受明文口令",
            "a UsernameToken takes PasswordDigest, no plain password",
        )
    return UsernameToken(
        username=_text(element, qualified(_WSSE, "Username")),
        digest=secret.text or "",
        nonce=_text(element, qualified(_WSSE, "Nonce")),
        created=_text(element, qualified(_WSU, "Created")),
    )


def _text(element: Element, name: str) -> str:
    return element.findtext(name) or ""


def _access_token(element: Element) -> AccessToken:
    """The token as it is, or in Base64: a JWT has dots, Base64 has none."""
    text = (element.text or "").strip()
    if "." in text:
        return AccessToken(text)
    try:
        return AccessToken(base64.b64decode(text, validate=True).decode("ascii"))
    except (binascii.Error, ValueError):
        raise _refused("BinarySecurityToken 不是访问令牌", "the BinarySecurityToken is no access token") from None


def _refuse_expired(timestamp: Element, now: datetime) -> None:
    expires = timestamp.findtext(qualified(_WSU, "Expires"))
    if expires is None:
        return
    try:
        over = msgspec.convert(expires.strip(), datetime) <= now
    except (msgspec.ValidationError, TypeError):  # a time without a zone cannot be compared
        over = True
    if over:
        raise _refused("wsu:Timestamp 已过期", "the wsu:Timestamp has expired")


def _refused(zh: str, en: str) -> Unauthenticated:
    return Unauthenticated({"zh": zh, "en": en})
