"""JSON-RPC 2.0 by itself: a message becomes calls, an outcome becomes bytes. No connection, no capability.

Source: https://www.jsonrpc.org/specification. Parameters go by name only, for a capability's fields have no order. One
member of `params`, `_meta`, is set apart for what surrounds a call; no field of a request begins with an underscore.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal, TypeVar

import msgspec
from msgspec import UNSET, Meta, Raw, UnsetType

from gateway.errors import GatewayError, MalformedRequest, NotFound, Words

PARSE_ERROR = -32700
INVALID_REQUEST = -32600
METHOD_NOT_FOUND = -32601
INVALID_PARAMS = -32602
INTERNAL_ERROR = -32603

PATH = "/v1/ws"
"""Where the surface is; problem documents name it as their instance."""
MOST_CALLS = 100
"""Calls that one batch may hold."""

_MESSAGES = {
    PARSE_ERROR: "Parse error",
    INVALID_REQUEST: "Invalid Request",
    METHOD_NOT_FOUND: "Method not found",
    INVALID_PARAMS: "Invalid params",
    INTERNAL_ERROR: "Internal error",
}
_NOT_JSON = (msgspec.DecodeError, UnicodeError, RecursionError)
_encode = msgspec.json.Encoder().encode

T = TypeVar("T")


class CallMeta(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What surrounds a call: the member `_meta` of `params`."""

    user: Annotated[str, Meta(min_length=1, max_length=100)] | None = None
    """For partners: their own id of the user the call is about."""
    idempotency_key: Annotated[str, Meta(pattern=r"^[!-~]{1,200}$")] | None = None
    """The same key with the same fields gives the same answer for 24 hours."""
    locale: Literal["zh-CN", "en"] | None = None
    """Language of words for people; by default that of the upgrade's Accept-Language."""
    if_version: Annotated[int, Meta(ge=0, le=999_999_999)] | None = None
    """The version you saw of what the call changes: refused with 412 if it has changed since."""
    traceparent: str | None = None
    """W3C trace context of the caller."""


@dataclass(frozen=True, slots=True)
class Request:
    """One call as it came in."""

    id: bytes | None
    """The id exactly as the client wrote it; None: a notification, which gets no answer."""
    method: str
    fields: dict[str, Raw]
    """The request's fields by name, each still JSON."""
    meta: CallMeta

    @property
    def payload(self) -> bytes:
        """The request's fields as one JSON object."""
        return _encode(self.fields)


@dataclass(frozen=True, slots=True)
class Message:
    """What one WebSocket message asks for."""

    calls: list[Request | bytes]
    """Calls in the order sent; bytes: the error answer to one that is none."""
    batch: bool = False


class RpcError(Exception):
    """A refusal with a code of JSON-RPC's own."""

    def __init__(self, code: int, error: GatewayError) -> None:
        super().__init__(code, error)
        self.code = code
        self.error = error


class _Envelope(msgspec.Struct):
    jsonrpc: Raw | UnsetType = UNSET
    method: Raw | UnsetType = UNSET
    params: Raw | UnsetType = UNSET
    id: Raw | UnsetType = UNSET


def read(text: str, locale: str) -> Message:
    """The calls that a message holds; `locale` is for the answers to those that are none."""
    try:
        elements = _elements(text)
    except RpcError as refusal:
        return Message([failure(b"null", refusal, locale)])
    calls = [_call(element, locale) for element in elements]
    return Message(calls, batch=text.lstrip()[:1] == "[")


def _elements(text: str) -> list[Raw]:
    try:
        whole = msgspec.json.decode(text, type=Raw)
        if not bytes(whole).lstrip().startswith(b"["):
            return [whole]
        found = msgspec.json.decode(whole, type=list[Raw])
    except _NOT_JSON as error:
        raise _refused(PARSE_ERROR, f"消息不是 JSON：{error}", f"the message is not JSON: {error}") from error
    if not 1 <= len(found) <= MOST_CALLS:
        raise _refused(
            INVALID_REQUEST, f"一个批次应有 1 到 {MOST_CALLS} 个调用", f"a batch holds 1 to {MOST_CALLS} calls"
        )
    return found


def _call(element: Raw, locale: str) -> Request | bytes:
    call_id: bytes | None = b"null"
    try:
        envelope = _envelope(element)
        call_id = _id(envelope)
        method = _method(envelope)
    except RpcError as refusal:
        return failure(call_id or b"null", refusal, locale)
    try:
        fields, meta = _params(envelope)
    except RpcError as refusal:
        # Nobody waits for the answer to a notification, so there is none to its refusal either.
        return b"" if call_id is None else failure(call_id, refusal, locale)
    return Request(call_id, method, fields, meta)


def _envelope(element: Raw) -> _Envelope:
    try:
        return msgspec.json.decode(element, type=_Envelope)
    except _NOT_JSON as error:
        raise _refused(INVALID_REQUEST, "调用应为 JSON 对象", "a call is a JSON object") from error


def _id(envelope: _Envelope) -> bytes | None:
    if envelope.id is UNSET:
        return None
    raw = bytes(envelope.id)
    if raw == b"null" or raw[:1] in b'"-0123456789':
        return raw
    raise _refused(INVALID_REQUEST, "id 应为字符串、数字或 null", "an id is a string, a number or null")


def _method(envelope: _Envelope) -> str:
    if envelope.jsonrpc is UNSET or bytes(envelope.jsonrpc) != b'"2.0"':
        raise _refused(INVALID_REQUEST, 'jsonrpc 应为 "2.0"', 'jsonrpc must be "2.0"')
    try:
        method = msgspec.json.decode(b"" if envelope.method is UNSET else envelope.method, type=str)
    except _NOT_JSON as error:
        raise _refused(INVALID_REQUEST, "method 应为字符串", "method must be a string") from error
    if envelope.params is not UNSET and bytes(envelope.params)[:1] not in (b"{", b"["):
        raise _refused(INVALID_REQUEST, "params 应为 JSON 对象", "params must be a JSON object")
    return method


def _params(envelope: _Envelope) -> tuple[dict[str, Raw], CallMeta]:
    if envelope.params is UNSET:
        return {}, CallMeta()
    try:
        fields = msgspec.json.decode(envelope.params, type=dict[str, Raw])
    except _NOT_JSON as error:
        raise _refused(
            INVALID_PARAMS, "参数按名称传递：params 应为 JSON 对象", "parameters go by name: params is a JSON object"
        ) from error
    raw = fields.pop("_meta", None)
    return fields, CallMeta() if raw is None else _decoded(raw, CallMeta, "_meta")


def _decoded(raw: bytes | Raw, kind: type[T], place: str) -> T:
    try:
        return msgspec.json.decode(raw, type=kind)
    except _NOT_JSON as error:
        raise _refused(INVALID_PARAMS, f"{place} 有误：{error}", f"{place}: {error}") from error


def arguments(request: Request, kind: type[T]) -> T:
    """The fields of a call as the struct that its method takes.

    Raises:
        RpcError: they are not.
    """
    return _decoded(request.payload, kind, "params")


def refuse_unknown_fields(request: Request, known: frozenset[str]) -> None:
    """A member that nothing reads is a slip of the pen, and to pass over it would hide what the caller meant.

    Raises:
        RpcError: invalid params, naming the members.
    """
    if unknown := request.fields.keys() - known:
        names = ", ".join(sorted(unknown))[:200]
        raise _refused(INVALID_PARAMS, f"params 有未知成员：{names}", f"params has unknown members: {names}")


def _refused(code: int, zh: str, en: str) -> RpcError:
    return RpcError(code, MalformedRequest({"zh": zh, "en": en}))


def unknown_method(method: str) -> RpcError:
    """The refusal of a method that is not served."""
    shown = method[:100]
    words: Words = {"zh": f"没有名为 {shown} 的方法", "en": f"no method {shown}"}
    return RpcError(METHOD_NOT_FOUND, NotFound(words))


def result(id: bytes, answer: object) -> bytes:
    """The answer to a call that went well."""
    return b'{"jsonrpc":"2.0","id":%b,"result":%b}' % (id, _encode(answer))


def failure(id: bytes, error: GatewayError | RpcError, locale: str) -> bytes:
    """The answer to a call that was refused; its `data` is the problem document (RFC 9457)."""
    ours = error.error if isinstance(error, RpcError) else error
    problem = ours.problem(PATH, locale)
    number = code_of(error)
    said = {"code": number, "message": _MESSAGES.get(number, problem["title"]), "data": problem}
    return b'{"jsonrpc":"2.0","id":%b,"error":%b}' % (id, _encode(said))


def code_of(error: GatewayError | RpcError) -> int:
    """The JSON-RPC code of a refusal.

    The platform's own refusals are told by their HTTP status in the range that JSON-RPC leaves to servers: status 4nn
    is -320nn, status 5nn is -32050 - nn. `code` in the problem document is the finer, stable one.
    """
    if isinstance(error, RpcError):
        return error.code
    if isinstance(error, MalformedRequest):
        return INVALID_PARAMS
    if error.status == 500:
        return INTERNAL_ERROR
    return -32000 - (error.status - 400) if error.status < 500 else -32050 - (error.status - 500)


def notification(method: str, params: object) -> bytes:
    """A message of the server that asks for no answer."""
    return b'{"jsonrpc":"2.0","method":%b,"params":%b}' % (_encode(method), _encode(params))


def batch(answers: list[bytes]) -> bytes:
    """The answer to a batch."""
    return b"[%b]" % b",".join(answers)
