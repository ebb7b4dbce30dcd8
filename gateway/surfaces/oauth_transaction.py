"""One visit to a page of ours: what it is about travels sealed in the page's form, tied to the browser by a cookie.

The form alone opens nothing in another browser, and the cookie alone says nothing about anybody: a page elsewhere can
neither read the form nor send it as this browser, so it can neither approve nor sign a stranger in.
Source: RFC 9700 §4.7 (CSRF), §4.16 (clickjacking).
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import re
import secrets
from collections.abc import Callable
from datetime import datetime
from typing import Any, Generic, TypeVar
from urllib.parse import urlsplit

import msgspec
from sanic import Request
from sanic.response import HTTPResponse

from auth.secret_box import BoxRefused, SecretBox
from gateway.capabilities.grants import LASTS
from gateway.surfaces.oauth_http import field

COOKIE = "tuila-sign-in"
_COOKIE_FORM = re.compile(r"[A-Za-z0-9_-]{43}")
_CONTEXT = b"transaction"


About = TypeVar("About")


class Transaction(msgspec.Struct, Generic[About], frozen=True):
    """A visit under way."""

    id: str
    about: About
    """What the visitor came for."""
    ends_at: datetime
    browser: bytes
    """SHA-256 of the cookie of the browser it began in."""


class TransactionRefused(Exception):
    """The form belongs to no visit that goes on in this browser; nothing was done."""


class Transactions(Generic[About]):
    """Begins visits to one page and finds them again."""

    def __init__(
        self, box: SecretBox, origin: str, ids: Callable[[], str], path: str, kind: type[Transaction[About]]
    ) -> None:
        self._box = box
        self._origin = origin
        self._ids = ids
        self._path = path
        self._kind = kind

    def begin(self, about: About, request: Request[Any, Any], now: datetime) -> tuple[Transaction[About], str]:
        """A new visit, and the cookie its browser must have."""
        had = request.cookies.get(COOKIE) or ""
        cookie = had if _COOKIE_FORM.fullmatch(had) else secrets.token_urlsafe(32)
        return Transaction(self._ids(), about, now + LASTS, _digest(cookie)), cookie

    def sealed(self, transaction: Transaction[About]) -> str:
        """The visit as the page's form carries it."""
        box = self._box.seal(msgspec.msgpack.encode(transaction), _CONTEXT)
        return base64.urlsafe_b64encode(box).decode()

    def resume(self, request: Request[Any, Any], now: datetime) -> Transaction[About]:
        """The visit that a form of our page goes on with.

        Raises:
            TransactionRefused: it comes from elsewhere, from another browser, or too late.
        """
        if not self._is_own_page(request):
            raise TransactionRefused("sent by another site")
        try:
            box = base64.b64decode(field(request, "transaction"), b"-_", validate=True)
            transaction = msgspec.msgpack.decode(self._box.open(box, _CONTEXT), type=self._kind)
        except (binascii.Error, ValueError, BoxRefused) as error:
            raise TransactionRefused("not a form of ours") from error
        if not hmac.compare_digest(_digest(request.cookies.get(COOKIE) or ""), transaction.browser):
            raise TransactionRefused("another browser")
        if now >= transaction.ends_at:
            raise TransactionRefused("too late")
        return transaction

    def set_cookie(self, response: HTTPResponse, cookie: str) -> HTTPResponse:
        """The response, with the cookie: unreadable for scripts, sent to this page alone, never from other sites' forms."""
        response.add_cookie(
            COOKIE, cookie, path=self._path, httponly=True, secure=self._origin.startswith("https://"), samesite="Lax",
            max_age=int(LASTS.total_seconds()),
        )  # fmt: skip
        return response

    def _is_own_page(self, request: Request[Any, Any]) -> bool:
        site = request.headers.get("sec-fetch-site")
        origin = request.headers.get("origin")
        if site is not None and site != "same-origin":
            return False
        # Behind a proxy the host may be another than the browser's: then our public address counts.
        return origin is None or origin == self._origin or urlsplit(origin).netloc == request.host


def _digest(cookie: str) -> bytes:
    return hashlib.sha256(cookie.encode(errors="surrogatepass")).digest()
