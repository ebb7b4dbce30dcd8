"""Messages of the Model Context Protocol: JSON-RPC 2.0 in two eras, and what is wrong with one that is refused.

Revisions before 2026-07-28 begin with `initialize`; since then every request carries its revision, in its `_meta` and in
a header, and repeats its method and tool in headers. Source: basic/index, basic/versioning and
basic/transports/streamable-http of revision 2026-07-28; basic/transports of 2025-11-25.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from typing import Any, Literal

import msgspec
from msgspec import UNSET, Raw, Struct, UnsetType

MODERN = "2026-07-28"
WITH_HANDSHAKE = ("2025-11-25", "2025-06-18")
"""Revisions that begin with `initialize`, the newest first."""
REVISIONS = (MODERN, *WITH_HANDSHAKE)

PARSE_ERROR = -32700
INVALID_REQUEST = -32600
METHOD_NOT_FOUND = -32601
INVALID_PARAMS = -32602
HEADER_MISMATCH = -32020
UNSUPPORTED_REVISION = -32022

_REVISION_KEY = "io.modelcontextprotocol/protocolVersion"
_CAPABILITIES_KEY = "io.modelcontextprotocol/clientCapabilities"

Id = str | int


class RpcError(Exception):
    """The message is answered with a JSON-RPC error."""

    def __init__(
        self, code: int, message: str, *, data: Any = None, status: int = 400, challenge: str | None = None
    ) -> None:
        super().__init__(message)
        self.code = code
        self.data = data
        self.status = status
        self.challenge = challenge
        """Parameters of the `WWW-Authenticate` header, where other credentials could mend it."""

    def body(self, id: Id | None) -> dict[str, Any]:
        """The error as a JSON-RPC response to the request `id`; None where none could be read."""
        error = {"code": self.code, "message": str(self)}
        return {"jsonrpc": "2.0", "id": id, "error": error if self.data is None else {**error, "data": self.data}}


class Params(Struct, frozen=True):
    """What this server reads of any method's parameters."""

    meta: dict[str, Any] = msgspec.field(name="_meta", default_factory=dict)
    cursor: str | None = None
    name: str = ""
    arguments: dict[str, Raw] | None = None
    protocol_version: str = msgspec.field(name="protocolVersion", default="")


class Message(Struct, frozen=True):
    """A request, or without an id a notification."""

    jsonrpc: Literal["2.0"]
    method: str
    id: Id | UnsetType = UNSET
    params: Raw = Raw(b"{}")


def read_message(body: bytes) -> Message:
    """The one message of a POST.

    Raises:
        RpcError: no JSON, or no single request or notification.
    """
    try:
        return msgspec.json.decode(body, type=Message)
    except msgspec.ValidationError as error:
        raise RpcError(INVALID_REQUEST, f"the body must be one JSON-RPC request or notification: {error}") from error
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise RpcError(PARSE_ERROR, f"the body is not JSON: {error}") from error


def read_params(message: Message) -> Params:
    """The message's parameters.

    Raises:
        RpcError: a member that this server reads has another form than the method takes.
    """
    try:
        return msgspec.json.decode(message.params, type=Params)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise RpcError(INVALID_PARAMS, f"params: {error}") from error


def is_modern(headers: Mapping[str, str], params: Params) -> bool:
    """Whether the request speaks in the form of 2026-07-28 and later."""
    return _REVISION_KEY in params.meta or headers.get("mcp-protocol-version") == MODERN


def check_modern(headers: Mapping[str, str], method: str, params: Params) -> None:
    """Return if the request says the same in its body and its headers, of a revision that is spoken here.

    Raises:
        RpcError: something required is missing, header and body differ, or the revision is another one.
    """
    if missing := [key for key in (_REVISION_KEY, _CAPABILITIES_KEY) if key not in params.meta]:
        raise RpcError(INVALID_PARAMS, f"params._meta lacks {', '.join(missing)}")
    revision = params.meta[_REVISION_KEY]
    said = {"mcp-protocol-version": revision, "mcp-method": method}
    if method == "tools/call":
        said["mcp-name"] = params.name
    for name, value in said.items():
        if name not in headers or _decoded(headers[name]) != value:
            raise RpcError(HEADER_MISMATCH, f"the header {name} does not say what the body says")
    if revision != MODERN:
        raise _unsupported(revision)


def check_header(headers: Mapping[str, str]) -> None:
    """Return if a message of the era before names a revision of that era that is spoken here.

    Raises:
        RpcError: it names another one, or none.
    """
    revision = headers.get("mcp-protocol-version")
    if revision is None:
        raise RpcError(INVALID_REQUEST, "the header MCP-Protocol-Version is missing")
    if revision not in REVISIONS:
        raise _unsupported(revision)


def _unsupported(revision: object) -> RpcError:
    data = {"supported": list(REVISIONS), "requested": revision}
    return RpcError(UNSUPPORTED_REVISION, "unsupported protocol version", data=data)


def _decoded(value: str) -> str | None:
    """A header's value; what could not stand in a header comes as `=?base64?…?=`."""
    if not (value.startswith("=?base64?") and value.endswith("?=")):
        return value
    try:
        return base64.b64decode(value[9:-2], validate=True).decode()
    except (binascii.Error, UnicodeDecodeError):
        return None
