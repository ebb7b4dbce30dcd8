"""What one connection says: who it speaks for, its calls under way, and when it has said enough."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import msgspec
import structlog

from auth.principal import Principal
from config.settings import WebSocketLimits
from gateway.authentication import Authentication, Presented
from gateway.errors import Forbidden, GatewayError, Internal, Unavailable
from gateway.invoke import Call, Invoker
from gateway.kit.clock import Clock
from gateway.store import StoreUnavailable
from gateway.surfaces.calls import channel_of, trace_of, user_account
from gateway.surfaces.websocket import jsonrpc
from gateway.surfaces.websocket.connected import Connected, owner_of
from gateway.surfaces.websocket.connection import GOING_AWAY, Connection
from gateway.surfaces.websocket.jsonrpc import Request, RpcError
from gateway.surfaces.websocket.methods import AUTHENTICATE, DISCOVER, Authenticate, Authenticated, Nothing

PATH = "/v1/ws"
UNAUTHENTICATED = 4401
"""Close code: nobody showed a token in time, or the one shown has ended."""

_RENEWAL_GRACE = timedelta(seconds=30)
_log = structlog.get_logger("websocket")


@dataclass(frozen=True)
class Service:
    """What all conversations stand on."""

    fields: Mapping[str, frozenset[str]]
    """Every capability → the names of its request's fields."""
    invoke: Invoker
    authentication: Authentication
    connected: Connected
    limits: WebSocketLimits
    clock: Clock
    document: msgspec.Raw
    """The OpenRPC document."""


@dataclass(frozen=True, slots=True)
class Opened:
    """What is known of a connection when it opens."""

    address: str
    origin: str | None
    """Web origin of the page, as the browser says; None outside browsers."""
    locale: str
    at: datetime


@dataclass(slots=True)
class _Reply:
    """The answer to one message, while its calls run."""

    waiting: int
    batch: bool
    answers: list[bytes] = field(default_factory=list)

    def add(self, answer: bytes) -> bytes:
        """Take the answer to one call (empty: it has none); gives what is to be sent now, if anything."""
        self.waiting -= 1
        if answer:
            self.answers.append(answer)
        if self.waiting or not self.answers:
            return b""
        return jsonrpc.batch(self.answers) if self.batch else self.answers[0]


class Conversation:
    """Listens to one connection.

    Messages are taken up in the order they come; calls run side by side, so many at a time, and are answered as they
    end. A method of the connection itself is done before anything sent after it begins.
    """

    __slots__ = (
        "_alone",
        "_connection",
        "_inbox",
        "_leaving",
        "_next",
        "_opened",
        "_principal",
        "_running",
        "_service",
    )

    def __init__(self, service: Service, principal: Principal, opened: Opened) -> None:
        """Count the connection.

        Raises:
            GatewayError: there is no room for it.
        """
        self._service = service
        self._principal = principal
        self._opened = opened
        self._connection: Connection | None = None
        self._inbox: deque[str] = deque()
        self._next: deque[tuple[Request, _Reply]] = deque()
        self._running: set[asyncio.Task[None]] = set()
        self._alone = False
        self._leaving = False
        service.connected.enter(self, owner_of(principal, opened.address))

    def begin(self, connection: Connection) -> None:
        """Speak over this connection."""
        self._connection = connection

    # --- what the connection tells ----------------------------------------------------------------------------------

    def received(self, text: str) -> None:
        self._inbox.append(text)
        self._go_on()

    def writable(self) -> None:
        self._go_on()

    def tick(self) -> None:
        """Close where nobody has said who they are in time, or no longer proves it."""
        now, principal = self._service.clock(), self._principal
        if principal.expires_at is not None and now >= principal.expires_at + _RENEWAL_GRACE:
            self._close(UNAUTHENTICATED, f"the token has ended; {AUTHENTICATE.name} renews it in time")
        if principal.kind == "anonymous" and now >= self._opened.at + self._service.limits.authenticate_within:
            self._close(UNAUTHENTICATED, f"nobody authenticated in time, by header or {AUTHENTICATE.name}")

    def ended(self, code: int | None) -> None:
        self._connection = None
        self._inbox.clear()
        self._next.clear()
        self._service.connected.exit(self, owner_of(self._principal, self._opened.address), code)

    # --- what the process tells -------------------------------------------------------------------------------------

    def leave(self) -> None:
        self._leaving = True
        self._go_on()

    def abort(self) -> None:
        if self._connection is not None:
            self._connection.abort()

    # --- calls ------------------------------------------------------------------------------------------------------

    def _go_on(self) -> None:
        connection = self._connection
        if connection is None:
            return
        if self._leaving:
            if not self._running:
                self._close(GOING_AWAY, "this server is stopping; connect again")
            return
        while connection.is_writable:
            if self._next:
                if self._alone or len(self._running) >= self._service.limits.calls_at_once:
                    break
                self._start(*self._next.popleft())
            elif self._inbox:
                self._take_up(self._inbox.popleft())
            else:
                break
        connection.hold(bool(self._next or self._inbox))

    def _take_up(self, text: str) -> None:
        message = jsonrpc.read(text, PATH, self._opened.locale)
        reply = _Reply(len(message.calls), message.batch)
        for call in message.calls:
            if isinstance(call, bytes):
                self._answer(reply, call)
            else:
                self._next.append((call, reply))

    def _start(self, request: Request, reply: _Reply) -> None:
        own = self._own_method(request.method)
        self._alone = own is not None
        task = asyncio.create_task(self._serve(request, reply, own or self._call))
        self._running.add(task)
        task.add_done_callback(self._served)

    def _served(self, task: asyncio.Task[None]) -> None:
        self._running.discard(task)
        self._go_on()

    def _answer(self, reply: _Reply, answer: bytes) -> None:
        whole = reply.add(answer)
        if whole and self._connection is not None:
            self._connection.send(whole)

    async def _serve(self, request: Request, reply: _Reply, run: Callable[[Request], Awaitable[object]]) -> None:
        answer = await self._outcome(request, run)
        self._alone = False
        self._answer(reply, b"" if request.id is None else answer)

    async def _outcome(self, request: Request, run: Callable[[Request], Awaitable[object]]) -> bytes:
        error: GatewayError | RpcError
        try:
            return jsonrpc.result(request.id or b"null", await run(request))
        except (GatewayError, RpcError) as refusal:
            error = refusal
        except StoreUnavailable:
            error = Unavailable()
        except Exception:  # noqa: BLE001 - one broken call must not end the conversation
            _log.exception("call failed", method=request.method)
            error = Internal()
        return jsonrpc.failure(request.id or b"null", error, PATH, self._locale(request))

    def _locale(self, request: Request) -> str:
        return request.meta.locale or self._opened.locale

    async def _call(self, request: Request) -> Any:
        known = self._service.fields.get(request.method)
        if known is None:
            raise jsonrpc.unknown_method(request.method)
        jsonrpc.refuse_unknown_fields(request, known)
        principal = await self._service.authentication.as_of_now(self._principal)
        user = request.meta.user
        return await self._service.invoke(
            Call(
                request.method,
                principal,
                request.payload,
                account=None if user is None else user_account(principal, user),
                channel=channel_of(principal),
                locale=self._locale(request),
                idempotency_key=request.meta.idempotency_key,
                origin=self._opened.origin,
                trace_id=trace_of(request.meta.traceparent),
                expected=None if request.meta.if_version is None else frozenset([request.meta.if_version]),
            )
        )

    # --- the connection's own methods -------------------------------------------------------------------------------

    def _own_method(self, name: str) -> Callable[[Request], Awaitable[object]] | None:
        match name:
            case AUTHENTICATE.name:
                return self._authenticate
            case DISCOVER.name:
                return self._discover
            case _:
                return None

    async def _authenticate(self, request: Request) -> Authenticated:
        token = jsonrpc.arguments(request, Authenticate).token
        service, opened, before = self._service, self._opened, self._principal
        shown = Presented("GET", PATH, {"authorization": f"Bearer {token}"}, b"", opened.address)
        principal = await service.authentication.principal(shown)
        await service.authentication.refuse_strange_page(principal, opened.origin)
        if before.kind != "anonymous" and (before.kind, before.id) != (principal.kind, principal.id):
            raise Forbidden(
                {
                    "zh": "令牌属于另一个调用方，请另开连接",
                    "en": "the token is another caller's; open another connection for it",
                }
            )
        service.connected.move(owner_of(before, opened.address), owner_of(principal, opened.address))
        self._principal = principal
        return Authenticated(principal.kind, principal.id, principal.account, principal.expires_at)

    async def _discover(self, request: Request) -> msgspec.Raw:
        jsonrpc.arguments(request, Nothing)
        return self._service.document

    def _close(self, code: int, reason: str) -> None:
        if self._connection is not None:
            self._connection.close(code, reason)
