"""The OpenAPI 3.1 document of the REST surface, made from the capabilities' types."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Any

import msgspec
from sanic import Request
from sanic.response import HTTPResponse

from gateway.capability import Capability
from gateway.errors import (
    BodyTooLarge,
    Conflict,
    Forbidden,
    GatewayError,
    KeyReused,
    MalformedRequest,
    PreconditionFailed,
    TooManyRequests,
    Unauthenticated,
    Unavailable,
)
from gateway.surfaces.calls import concerns_user
from gateway.surfaces.rest import Server

_FIELD = re.compile(r"\{(\w+)\}")
REFERENCE = "#/components/schemas/{name}"
_ALWAYS_POSSIBLE: tuple[type[GatewayError], ...] = (
    MalformedRequest, Unauthenticated, Forbidden, BodyTooLarge, TooManyRequests, Unavailable,
)  # fmt: skip
_WRITING: tuple[type[GatewayError], ...] = (Conflict, KeyReused)

PROBLEM: dict[str, Any] = {
    "title": "Problem",
    "description": "RFC 9457 problem document; `code` is stable, `detail` is for people.",
    "type": "object",
    "required": ["type", "title", "status", "code", "detail", "instance"],
    "properties": {
        "type": {"type": "string", "format": "uri-reference"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "code": {"type": "string"},
        "detail": {"type": "string"},
        "instance": {"type": "string"},
    },
}

_USER_HEADER = {
    "name": "Tuila-User",
    "in": "header",
    "required": False,
    "description": "For partners: your own id of the user the call is about.",
    "schema": {"type": "string", "minLength": 1, "maxLength": 100},
}
_USER_QUERY = {
    **_USER_HEADER,
    "name": "tuila_user",
    "in": "query",
    "description": "The same in the query, where the signature of a signed request covers it.",
}
_KEY_HEADER = {
    "name": "Idempotency-Key",
    "in": "header",
    "required": False,
    "description": "The same key with the same body gives the same answer for 24 hours; with another body, 422.",
    "schema": {"type": "string", "pattern": "^[!-~]{1,200}$"},
}


_MATCH_HEADER = {
    "name": "If-Match",
    "in": "header",
    "required": False,
    "description": "The ETag you saw: refused with 412 if it has changed since.",
    "schema": {"type": "string", "pattern": r'^(\*|"[0-9]{1,9}")$'},
}
_ANSWER_HEADERS = {
    "RateLimit": {
        "description": "What is left of your quota: `r` calls in each window, which ends in `t` seconds.",
        "schema": {"type": "string"},
    },
    "RateLimit-Policy": {
        "description": "Your quota: `q` calls in each window of `w` seconds.",
        "schema": {"type": "string"},
    },
}
_ETAG = {"ETag": {"description": "The version answered, for If-Match.", "required": True, "schema": {"type": "string"}}}


def document(capabilities: Iterable[Capability], *, title: str, version: str, server: str) -> dict[str, Any]:
    """The OpenAPI 3.1 document as plain data."""
    declared = list(capabilities)
    types = [one.request for one in declared] + [one.answer for one in declared]
    refuse_same_names(types)
    _, components = msgspec.json.schema_components(types, ref_template=REFERENCE)
    paths: dict[str, dict[str, Any]] = {}
    for capability in declared:
        paths.setdefault(capability.path, {})[capability.method.lower()] = _operation(capability, components)
    used = {type_name(one.answer) for one in declared} | referred(paths) | {"Problem"}
    schemas = closure({**components, "Problem": PROBLEM}, used)
    return {
        "openapi": "3.1.0",
        "info": {"title": title, "version": version, "description": "Push orders in, pull people to the services."},
        "servers": [{"url": server}],
        "paths": paths,
        "components": {
            "schemas": schemas,
            "securitySchemes": {
                "token": {
                    "type": "http",
                    "scheme": "bearer",
                    "description": "Access token of a partner (POST /oauth/token) or of a web session (POST /v1/sessions).",
                }
            },
        },
        "tags": [{"name": name} for name in dict.fromkeys(one.name.partition(".")[0] for one in declared)],
    }


def mount(app: Server, capabilities: Mapping[str, Capability], *, version: str, server: str) -> None:
    """Serve the document at /openapi.json."""
    body = _encoded(tuple(capabilities.values()), version, server)

    async def serve(request: Request[Any, Any]) -> HTTPResponse:
        return HTTPResponse(body, 200, {"access-control-allow-origin": "*"}, "application/json")

    app.add_route(serve, "/openapi.json", methods=["GET"], name="openapi")


@lru_cache(maxsize=8)
def _encoded(capabilities: tuple[Capability, ...], version: str, server: str) -> bytes:
    # Kept, for one process may serve the same capabilities in several applications, and this takes a while.
    return msgspec.json.encode(document(capabilities, title="Tuila", version=version, server=server))


def _operation(capability: Capability, components: Mapping[str, Any]) -> dict[str, Any]:
    request_schema = components[type_name(capability.request)]
    in_path = set(_FIELD.findall(capability.path))
    properties: dict[str, Any] = request_schema.get("properties", {})
    required = set(request_schema.get("required", ()))
    public = capability.need.scope == "public"
    operation: dict[str, Any] = {
        "operationId": capability.name,
        "tags": [capability.name.partition(".")[0]],
        "summary": capability.summary,
        "description": "\n\n".join(filter(None, [capability.title["zh"], capability.description])),
        "parameters": [_path_parameter(name, properties[name]) for name in _FIELD.findall(capability.path)],
        "responses": _responses(capability),
        "security": [{}, {"token": []}] if public else [{"token": []}],
        "x-scope": capability.need.scope,
    }
    if concerns_user(capability.need):
        operation["parameters"] += [_USER_HEADER, _USER_QUERY]
    if capability.keeps_answers:
        operation["parameters"].append(_KEY_HEADER)
    if capability.checks_version:
        operation["parameters"].append(_MATCH_HEADER)
    rest = {name: schema for name, schema in properties.items() if name not in in_path}
    if capability.method in ("GET", "DELETE"):
        operation["parameters"] += [_query_parameter(name, schema, name in required) for name, schema in rest.items()]
    elif rest:
        body = {**request_schema, "properties": rest, "required": sorted(required - in_path)}
        content: dict[str, Any] = {"schema": body}
        if capability.examples:
            content["example"] = msgspec.to_builtins(capability.examples[0])
        operation["requestBody"] = {"required": bool(required - in_path), "content": {"application/json": content}}
    return operation


def _path_parameter(name: str, schema: Mapping[str, Any]) -> dict[str, Any]:
    return {"name": name, "in": "path", "required": True, **_described(schema)}


def _query_parameter(name: str, schema: Mapping[str, Any], required: bool) -> dict[str, Any]:
    return {"name": name, "in": "query", "required": required, **_described(_without_null(schema))}


def _described(schema: Mapping[str, Any]) -> dict[str, Any]:
    words = {"description": schema["description"]} if "description" in schema else {}
    return {**words, "schema": dict(schema)}


def _without_null(schema: Mapping[str, Any]) -> Mapping[str, Any]:
    # A query cannot say null: leaving the parameter out does.
    choices = [choice for choice in schema.get("anyOf", ()) if choice != {"type": "null"}]
    plain = {name: value for name, value in schema.items() if name not in ("anyOf", "default")}
    if len(choices) == 1:
        return {**choices[0], **plain}
    if "enum" in schema:
        return {**schema, "enum": [value for value in schema["enum"] if value is not None]}
    return schema


def _responses(capability: Capability) -> dict[str, Any]:
    answer = {"$ref": REFERENCE.format(name=type_name(capability.answer))}
    responses: dict[str, Any] = {
        "200": {
            "description": capability.title["en"],
            "headers": {**_ANSWER_HEADERS, **(_ETAG if capability.versioned else {})},
            "content": {"application/json": {"schema": answer}},
        }
    }
    by_status: dict[int, list[type[GatewayError]]] = {}
    for error in possible_errors(capability):
        by_status.setdefault(error.status, []).append(error)
    for status, errors in sorted(by_status.items()):
        words = "; ".join(f"`{error.code}`: {error.title['en']}" for error in errors)
        problem = {"schema": {"$ref": REFERENCE.format(name="Problem")}}
        responses[str(status)] = {"description": words, "content": {"application/problem+json": problem}}
    return responses


def possible_errors(capability: Capability) -> list[type[GatewayError]]:
    """What a call may be refused with: what the capability declares, and what may befall any call of its kind."""
    matching = (PreconditionFailed,) if capability.checks_version else ()
    writing = _WRITING if capability.writes else ()
    return list(dict.fromkeys((*capability.errors, *_ALWAYS_POSSIBLE, *writing, *matching)))


def refuse_same_names(types: Iterable[type[Any]]) -> None:
    """Check that a document can name each type by its class.

    Raises:
        TypeError: two types share a name.
    """
    seen: dict[str, type[Any]] = {}
    for kind in types:
        if seen.setdefault(type_name(kind), kind) is not kind:
            raise TypeError(f"two types are called {type_name(kind)}; the document names each type by its class")


def type_name(kind: type[Any]) -> str:
    """What documents call a type."""
    return kind.__name__


def referred(part: Any) -> set[str]:
    """The types that a piece of a document refers to."""
    if isinstance(part, dict):
        own = {part["$ref"].rpartition("/")[2]} if isinstance(part.get("$ref"), str) else set()
        return own.union(*(referred(value) for value in part.values()))
    return set().union(*(referred(value) for value in part)) if isinstance(part, list) else set()


def closure(schemas: Mapping[str, Any], wanted: set[str]) -> dict[str, Any]:
    """The schemas of the wanted types and of all that they refer to, by name."""
    found: dict[str, Any] = {}
    while missing := wanted - found.keys():
        for name in missing:
            found[name] = schemas[name]
        wanted = wanted | referred([found[name] for name in missing])
    return dict(sorted(found.items()))
