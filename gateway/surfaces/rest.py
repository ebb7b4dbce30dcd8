"""REST: every capability at its route, JSON in and out, errors as problem+json (RFC 9457)."""

from __future__ import annotations

import re
from collections.abc import Callable, Coroutine, Mapping, Sequence
from functools import lru_cache
from typing import Any

import msgspec
from sanic import Request, Sanic
from sanic.exceptions import MethodNotAllowed as SanicMethodNotAllowed
from sanic.exceptions import NotFound as SanicNotFound
from sanic.exceptions import PayloadTooLarge, SanicException
from sanic.response import HTTPResponse

from auth.principal import Principal
from auth.signed_request import SCHEME
from gateway.authentication import Authentication, Presented
from gateway.capability import Capability
from gateway.errors import (
    BodyTooLarge,
    GatewayError,
    Internal,
    MalformedRequest,
    MethodNotAllowed,
    NotFound,
    Unavailable,
)
from gateway.invoke import Call, Invoker
from gateway.quota import Window
from gateway.store import StoreUnavailable
from gateway.surfaces.calls import channel_of, checked_key, expected_versions, locale, trace_of, user_account

Server = Sanic[Any, Any]

ERROR_FORMAT = "json"
"""Told with each of many routes, or Sanic parses the handler's source for it. Errors are rendered here anyway."""

_JSON = "application/json"
_PROBLEM = "application/problem+json"
_FIELD = re.compile(r"\{(\w+)\}")
_encode = msgspec.json.Encoder().encode

_EXPOSED = "retry-after, etag, ratelimit, ratelimit-policy"
# No cookie speaks for anybody here, so a page of any origin may call; which pages may open sessions is the partner's list.
_CORS = {
    "access-control-allow-origin": "*",
    "access-control-allow-methods": "GET, POST, PUT, PATCH, DELETE",
    "access-control-allow-headers": "authorization, content-type, idempotency-key, if-match, accept-language, tuila-user",
    "access-control-expose-headers": _EXPOSED,
    "access-control-max-age": "86400",
}
_NOT_KEPT = {"cache-control": "no-store"}
_TO_A_PAGE = {"access-control-allow-origin": "*", "access-control-expose-headers": _EXPOSED, **_NOT_KEPT}


def mount(app: Server, capabilities: Mapping[str, Capability], invoke: Invoker, authentication: Authentication) -> None:
    """Serve every capability at its HTTP route."""
    for capability in capabilities.values():
        path = _FIELD.sub(r"<\1:str>", capability.path)
        app.add_route(
            handler(capability, invoke, authentication),
            path,
            methods=[capability.method],
            name=_route_name(capability),
            error_format=ERROR_FORMAT,
        )
    for number, path in enumerate(sorted({capability.path for capability in capabilities.values()})):
        app.add_route(
            _preflight,
            _FIELD.sub(r"<\1:str>", path),
            methods=["OPTIONS"],
            name=f"preflight_{number}",
            error_format=ERROR_FORMAT,
        )
    app.error_handler.add(SanicException, server_refusal)
    app.error_handler.add(Exception, _unexpected)


def _route_name(capability: Capability) -> str:
    return capability.name.replace(".", "_")


def handler(
    capability: Capability, invoke: Invoker, authentication: Authentication
) -> Callable[..., Coroutine[Any, Any, HTTPResponse]]:
    """What answers requests for a capability."""
    reads_body = capability.method not in ("GET", "DELETE")
    versioned = capability.versioned

    async def serve(request: Request[Any, Any], **path: str) -> HTTPResponse:
        call = None
        try:
            principal = await authentication.principal(presented(request))
            payload = _body(request, path) if reads_body else _arguments(request, path)
            call = _call(capability.name, principal, payload, request)
            answer = await invoke(call)
        except GatewayError as error:
            return problem(request, error, () if call is None else call.windows)
        headers = {**_headers(request), **_quota_headers(call.windows)}
        if versioned:
            headers["etag"] = f'"{answer.version}"'
        return HTTPResponse(_encode(answer), 200, headers, _JSON)

    return serve


def _headers(request: Request[Any, Any]) -> dict[str, str]:
    return _TO_A_PAGE if "origin" in request.headers else _NOT_KEPT


def presented(request: Request[Any, Any]) -> Presented:
    """What the request shows of its sender."""
    return Presented(
        request.method, request.raw_url.decode("ascii", "replace"), request.headers, request.body, request.ip
    )


def _call(name: str, principal: Principal, payload: bytes | Mapping[str, Any], request: Request[Any, Any]) -> Call:
    headers = request.headers
    return Call(
        name,
        principal,
        payload,
        account=_account(principal, request),
        channel=channel_of(principal),
        locale=locale_of(request),
        idempotency_key=checked_key(headers.get("idempotency-key")),
        origin=headers.get("origin"),
        trace_id=trace_of(headers.get("traceparent")),
        expected=expected_versions(headers.get("if-match")),
    )


def _account(principal: Principal, request: Request[Any, Any]) -> str | None:
    user = named_user(request)
    return None if user is None else user_account(principal, user)


def named_user(request: Request[Any, Any]) -> str | None:
    """The user a partner names by its own id: in the query or, where no signature would leave it out, in a header."""
    in_header = request.headers.get("tuila-user")
    in_query = _query(request).get("tuila_user")
    if in_header is not None and is_signed(request):
        raise MalformedRequest(
            {
                "zh": "签名请求请用查询参数 tuila_user 指明用户：签名不含请求头",
                "en": "name the user of a signed request by the query parameter tuila_user: no signature covers a header",
            }
        )
    return in_header if in_query is None else in_query


def is_signed(request: Request[Any, Any]) -> bool:
    """Whether the request shows a signature instead of a token."""
    return request.headers.get("authorization", "").partition(" ")[0].lower() == SCHEME.lower()


def locale_of(request: Request[Any, Any]) -> str:
    """The language the caller asks for first."""
    return locale(request.headers.get("accept-language"))


def _arguments(request: Request[Any, Any], path: Mapping[str, str]) -> Mapping[str, Any]:
    return {**_query(request), **path}


def _query(request: Request[Any, Any]) -> dict[str, str]:
    """The query's arguments, the last of each name."""
    if not request.query_string:
        return {}
    # Sanic keeps what it parsed for these very arguments, so every reader asks in the same way.
    return {name: given[-1] for name, given in request.get_args(keep_blank_values=True).items()}


def _body(request: Request[Any, Any], path: Mapping[str, str]) -> bytes | Mapping[str, Any]:
    body: bytes = request.body
    if not path:
        return body
    try:
        fields = msgspec.json.decode(body) if body else {}
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise MalformedRequest({"zh": f"请求内容不是 JSON：{error}", "en": str(error)}) from error
    if not isinstance(fields, dict):
        raise MalformedRequest({"zh": "请求内容应为 JSON 对象", "en": "the body must be a JSON object"})
    return {**fields, **path}


def _quota_headers(windows: Sequence[Window]) -> dict[str, str]:
    """What is left to the caller, as RateLimit and RateLimit-Policy (draft-ietf-httpapi-ratelimit-headers)."""
    if not windows:
        return {}
    left = ", ".join(f'"{one.name}";r={max(0, one.limit - one.used)};t={one.resets_in}' for one in windows)
    return {
        "ratelimit": left,
        "ratelimit-policy": _policy(tuple((one.name, one.limit, one.seconds) for one in windows)),
    }


@lru_cache(maxsize=1000)
def _policy(windows: tuple[tuple[str, int, int], ...]) -> str:
    return ", ".join(f'"{name}";q={limit};w={seconds}' for name, limit, seconds in windows)


async def _preflight(request: Request[Any, Any], **path: str) -> HTTPResponse:
    return HTTPResponse(b"", 204, _CORS)


def problem(request: Request[Any, Any], error: GatewayError, windows: Sequence[Window] = ()) -> HTTPResponse:
    """The error as a problem document in the caller's language; `windows` are those the call was counted in."""
    headers = {**_headers(request), **_quota_headers(windows)}
    if error.status == 401:
        headers["www-authenticate"] = 'Bearer realm="tuila"'
    if "retry_after" in error.extra:
        headers["retry-after"] = str(max(1, round(float(error.extra["retry_after"]))))
    locale = locale_of(request)
    headers["content-language"] = locale
    return HTTPResponse(_encode(error.problem(request.path, locale)), error.status, headers, _PROBLEM)


async def server_refusal(request: Request[Any, Any], error: SanicException) -> HTTPResponse:
    """What the server itself refuses, in our form."""
    ours = refused_by_server(error)
    response = problem(request, ours)
    if isinstance(ours, MethodNotAllowed):
        response.headers["allow"] = error.headers["Allow"]
    return response


def refused_by_server(error: SanicException) -> GatewayError:
    """What the server refuses before anything of ours is asked, as one of our errors."""
    ours: GatewayError
    if isinstance(error, SanicNotFound):
        ours = NotFound()
    elif isinstance(error, SanicMethodNotAllowed):
        ours = MethodNotAllowed()
    elif isinstance(error, PayloadTooLarge):
        ours = BodyTooLarge()
    elif error.status_code < 500:
        ours = MalformedRequest(str(error))
    else:
        ours = Internal()
    return ours


async def _unexpected(request: Request[Any, Any], error: Exception) -> HTTPResponse:
    # Who is calling is found out before a call begins, and may need the store.
    return problem(request, Unavailable() if isinstance(error, StoreUnavailable) else Internal())
