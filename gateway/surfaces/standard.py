"""Standards: serves the tables of `gateway.standards`, and knows no standard and no capability by name."""

from __future__ import annotations

import re
from collections.abc import Callable, Coroutine, Iterable, Mapping
from dataclasses import replace
from typing import Any
from urllib.parse import urlencode
from uuid import UUID, uuid5

import msgspec
from sanic import Request
from sanic.exceptions import MethodNotAllowed as SanicMethodNotAllowed
from sanic.exceptions import PayloadTooLarge, SanicException
from sanic.response import HTTPResponse

from auth.principal import Principal
from gateway.authentication import Authentication
from gateway.errors import GatewayError, Internal, MalformedRequest, MethodNotAllowed, NotFound
from gateway.invoke import Call, Invoker
from gateway.standards.operation import Asked, Operation, Shape, Standard, member
from gateway.standards.tmf630 import Selection, selection
from gateway.surfaces.calls import channel_of, checked_key, user_account
from gateway.surfaces.rest import (
    ERROR_FORMAT,
    Server,
    locale_of,
    named_user,
    presented,
    refused_by_server,
    server_refusal,
)

_METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")
_FIELD = re.compile(r"\{(\w+)\}")
_CORRELATOR = re.compile(r"[a-zA-Z0-9_:;./<>{}-]{0,256}")
_MOST_READ = 1000
"""Resources looked through for one list: beyond them a caller has to filter by something the capability knows."""

_PLATFORM_PARAMETERS = frozenset({"tuila_user"})
_FRESH = UUID("6f0b7a52-0c55-4d0e-9d0a-6b3b1f1c2f6e")  # any; ids made of keys are told apart by it from others

Handler = Callable[..., Coroutine[Any, Any, HTTPResponse]]


class StandardServer:
    """Answers the operations of one standard."""

    def __init__(
        self, standard: Standard, invoke: Invoker, authentication: Authentication, ids: Callable[[], str], root: str
    ) -> None:
        self.standard = standard
        self._invoke = invoke
        self._authentication = authentication
        self._ids = ids
        self._root = root

    def handler(self, operations: Mapping[str, Operation]) -> Handler:
        """Serves one path, by the method's operation; other methods are refused in the standard's own form."""
        return self._handler(operations, NotFound if not operations else MethodNotAllowed)

    def not_offered(self) -> Handler:
        """Answers at a path of the document at which nothing is offered."""
        return self._handler({}, MethodNotAllowed)

    def _handler(self, operations: Mapping[str, Operation], otherwise: type[GatewayError]) -> Handler:

        async def serve(request: Request[Any, Any], **path: str) -> HTTPResponse:
            operation = operations.get(request.method)
            try:
                if operation is None:
                    raise otherwise
                return await self._answer(operation, request, path)
            except GatewayError as error:
                response = self._refusal(request, operation, error)
            except Exception:  # noqa: BLE001 - the invoker has logged it; the caller gets the standard's form
                response = self._refusal(request, operation, Internal())
            if operation is None and otherwise is MethodNotAllowed:
                response.headers["allow"] = ", ".join(operations)  # none at all: RFC 9110 §10.2.1 has that, too
            return response

        return serve

    def refuse(self, request: Request[Any, Any], error: SanicException) -> HTTPResponse:
        """What the server refuses by itself, in the standard's own form."""
        response = self._refusal(request, None, refused_by_server(error))
        if isinstance(error, SanicMethodNotAllowed):
            response.headers["allow"] = error.headers["Allow"]
        return response

    async def _answer(self, operation: Operation, request: Request[Any, Any], path: Mapping[str, str]) -> HTTPResponse:
        self._refuse_bad_correlator(request)
        principal = await self._authentication.principal(presented(request))
        if principal.kind == "partner" and operation.for_partner is not None:
            operation = operation.for_partner
        asked = self._asked(operation, request, path)
        if operation.plain is not None and operation.plain[0](asked):
            operation = operation.plain[1]
        if principal.kind == "partner" and operation.whose is not None and asked.user is None:
            capability, fields = operation.whose
            told = await self._invoke(self._call(capability, principal, asked, request, fields(asked)))
            asked = replace(asked, user=told.user)
        wanted = self._selection(operation, asked)
        if operation.shape is Shape.LIST:
            assert wanted is not None
            found, is_whole = await self._collect(operation, principal, asked, request)
            return self._list(operation, request, [msgspec.to_builtins(one) for one in found], is_whole, wanted)
        if operation.shape is Shape.MEMBER:
            found, _ = await self._collect(operation, principal, asked, request)
            return self._one(operation, request, member(path["id"], found, operation.absent), wanted)
        answer = await self._invoke(
            self._call(operation.capability, principal, asked, request, operation.request(asked))
        )
        return self._one(operation, request, operation.answer(answer, asked), wanted)

    def _asked(self, operation: Operation, request: Request[Any, Any], path: Mapping[str, str]) -> Asked:
        query: dict[str, tuple[str, ...]] = {}
        if request.query_string:
            query = {name: (*values,) for name, values in request.get_args(keep_blank_values=True).items()}
        body = None if operation.body is None else _decoded(request.body, operation.body)
        # What is sent again under its key is about the same new thing, or the key would be another call's.
        key = request.headers.get("idempotency-key")
        fresh_id = self._ids() if key is None else str(uuid5(_FRESH, key))
        asked = Asked(
            path, query, body, locale_of(request), self._root + self.standard.base, self._root, None, fresh_id
        )
        return replace(asked, user=_user(named_user(request), operation.user(asked)))

    def _selection(self, operation: Operation, asked: Asked) -> Selection | None:
        if operation.resource is None or not self.standard.selects:
            return None
        query = asked.query
        if operation.shape is not Shape.LIST:  # of one resource, attributes are selected
            query = {name: values for name, values in query.items() if name == "fields"}
        return selection(query, operation.resource, _PLATFORM_PARAMETERS | operation.parameters)

    def _call(
        self,
        capability: str,
        principal: Principal,
        asked: Asked,
        request: Request[Any, Any],
        fields: Mapping[str, Any],
    ) -> Call:
        return Call(
            capability,
            principal,
            fields,
            account=self._account(principal, asked),
            channel=channel_of(principal),
            locale=asked.locale,
            idempotency_key=checked_key(request.headers.get("idempotency-key")),
            origin=request.headers.get("origin"),
        )

    def _account(self, principal: Principal, asked: Asked) -> str | None:
        if asked.user is None or principal.kind == "anonymous":  # who shows no credentials is told so, and no more
            return None
        return user_account(principal, asked.user)

    async def _collect(
        self, operation: Operation, principal: Principal, asked: Asked, request: Request[Any, Any]
    ) -> tuple[list[Any], bool]:
        """The resources of the capability's pages, and whether they are all there are."""
        items: list[Any] = []
        fields = dict(operation.request(asked))
        while True:
            page = await self._invoke(self._call(operation.capability, principal, asked, request, fields))
            items += page.items
            if page.next is None or len(items) >= _MOST_READ:
                whole = msgspec.structs.replace(page, items=items)
                return operation.answer(whole, asked), page.next is None
            fields["cursor"] = page.next

    def _list(
        self,
        operation: Operation,
        request: Request[Any, Any],
        found: Iterable[dict[str, Any]],
        is_whole: bool,
        wanted: Selection,
    ) -> HTTPResponse:
        matching = [one for one in found if wanted.matches(one)]
        if not is_whole and wanted.offset + wanted.limit > len(matching):
            raise MalformedRequest(
                {
                    "zh": f"只能在最新的 {_MOST_READ} 条中查找；请用筛选条件缩小范围",
                    "en": f"only the first {_MOST_READ} can be looked through; narrow the list by filters",
                }
            )
        page = matching[wanted.offset : wanted.offset + wanted.limit]
        headers = self._headers(request)
        headers["x-result-count"] = str(len(page))
        if is_whole:
            headers["x-total-count"] = str(len(matching))
        links = _links(request, wanted, len(matching))
        if links:
            headers["link"] = links
        return self._json([wanted.narrowed(one, operation.required) for one in page], operation.status, headers)

    def _one(
        self,
        operation: Operation,
        request: Request[Any, Any],
        resource: msgspec.Struct | None,
        wanted: Selection | None,
    ) -> HTTPResponse:
        headers = self._headers(request)
        if resource is None:
            return HTTPResponse(None, operation.status, headers)
        body: dict[str, Any] = msgspec.to_builtins(resource)
        if wanted is not None:
            body = wanted.narrowed(body, operation.required)
        if operation.status == 201 and "href" in body:
            headers["location"] = body["href"]
        return self._json(body, operation.status, headers)

    def _refusal(self, request: Request[Any, Any], operation: Operation | None, error: GatewayError) -> HTTPResponse:
        status, body = self.standard.refusal(error, operation, locale_of(request))
        headers = self._headers(request)
        if status == 401:
            headers["www-authenticate"] = 'Bearer realm="tuila"'
        if "retry_after" in error.extra:
            headers["retry-after"] = str(max(1, round(float(error.extra["retry_after"]))))
        return self._json(body, status, headers)

    def _headers(self, request: Request[Any, Any]) -> dict[str, str]:
        headers = {"cache-control": "no-store", "content-language": locale_of(request)}
        name = self.standard.correlator
        given = None if name is None else request.headers.get(name)
        if name is not None and given is not None and _CORRELATOR.fullmatch(given):
            headers[name] = given
        return headers

    def _refuse_bad_correlator(self, request: Request[Any, Any]) -> None:
        name = self.standard.correlator
        given = None if name is None else request.headers.get(name)
        if given is not None and not _CORRELATOR.fullmatch(given):
            raise MalformedRequest(
                {"zh": f"{name} 不符合 {_CORRELATOR.pattern}", "en": f"{name} is not of the form {_CORRELATOR.pattern}"}
            )

    def _json(self, body: Any, status: int, headers: dict[str, str]) -> HTTPResponse:
        return HTTPResponse(msgspec.json.encode(body), status, headers, self.standard.media_type)


def mount(
    app: Server,
    standards: Iterable[Standard],
    invoke: Invoker,
    authentication: Authentication,
    ids: Callable[[], str],
    root: str,
) -> None:
    """Serve every operation of the standards; `root` is the gateway's address as others reach it."""
    servers = [StandardServer(standard, invoke, authentication, ids, root) for standard in standards]
    for server in servers:
        standard = server.standard
        by_path: dict[str, dict[str, Operation]] = {}
        for operation in standard.operations:
            by_path.setdefault(operation.path, {})[operation.method] = operation
        for number, (path, operations) in enumerate(by_path.items()):
            route = standard.base + _FIELD.sub(r"<\1:str>", path)
            app.add_route(
                server.handler(operations),
                route,
                methods=[*_METHODS],
                error_format=ERROR_FORMAT,
                name=f"{standard.name}_{number}",
            )
        for number, path in enumerate(sorted(standard.unoffered)):
            route = standard.base + _FIELD.sub(r"<\1:str>", path)
            app.add_route(
                server.not_offered(),
                route,
                methods=[*_METHODS],
                error_format=ERROR_FORMAT,
                name=f"{standard.name}_not_offered_{number}",
            )
        app.add_route(
            server.handler({}),
            f"{standard.base}/<rest:path>",
            methods=[*_METHODS],
            error_format=ERROR_FORMAT,
            name=f"{standard.name}_else",
        )

    async def refuse(request: Request[Any, Any], error: SanicException) -> HTTPResponse:
        asked = next((one for one in servers if request.path.startswith(f"{one.standard.base}/")), None)
        return await server_refusal(request, error) if asked is None else asked.refuse(request, error)

    for kind in (PayloadTooLarge, SanicMethodNotAllowed):  # refused before there is a route
        app.error_handler.add(kind, refuse)


def _decoded(body: bytes, kind: type[msgspec.Struct]) -> msgspec.Struct:
    try:
        return msgspec.json.decode(body, type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise MalformedRequest({"zh": f"请求内容有误：{error}", "en": str(error)}) from error


def _user(by_platform: str | None, by_standard: str | None) -> str | None:
    if None not in (by_platform, by_standard) and by_platform != by_standard:
        raise MalformedRequest(
            {"zh": "Tuila-User 与请求中指明的用户不一致", "en": "Tuila-User names another user than the request does"}
        )
    return by_standard if by_platform is None else by_platform


def _links(request: Request[Any, Any], wanted: Selection, total: int) -> str:
    """The pages around this one, as RFC 8288 links."""
    pages = {}
    if wanted.offset > 0:
        pages["prev"] = max(0, wanted.offset - wanted.limit)
    if wanted.offset + wanted.limit < total:
        pages["next"] = wanted.offset + wanted.limit
    others = [(name, value) for name, value in request.get_query_args() if name not in ("offset", "limit")]
    return ", ".join(
        f'<{request.path}?{urlencode([*others, ("offset", offset), ("limit", wanted.limit)])}>; rel="{relation}"'
        for relation, offset in pages.items()
    )
