"""The OpenRPC document of the JSON-RPC surface, made from the capabilities' types.

Source: OpenRPC specification 1.3. It tells methods, types and errors; docs/websocket.md tells the connection around them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Any

import msgspec
from msgspec import Struct
from sanic import Request
from sanic.response import HTTPResponse

from gateway.capability import Capability
from gateway.errors import GatewayError
from gateway.surfaces.openapi import (
    PROBLEM,
    REFERENCE,
    closure,
    possible_errors,
    referred,
    refuse_same_names,
    type_name,
)
from gateway.surfaces.rest import Server
from gateway.surfaces.websocket.jsonrpc import CallMeta, code_of
from gateway.surfaces.websocket.methods import METHODS, Method

_META = {
    "name": "_meta",
    "summary": "What surrounds the call: the user, the idempotency key, the language.",
    "required": False,
    "schema": {"$ref": REFERENCE.format(name=type_name(CallMeta))},
}


def document(capabilities: Iterable[Capability], *, title: str, version: str, server: str) -> dict[str, Any]:
    """The OpenRPC 1.3 document as plain data; `server` is the address under which others reach the gateway."""
    declared = list(capabilities)
    types: list[type[Any]] = [CallMeta, *(one.request for one in declared), *(one.answer for one in declared)]
    types += [kind for method in METHODS for kind in (method.request, method.answer) if kind is not None]
    refuse_same_names(types)
    _, components = msgspec.json.schema_components(types, ref_template=REFERENCE)
    methods = [_own(method, components) for method in METHODS] + [_method(one, components) for one in declared]
    schemas = closure({**components, "Problem": PROBLEM}, referred(methods) | {"Problem"})
    return {
        "openrpc": "1.3.2",
        "info": {"title": title, "version": version, "description": "JSON-RPC 2.0 over WebSocket."},
        "servers": [{"name": "websocket", "url": f"ws{server.removeprefix('http')}/v1/ws"}],
        "methods": methods,
        "components": {"schemas": schemas},
    }


@lru_cache(maxsize=8)
def encoded(capabilities: tuple[Capability, ...], version: str, server: str) -> bytes:
    """The document as JSON; kept, as several applications of one process may serve the same."""
    return msgspec.json.encode(document(capabilities, title="Tuila", version=version, server=server))


def mount(app: Server, body: bytes) -> None:
    """Serve the document at /openrpc.json."""

    async def serve(request: Request[Any, Any]) -> HTTPResponse:
        return HTTPResponse(body, 200, {"access-control-allow-origin": "*"}, "application/json")

    app.add_route(serve, "/openrpc.json", methods=["GET"], name="openrpc")


def _method(capability: Capability, components: Mapping[str, Any]) -> dict[str, Any]:
    described: dict[str, Any] = {
        **_common(capability.name, capability.request, capability.answer, components),
        "summary": capability.summary,
        "description": "\n\n".join(filter(None, [capability.title["zh"], capability.description])),
        "errors": [_error(error) for error in possible_errors(capability)],
        "x-scope": capability.need.scope,
    }
    described["params"].append(_META)
    if capability.examples:
        sent = msgspec.to_builtins(capability.examples[0])
        described["examples"] = [
            {"name": "example", "params": [{"name": name, "value": value} for name, value in sent.items()]}
        ]
    return described


def _own(method: Method, components: Mapping[str, Any]) -> dict[str, Any]:
    return {
        **_common(method.name, method.request, method.answer, components),
        "summary": method.title["en"],
        "description": f"{method.title['zh']}\n\n{method.description}",
    }


def _common(
    name: str, request: type[Struct], answer: type[Any] | None, components: Mapping[str, Any]
) -> dict[str, Any]:
    schema = components[type_name(request)]
    required = schema.get("required", ())
    said = {"type": "object"} if answer is None else {"$ref": REFERENCE.format(name=type_name(answer))}
    return {
        "name": name,
        "tags": [{"name": name.partition(".")[0]}],
        "paramStructure": "by-name",
        "params": [
            {"name": field, "required": field in required, "schema": described}
            for field, described in schema.get("properties", {}).items()
        ],
        "result": {"name": "result", "schema": said},
    }


def _error(error: type[GatewayError]) -> dict[str, Any]:
    return {
        "code": code_of(error()),
        "message": error.title["en"],
        "data": {"code": error.code, "status": error.status},
    }
