"""What every surface reads of a call in the same way: the partner's user, the idempotency key, the language."""

from __future__ import annotations

import re

from auth.policy import Need
from auth.principal import Principal, partner_account
from gateway.errors import MalformedRequest

_TRACE = re.compile(r"00-([0-9a-f]{32})-[0-9a-f]{16}-[0-9a-f]{2}")
_KEY = re.compile(r"[\x21-\x7e]{1,200}")
_TAGS = re.compile(r'(W/)?"[\x21\x23-\x7e]*"(\s*,\s*(W/)?"[\x21\x23-\x7e]*")*')
_VERSION_TAG = re.compile(r'(?<!W/)"([0-9]{1,9})"')


def user_account(principal: Principal, user: str) -> str:
    """The account of the user whom a partner names by its own id.

    Raises:
        MalformedRequest: the caller is no partner, or the id is not one.
    """
    if principal.kind != "partner":
        raise MalformedRequest({"zh": "只有合作方可以指明用户", "en": "only partners name a user"})
    if not 0 < len(user) <= 100 or not user.isprintable():
        raise MalformedRequest({"zh": "用户标识应为 1 到 100 个字符", "en": "a user's id has 1 to 100 characters"})
    return partner_account(principal.id, user)


def concerns_user(need: Need) -> bool:
    """Whether a partner may say which of its users a call of this need is about."""
    return need.subject != "none" or need.scope.startswith("bindings:")


def trace_of(traceparent: str | None) -> str | None:
    """The trace id of a W3C `traceparent` header; None where there is none, or another form than version 00 has."""
    trace = _TRACE.fullmatch(traceparent or "")
    return None if trace is None else trace[1]


def checked_key(key: str | None) -> str | None:
    """The idempotency key as sent.

    Raises:
        MalformedRequest: it is not 1 to 200 visible characters.
    """
    if key is not None and not _KEY.fullmatch(key):
        raise MalformedRequest(
            {"zh": "Idempotency-Key 应为 1 到 200 个可见字符", "en": "Idempotency-Key has 1 to 200 visible characters"}
        )
    return key


def expected_versions(if_match: str | None) -> frozenset[int] | None:
    """The versions named by If-Match (RFC 9110 §13.1.1), which no weak tag names; None where any will do.

    Raises:
        MalformedRequest: it is no list of entity tags.
    """
    if if_match is None or if_match.strip() == "*":
        return None
    if len(if_match) > 500 or not _TAGS.fullmatch(if_match.strip()):
        raise MalformedRequest({"zh": "If-Match 应为 ETag 的值", "en": "If-Match takes the ETag that was answered"})
    return frozenset(map(int, _VERSION_TAG.findall(if_match)))


def locale(language: str | None) -> str:
    """`en` where the caller asks for English first (Accept-Language), else zh-CN."""
    return "en" if (language or "").strip().lower().startswith("en") else "zh-CN"


def channel_of(principal: Principal) -> str:
    """`web` for people on pages, `api` for programs."""
    return "web" if principal.kind in ("session", "anonymous") else "api"
