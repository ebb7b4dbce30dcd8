"""What the OAuth endpoints have in common: forms in, JSON and errors out, never kept (RFC 6749 §3.2 and §5)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
from sanic import Request
from sanic.response import HTTPResponse

from gateway.capabilities.grants import GrantRefused, ScopeNotGranted, TokenNotRevocable
from gateway.errors import Forbidden, GatewayError, MalformedRequest, TooManyRequests, Unavailable

_NO_STORE = {"cache-control": "no-store", "pragma": "no-cache", "access-control-allow-origin": "*"}

_CODES: dict[type[GatewayError], str] = {
    GrantRefused: "invalid_grant",
    ScopeNotGranted: "invalid_scope",
    TokenNotRevocable: "unsupported_token_type",
    MalformedRequest: "invalid_request",
    Forbidden: "unauthorized_client",
    TooManyRequests: "slow_down",
    Unavailable: "temporarily_unavailable",
}


class OAuthRefused(Exception):
    """An error of RFC 6749 §5.2 or RFC 7009 §2.2.1."""

    def __init__(self, code: str, description: str, status: int = 400) -> None:
        super().__init__(description)
        self.code = code
        self.description = description
        self.status = status

    @classmethod
    def of(cls, error: GatewayError) -> OAuthRefused:
        """A capability's refusal in the protocol's words."""
        status = error.status if error.status in (429, 500, 503) else 400
        return cls(
            _CODES.get(type(error), "server_error" if status >= 500 else "invalid_request"), error.words("en"), status
        )

    def response(self) -> HTTPResponse:
        """The error as the client gets it."""
        headers = dict(_NO_STORE)
        if self.status == 401:
            headers["www-authenticate"] = 'Basic realm="tuila"'
        return _json({"error": self.code, "error_description": self.description}, self.status, headers)


def given(value: Any) -> HTTPResponse:
    """A good answer, not to be kept by anybody on the way."""
    return _json(value, 200, _NO_STORE)


def published(value: Any) -> HTTPResponse:
    """An answer for everybody, good for five minutes."""
    return _json(value, 200, {"cache-control": "public, max-age=300", "access-control-allow-origin": "*"})


def _json(value: Any, status: int, headers: dict[str, str]) -> HTTPResponse:
    return HTTPResponse(msgspec.json.encode(value), status, headers, "application/json")


def fields(request: Request[Any, Any]) -> Mapping[str, Sequence[str]]:
    """The form of a request as it came: every value of each name."""
    return dict(request.form or {})  # a plain one: the framework's gives the first value alone


def field(request: Request[Any, Any], name: str) -> str:
    """The first value of a form's field, empty where there is none."""
    return next(iter(fields(request).get(name, ())), "")


def form_of(request: Request[Any, Any]) -> dict[str, str]:
    """The form of a request, each parameter once (RFC 6749 §3.2).

    Raises:
        OAuthRefused: one stands there twice.
    """
    form = fields(request)
    doubled = sorted(name for name, values in form.items() if len(values) > 1)
    if doubled:
        raise OAuthRefused("invalid_request", f"given more than once: {', '.join(doubled)}"[:200])
    return {name: values[0] for name, values in form.items()}
