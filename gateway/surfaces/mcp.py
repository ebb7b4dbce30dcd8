"""The Model Context Protocol at /mcp: every capability as a tool for assistants, over streamable HTTP without sessions.

A POST takes one JSON-RPC message and is answered with one JSON object; there is nothing to stream. Who may connect is
told by the protected-resource metadata (RFC 9728) that a 401 points to.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import msgspec
from msgspec import UNSET, Raw
from sanic import Request
from sanic.response import HTTPResponse

from auth.policy import IDENTITY_REQUIRED
from auth.principal import Principal
from gateway.authentication import Authentication
from gateway.capabilities.partners import Partners
from gateway.capability import Capability
from gateway.errors import GatewayError, MalformedRequest, Unauthenticated
from gateway.invoke import Call, Invoker
from gateway.kit.clock import Clock
from gateway.surfaces.calls import checked_key, trace_of, user_account
from gateway.surfaces.mcp_messages import (
    INVALID_PARAMS,
    INVALID_REQUEST,
    METHOD_NOT_FOUND,
    MODERN,
    REVISIONS,
    WITH_HANDSHAKE,
    Message,
    Params,
    RpcError,
    check_header,
    check_modern,
    is_modern,
    read_message,
    read_params,
)
from gateway.surfaces.mcp_tools import KEY, USER, Tool, may_be_called, tools_of
from gateway.surfaces.rest import Server, locale_of, named_user, presented

PAGE = 100
"""Tools on one page of the list; many assistants read no second one."""
FRESH_FOR_MS = 60_000
"""How long a client may keep the list."""
_METADATA = "/.well-known/oauth-protected-resource"
_JSON = "application/json"
_PREFLIGHT = {
    "access-control-allow-origin": "*",
    "access-control-allow-methods": "POST",
    "access-control-allow-headers": "authorization, content-type, accept-language, tuila-user, "
    "mcp-protocol-version, mcp-method, mcp-name",
    "access-control-max-age": "86400",
}
_INSTRUCTIONS = {
    "zh-CN": "价格单位为分。改变事物的调用请带上 tuila_key；没有收到结果时用同一个 tuila_key 重试。"
    "有些事情须由用户本人确认：助手只能准备并告知用户去确认，不能代为确认。",
    "en": "Prices are in fen (1/100 yuan). Give every call that changes something a tuila_key, and repeat a call that brought "
    "no answer with the same one. Some things wait for the subscriber's own yes: prepare them, say where to confirm, "
    "and look later; an assistant cannot confirm for anybody.",
}


class Caller(NamedTuple):
    """Who asks, and the request they ask with."""

    principal: Principal
    request: Request[Any, Any]

    @property
    def locale(self) -> str:
        """The language asked for first."""
        return locale_of(self.request)

    @property
    def names_user(self) -> bool:
        """Whether its calls name the user: a partner's do, unless the connection is for one user."""
        fixed = "tuila-user" in self.request.headers or "tuila_user" in self.request.args
        return self.principal.kind == "partner" and not fixed


class Tools:
    """Answers the protocol's methods."""

    def __init__(self, capabilities: Mapping[str, Capability], invoke: Invoker, clock: Clock, version: str) -> None:
        self._tools = tools_of(tuple(capabilities.values()))
        self._invoke = invoke
        self._clock = clock
        self._server = {"name": "tuila", "title": "Tuila", "version": version}

    async def answer(self, message: Message, caller: Caller) -> dict[str, Any]:
        """The result of a request.

        Raises:
            RpcError: it is answered with an error.
        """
        params, headers = read_params(message), caller.request.headers
        if is_modern(headers, params):
            check_modern(headers, message.method, params)
            result = await self._modern(message.method, params, caller)
            return {"resultType": "complete", "_meta": {"io.modelcontextprotocol/serverInfo": self._server}, **result}
        if message.method == "initialize":
            return self._initialized(params, caller)
        check_header(headers)
        return {} if message.method == "ping" else await self._of_both_eras(message.method, params, caller)

    async def _modern(self, method: str, params: Params, caller: Caller) -> dict[str, Any]:
        if method == "server/discover":
            return {"supportedVersions": [*REVISIONS], **_about(caller), "ttlMs": FRESH_FOR_MS, "cacheScope": "public"}
        result = await self._of_both_eras(method, params, caller)
        return {**result, "ttlMs": FRESH_FOR_MS, "cacheScope": "private"} if method == "tools/list" else result

    async def _of_both_eras(self, method: str, params: Params, caller: Caller) -> dict[str, Any]:
        if method == "tools/list":
            return self._listed(params.cursor, caller)
        if method == "tools/call":
            return await self._called(params, caller)
        raise RpcError(METHOD_NOT_FOUND, f"no method {method[:100]}", status=404)

    def _initialized(self, params: Params, caller: Caller) -> dict[str, Any]:
        asked = params.protocol_version
        revision = asked if asked in WITH_HANDSHAKE else WITH_HANDSHAKE[0]
        return {"protocolVersion": revision, "serverInfo": self._server, **_about(caller)}

    def _listed(self, cursor: str | None, caller: Caller) -> dict[str, Any]:
        if cursor is not None and cursor not in self._tools:
            raise RpcError(INVALID_PARAMS, "params.cursor is not the nextCursor of a page")
        left = [
            tool
            for tool in self._tools.values()
            if (cursor is None or tool.name > cursor) and may_be_called(tool, caller.principal, self._clock())
        ]
        page = left[:PAGE]
        told = {"tools": [tool.described(caller.locale, names_user=caller.names_user) for tool in page]}
        return told if len(page) == len(left) else {**told, "nextCursor": page[-1].name}

    async def _called(self, params: Params, caller: Caller) -> dict[str, Any]:
        tool = self._tools.get(params.name)
        if tool is None:
            raise RpcError(INVALID_PARAMS, f"no tool {params.name[:100]}")
        need = tool.capability.need
        try:
            answer = await self._invoke(_call(tool, params.arguments or {}, caller))
        except Unauthenticated as error:
            raise _challenge(caller.request, error, 'error="invalid_token"') from error
        except GatewayError as error:
            if error.extra.get("reason") == "scope_missing" and not need.own_voice:
                challenge = f'error="insufficient_scope", scope="{need.scope}"'
                raise _challenge(caller.request, error, challenge) from error
            return _refused(error, caller)
        structured = msgspec.json.encode(answer)
        return {"content": [_text(structured.decode())], "structuredContent": Raw(structured), "isError": False}


def _about(caller: Caller) -> dict[str, Any]:
    return {"capabilities": {"tools": {}}, "instructions": _INSTRUCTIONS[caller.locale]}


def _call(tool: Tool, arguments: dict[str, Raw], caller: Caller) -> Call:
    request, principal = caller.request, caller.principal
    takes = tool.arguments(names_user=caller.names_user)
    if unknown := sorted(arguments.keys() - takes):
        raise MalformedRequest(
            {
                "zh": f"没有参数 {unknown[0][:100]}；可用的参数：{', '.join(sorted(takes))}",
                "en": f"no argument {unknown[0][:100]}; it takes: {', '.join(sorted(takes))}",
            }
        )
    user = _string(arguments, USER) if USER in arguments else named_user(request)
    fields = {name: value for name, value in arguments.items() if name not in (USER, KEY)}
    return Call(
        tool.capability.name,
        principal,
        msgspec.json.encode(fields),
        account=None if user is None else user_account(principal, user),
        channel="mcp",
        locale=caller.locale,
        idempotency_key=checked_key(_string(arguments, KEY) if KEY in arguments else None),
        origin=request.headers.get("origin"),
        trace_id=trace_of(request.headers.get("traceparent")),
    )


def _string(arguments: Mapping[str, Raw], name: str) -> str:
    try:
        return msgspec.json.decode(arguments[name], type=str)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise MalformedRequest({"zh": f"{name} 应为文本", "en": f"{name} must be a string"}) from error


def _refused(error: GatewayError, caller: Caller) -> dict[str, Any]:
    """A refusal as a tool's result, in words for the model and as a problem document for programs."""
    document = error.problem(caller.request.path, caller.locale)
    words = dict.fromkeys((document["title"], document["detail"]))
    return {"content": [_text(": ".join(words)), _text(msgspec.json.encode(document).decode())], "isError": True}


def _text(text: str) -> dict[str, str]:
    return {"type": "text", "text": text}


def _challenge(request: Request[Any, Any], error: GatewayError, challenge: str) -> RpcError:
    """The refusal of a caller that other credentials could mend (RFC 6750 §3)."""
    document = error.problem(request.path, locale_of(request))
    return RpcError(error.status, document["detail"], data=document, status=error.status, challenge=challenge)


class Endpoint:
    """The HTTP side: who is at the other end, from which page, and in which form the message comes."""

    def __init__(self, tools: Tools, authentication: Authentication, partners: Partners, public_url: str) -> None:
        self._tools = tools
        self._authentication = authentication
        self._partners = partners
        address = urlsplit(public_url)
        self._origin = f"{address.scheme}://{address.netloc}"
        self._metadata = f'resource_metadata="{public_url}{_METADATA}/mcp"'

    async def post(self, request: Request[Any, Any]) -> HTTPResponse:
        """The response to one message."""
        message: Message | None = None
        headers = {"cache-control": "no-store"}
        if "origin" in request.headers:
            headers["access-control-allow-origin"] = "*"
        try:
            principal = await self._principal(request)
            _check_form(request)
            message = read_message(request.body)
            if message.id is UNSET:
                check_header(request.headers)
                return HTTPResponse(b"", 202, headers)
            result = await self._tools.answer(message, Caller(principal, request))
        except RpcError as error:
            if error.challenge is not None:
                parts = filter(None, (error.challenge, self._metadata))
                headers["www-authenticate"] = f"Bearer {', '.join(parts)}"
            id_ = None if message is None or message.id is UNSET else message.id
            return HTTPResponse(msgspec.json.encode(error.body(id_)), _status(error, request), headers, _JSON)
        body = msgspec.json.encode({"jsonrpc": "2.0", "id": message.id, "result": result})
        return HTTPResponse(body, 200, headers, _JSON)

    async def _principal(self, request: Request[Any, Any]) -> Principal:
        try:
            principal = await self._authentication.principal(presented(request))
        except Unauthenticated as error:
            await self._check_origin(request, None)
            raise _challenge(request, error, 'error="invalid_token"') from error
        await self._check_origin(request, principal.partner_id)
        if principal.kind == "anonymous":
            # No scope is asked for: a client would ask the token endpoint for just that one, whatever it was granted.
            refusal = Unauthenticated(dict(IDENTITY_REQUIRED.words), reason=IDENTITY_REQUIRED.reason)
            raise _challenge(request, refusal, "")
        return msgspec.structs.replace(principal, by_proxy=True)

    async def _check_origin(self, request: Request[Any, Any], partner_id: str | None) -> None:
        """Refuse pages that are neither ours nor the caller's own: a name rebound to this address would bring such."""
        origin = request.headers.get("origin")
        if origin is None or origin == self._origin:
            return
        partner = None if partner_id is None else await self._partners.get(partner_id)
        if partner is None or origin not in partner.origins:
            raise RpcError(403, "pages of this origin may not connect", status=403)


def _status(error: RpcError, request: Request[Any, Any]) -> int:
    # Before 2026-07-28 what a method says against its request is a response like any other.
    modern = request.headers.get("mcp-protocol-version") == MODERN
    return error.status if modern or error.code not in (METHOD_NOT_FOUND, INVALID_PARAMS) else 200


def _check_form(request: Request[Any, Any]) -> None:
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != _JSON:
        raise RpcError(INVALID_REQUEST, f"the Content-Type must be {_JSON}", status=415)
    accepted = request.headers.get("accept", "*/*").lower()
    if not any(form in accepted for form in (_JSON, "application/*", "*/*")):
        raise RpcError(INVALID_REQUEST, f"the Accept header must allow {_JSON}", status=406)
    for name in ("mcp-protocol-version", "mcp-method", "mcp-name"):
        if len(request.headers.getall(name, [])) > 1:
            raise RpcError(INVALID_REQUEST, f"the header {name} stands there twice")


def mount(
    app: Server,
    capabilities: Mapping[str, Capability],
    invoke: Invoker,
    authentication: Authentication,
    partners: Partners,
    clock: Clock,
    *,
    version: str,
    public_url: str,
) -> None:
    """Serve /mcp and the metadata of the protected resource."""
    endpoint = Endpoint(Tools(capabilities, invoke, clock, version), authentication, partners, public_url)

    async def preflight(request: Request[Any, Any]) -> HTTPResponse:
        return HTTPResponse(b"", 204, _PREFLIGHT)

    async def metadata(request: Request[Any, Any]) -> HTTPResponse:
        path = request.path.removeprefix(_METADATA)
        document = {
            "resource": f"{public_url}{path}",
            "resource_name": "Tuila",
            "authorization_servers": [public_url],
            "bearer_methods_supported": ["header"],
        }
        headers = {"cache-control": "public, max-age=300", "access-control-allow-origin": "*"}
        return HTTPResponse(msgspec.json.encode(document), 200, headers, _JSON)

    app.add_route(endpoint.post, "/mcp", methods=["POST"], name="mcp")
    app.add_route(preflight, "/mcp", methods=["OPTIONS"], name="mcp_preflight")
    # RFC 9728 §3.1: the resource's path follows the well-known name; without one it speaks of the whole gateway.
    app.add_route(metadata, _METADATA, methods=["GET"], name="resource_metadata")
    app.add_route(metadata, f"{_METADATA}/mcp", methods=["GET"], name="mcp_metadata")
