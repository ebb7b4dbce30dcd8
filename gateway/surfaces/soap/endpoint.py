"""Serving SOAP: `POST /soap` for both versions, the WSDL at `GET /soap?wsdl` and `/soap/tuila.wsdl`."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any, cast

import msgspec
import structlog
from lxml import etree
from sanic import Request
from sanic.exceptions import PayloadTooLarge, SanicException
from sanic.response import HTTPResponse

from auth.principal import Principal
from auth.username_token import UsernameToken
from gateway.authentication import Authentication
from gateway.capability import Capability
from gateway.errors import BodyTooLarge, GatewayError, Internal, MalformedRequest, MethodNotAllowed, Unauthenticated
from gateway.invoke import Call, Invoker
from gateway.kit.clock import Clock
from gateway.surfaces import rest
from gateway.surfaces.calls import channel_of, checked_key, locale, trace_of, user_account
from gateway.surfaces.rest import Server
from gateway.surfaces.soap import envelope as envelopes
from gateway.surfaces.soap import security, values, wsdl
from gateway.surfaces.soap.envelope import SOAP_11, SOAP_12, Envelope, NotUnderstood, Version, VersionMismatch
from gateway.surfaces.soap.names import TUILA, action, fault_name, ours
from gateway.surfaces.soap.operations import CALL, RESULT, Operation, Operations, Problem
from gateway.surfaces.soap.operations import Call as Header

PATH = "/soap"

_UNDERSTOOD = frozenset({ours(CALL), security.SECURITY})
_HEADERS = {"cache-control": "no-store"}
_MEDIA_TYPES = {
    "zh": f"内容类型应为 {SOAP_11.media_type}（SOAP 1.1）或 {SOAP_12.media_type}（SOAP 1.2）",
    "en": f"the content type is {SOAP_11.media_type} for SOAP 1.1 or {SOAP_12.media_type} for SOAP 1.2",
}
_log = structlog.get_logger("soap")


def mount(
    app: Server, capabilities: Mapping[str, Capability], invoke: Invoker, authentication: Authentication, clock: Clock,
    address: str,
) -> None:  # fmt: skip
    """Serve every capability as an operation; `address` is the gateway's own as others reach it."""
    operations, document = _described(tuple(capabilities.values()), address + PATH)
    endpoint = Endpoint(operations, invoke, authentication, clock)

    async def describe(request: Request[Any, Any]) -> HTTPResponse:
        if "wsdl" not in request.query_string.lower() and request.path == PATH:
            words = {"zh": f"请用 POST 调用；WSDL 在 {PATH}?wsdl", "en": f"call with POST; the WSDL is at {PATH}?wsdl"}
            response = rest.problem(request, MethodNotAllowed(words))
            response.headers["allow"] = "POST"
            return response
        return HTTPResponse(document, 200, {"cache-control": "public, max-age=60"}, "text/xml; charset=utf-8")

    app.add_route(endpoint.serve, PATH, methods=["POST"], name="soap")
    app.add_route(describe, PATH, methods=["GET"], name="soap_about")
    app.add_route(describe, f"{PATH}/tuila.wsdl", methods=["GET"], name="soap_wsdl")
    for kind in (PayloadTooLarge, SanicException, Exception):
        app.error_handler.add(kind, endpoint.refuse, route_names=[f"{app.name}.soap"])


@lru_cache(maxsize=8)
def _described(capabilities: tuple[Capability, ...], address: str) -> tuple[Operations, bytes]:
    # Kept, for one process may serve the same capabilities in several applications, and this takes a while.
    operations = Operations(capabilities)
    return operations, wsdl.document(operations, address)


class Endpoint:
    """Turns envelopes into calls, and answers and errors into envelopes."""

    def __init__(self, operations: Operations, invoke: Invoker, authentication: Authentication, clock: Clock) -> None:
        self._operations = operations
        self._invoke = invoke
        self._authentication = authentication
        self._clock = clock

    async def serve(self, request: Request[Any, Any]) -> HTTPResponse:
        """The answer to one message: the operation's, or a fault."""
        language = rest.locale_of(request)
        version = _version(request)
        if version is None:
            error = MalformedRequest(_MEDIA_TYPES)
            return self._fault(SOAP_11, error, language, status=415)
        try:
            _check_charset(request)
            message = envelopes.read(request.body, version)
            envelopes.check_understood(message, version, _UNDERSTOOD)
            header = self._header(message)
            language = language if header.locale is None else locale(header.locale)
            operation = self._operation(message, _action(request, version))
            answer = await self._invoke(await self._call(request, message, header, operation, language))
        except VersionMismatch:
            return _response(envelopes.mismatch(version, language), version, 500)
        except NotUnderstood as error:
            return _response(envelopes.not_understood(version, error.names, language), version, 500)
        except GatewayError as error:
            return self._fault(version, error, language)
        return _response(_answer(version, operation, answer), version, 200)

    async def refuse(self, request: Request[Any, Any], error: Exception) -> HTTPResponse:
        """What the server itself refuses, and faults of ours, as faults."""
        version, language = _version(request) or SOAP_11, rest.locale_of(request)
        if isinstance(error, PayloadTooLarge):
            return self._fault(version, BodyTooLarge(), language, status=413)
        if isinstance(error, SanicException) and error.status_code < 500:
            return self._fault(version, MalformedRequest(str(error)), language)
        _log.error("soap failed", exc_info=error)
        return self._fault(version, Internal(), language)

    def _header(self, message: Envelope) -> Header:
        blocks = list(envelopes.header_blocks(message, ours(CALL)))
        if len(blocks) > 1:
            raise MalformedRequest({"zh": f"{CALL} 头重复出现", "en": f"the header {CALL} stands twice"})
        return (
            msgspec.convert(values.read_parts(blocks[0], self._operations.call, CALL), Header) if blocks else Header()
        )

    def _operation(self, message: Envelope, said: str | None) -> Operation:
        name = etree.QName(message.body)
        operation = self._operations.by_name.get(name.localname) if name.namespace == TUILA else None
        if operation is None:
            raise MalformedRequest(
                {
                    "zh": f"没有操作 {message.body.tag}，见 {PATH}?wsdl",
                    "en": f"no operation {message.body.tag}; see {PATH}?wsdl",
                }
            )
        if said and said != action(operation.name):
            raise MalformedRequest(
                {
                    "zh": f"SOAPAction 为 {said}，而 Body 中是 {operation.name}",
                    "en": f"the action is {said}, but the body holds {operation.name}",
                }
            )
        return operation

    async def _call(
        self, request: Request[Any, Any], message: Envelope, header: Header, operation: Operation, language: str
    ) -> Call:
        principal = await self._principal(request, message)
        return Call(
            operation.capability.name,
            principal,
            cast("dict[str, Any]", values.read_parts(message.body, operation.request, operation.name)),
            account=None if header.user is None else user_account(principal, header.user),
            channel=channel_of(principal),
            locale=language,
            idempotency_key=checked_key(header.idempotency_key),
            origin=request.headers.get("origin"),
            trace_id=trace_of(request.headers.get("traceparent")),
            expected=None if header.version is None else frozenset({header.version}),
        )

    async def _principal(self, request: Request[Any, Any], message: Envelope) -> Principal:
        shown = list(envelopes.header_blocks(message, security.SECURITY))
        if not shown:
            return await self._authentication.principal(rest.presented(request))
        if len(shown) > 1 or "authorization" in request.headers:
            raise Unauthenticated({"zh": "只应提供一种凭证", "en": "show one credential, not several"})
        credential = security.read(shown[0], self._clock())
        if isinstance(credential, UsernameToken):
            return await self._authentication.username_token(credential, request.ip)
        return await self._authentication.bearer(credential.token, request.ip)

    def _fault(self, version: Version, error: GatewayError, language: str, status: int | None = None) -> HTTPResponse:
        by_sender = error.status < 500
        detail = etree.Element(ours(fault_name(type(error))), nsmap={"t": TUILA})
        values.write_parts(detail, self._operations.problem, _problem(error, language))
        code = version.sender if by_sender else version.receiver
        body = envelopes.fault(version, code, error.words(language), language, detail)
        return _response(body, version, status or (version.sender_status if by_sender else 500))


def _problem(error: GatewayError, language: str) -> Problem:
    extra = {
        name: [*map(str, value)] if isinstance(value, list) else [str(value)] for name, value in error.extra.items()
    }
    title = error.title["en" if language == "en" else "zh"]
    return Problem(error.code, error.status, title, error.words(language), extra)


def _answer(version: Version, operation: Operation, answer: Any) -> bytes:
    root, body = envelopes.new(version)
    wrapper = etree.SubElement(body, ours(operation.response))
    if operation.answer is not None:
        values.write(wrapper, RESULT, operation.answer, answer)
    return envelopes.serialised(root)


def _version(request: Request[Any, Any]) -> Version | None:
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    return next((one for one in (SOAP_11, SOAP_12) if one.media_type == media_type), None)


def _check_charset(request: Request[Any, Any]) -> None:
    charset = _parameter(request, "charset") or "utf-8"
    if charset.lower() not in ("utf-8", "utf-16"):
        raise MalformedRequest({"zh": "字符编码应为 UTF-8", "en": f"the charset is {charset}; send UTF-8"})


def _action(request: Request[Any, Any], version: Version) -> str | None:
    """The action that the HTTP header names, where it does."""
    if version is SOAP_12:
        return _parameter(request, "action")
    return request.headers.get("soapaction", "").strip().strip('"')


def _parameter(request: Request[Any, Any], name: str) -> str | None:
    found = re.search(rf';\s*{name}\s*=\s*"?([^";]*)', request.headers.get("content-type", ""), re.IGNORECASE)
    return None if found is None else found[1].strip()


def _response(body: bytes, version: Version, status: int) -> HTTPResponse:
    return HTTPResponse(body, status, _HEADERS, f"{version.media_type}; charset=utf-8")
