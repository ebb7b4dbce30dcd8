"""What one connection says: who it speaks for, what its methods mean, and when it has said enough."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import msgspec
import structlog

from auth.policy import CALLER_SUSPENDED
from auth.principal import Principal
from config.settings import WebSocketLimits
from gateway.authentication import Authentication
from gateway.capabilities.events import EventNotFound, ListEvents, newest_of, seq_of
from gateway.capability import Capability
from gateway.errors import Forbidden, GatewayError, Internal, Unauthenticated, Unavailable
from gateway.invoke import Call, Invoker
from gateway.kit.clock import Clock
from gateway.store import Store, StoreUnavailable
from gateway.surfaces.calls import channel_of, trace_of, user_account
from gateway.surfaces.websocket import jsonrpc
from gateway.surfaces.websocket.connected import Connected, owner_of
from gateway.surfaces.websocket.connection import GOING_AWAY, Connection
from gateway.surfaces.websocket.jsonrpc import PATH, Request, RpcError
from gateway.surfaces.websocket.methods import (
    AUTHENTICATE,
    DISCOVER,
    SUBSCRIBE,
    UNSUBSCRIBE,
    UNSUBSCRIBED,
    Authenticate,
    Authenticated,
    Nothing,
    Subscribe,
    Subscribed,
    Unsubscribed,
)
from gateway.surfaces.websocket.pipeline import Pipeline
from gateway.surfaces.websocket.push import Reader, Subscription, Tail

UNAUTHENTICATED = 4401
"""Close code: nobody showed a token in time, or the one shown has ended."""

WITHDRAWN = 4403
"""Close code: the caller was suspended, or what it showed was withdrawn."""

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
    store: Store
    tail: Tail
    reading: Capability
    """The capability that reads the event feed: who may call it may have events pushed."""


@dataclass(frozen=True, slots=True)
class Opened:
    """What is known of a connection when it opens."""

    address: str
    origin: str | None
    """Web origin of the page, as the browser says; None outside browsers."""
    locale: str
    at: datetime


class Conversation:
    """Listens to one connection."""

    __slots__ = ("_connection", "_opened", "_pipeline", "_principal", "_service", "_since", "_subscription", "_user")

    def __init__(self, service: Service, principal: Principal, opened: Opened) -> None:
        """Count the connection.

        Raises:
            GatewayError: there is no room for it.
        """
        self._service = service
        self._principal = principal
        self._opened = opened
        self._since = opened.at
        self._pipeline = Pipeline(self._serve, self._is_own, at_once=service.limits.calls_at_once, locale=opened.locale)
        self._connection: Connection | None = None
        self._subscription: Subscription | None = None
        self._user: str | None = None
        service.connected.enter(self, owner_of(principal, opened.address))

    def begin(self, connection: Connection) -> None:
        """Speak over this connection."""
        self._connection = connection
        self._pipeline.begin(connection)

    # --- what the connection tells ----------------------------------------------------------------------------------

    def received(self, text: str) -> None:
        self._pipeline.received(text)

    def writable(self) -> None:
        self._pipeline.go_on()
        if self._subscription is not None:
            self._subscription.wake()

    def tick(self) -> None:
        """Close where nobody has said who they are in time, or no longer proves it."""
        now, principal = self._service.clock(), self._principal
        if principal.expires_at is not None and now >= principal.expires_at + _RENEWAL_GRACE:
            self._close(UNAUTHENTICATED, f"the token has ended; {AUTHENTICATE.name} renews it in time")
        if principal.kind == "anonymous" and now >= self._opened.at + self._service.limits.authenticate_within:
            self._close(UNAUTHENTICATED, f"nobody authenticated in time, by header or {AUTHENTICATE.name}")

    def ended(self, code: int | None) -> None:
        self._connection = None
        self._pipeline.end()
        self._unsubscribe()
        self._service.connected.exit(self, owner_of(self._principal, self._opened.address), code)

    # --- what the process tells -------------------------------------------------------------------------------------

    def leave(self) -> None:
        self._unsubscribe()
        self._pipeline.leave(lambda: self._close(GOING_AWAY, "this server is stopping; connect again"))

    def abort(self) -> None:
        if self._connection is not None:
            self._connection.abort()

    async def refusal(self) -> GatewayError | None:
        authentication, principal, opened = self._service.authentication, self._principal, self._opened
        try:
            await authentication.refuse_strange_page(principal, opened.origin)
            now = await authentication.as_of_now(principal, opened.address)
        except Forbidden as refusal:
            return refusal
        if now.suspended:
            return Forbidden(dict(CALLER_SUSPENDED.words), reason=CALLER_SUSPENDED.reason)
        if now.expires_at != principal.expires_at:
            return Unauthenticated({"zh": "授权已撤销", "en": "the grant has ended"}, reason="grant_ended")
        return None

    def rests_on(self) -> tuple[str | None, datetime]:
        return self._principal.binding_id or self._principal.account, self._since

    def withdraw(self, reason: str) -> None:
        self._close(WITHDRAWN, reason)

    # --- calls ------------------------------------------------------------------------------------------------------

    async def _serve(self, request: Request) -> bytes:
        error: GatewayError | RpcError
        try:
            answer = await (self._own_methods().get(request.method) or self._call)(request)
            return jsonrpc.result(request.id or b"null", answer)
        except (GatewayError, RpcError) as refusal:
            error = refusal
        except StoreUnavailable:
            error = Unavailable()
        except Exception:  # noqa: BLE001 - one broken call must not end the conversation
            _log.exception("call failed", method=request.method)
            error = Internal()
        return jsonrpc.failure(request.id or b"null", error, self._locale(request))

    def _locale(self, request: Request) -> str:
        return request.meta.locale or self._opened.locale

    async def _call(self, request: Request) -> Any:
        known = self._service.fields.get(request.method)
        if known is None:
            raise jsonrpc.unknown_method(request.method)
        jsonrpc.refuse_unknown_fields(request, known)
        meta = request.meta
        call = await self._as_call(request, request.method, request.payload)
        call.idempotency_key = meta.idempotency_key
        call.expected = None if meta.if_version is None else frozenset([meta.if_version])
        return await self._service.invoke(call)

    async def _as_call(self, request: Request, capability: str, payload: bytes | msgspec.Struct) -> Call:
        principal = await self._service.authentication.as_of_now(self._principal, self._opened.address)
        user = request.meta.user
        return Call(
            capability,
            principal,
            payload,
            account=None if user is None else user_account(principal, user),
            channel=channel_of(principal),
            locale=self._locale(request),
            origin=self._opened.origin,
            trace_id=trace_of(request.meta.traceparent),
        )

    # --- the connection's own methods -------------------------------------------------------------------------------

    def _own_methods(self) -> Mapping[str, Callable[[Request], Awaitable[object]]]:
        return {
            AUTHENTICATE.name: self._authenticate,
            DISCOVER.name: self._discover,
            SUBSCRIBE.name: self._start_subscription,
            UNSUBSCRIBE.name: self._stop_subscription,
        }

    def _is_own(self, request: Request) -> bool:
        return request.method in self._own_methods()

    async def _authenticate(self, request: Request) -> Authenticated:
        token = jsonrpc.arguments(request, Authenticate).token
        service, opened, before = self._service, self._opened, self._principal
        principal = await service.authentication.bearer(token, opened.address)
        await service.authentication.refuse_strange_page(principal, opened.origin)
        if before.kind != "anonymous" and (before.kind, before.id) != (principal.kind, principal.id):
            raise Forbidden(
                {
                    "zh": "令牌属于另一个调用方，请另开连接",
                    "en": "the token is another caller's; open another connection for it",
                }
            )
        if self._connection is not None:
            service.connected.move(owner_of(before, opened.address), owner_of(principal, opened.address))
            self._principal, self._since = principal, service.clock()
        return Authenticated(principal.kind, principal.id, principal.account, principal.expires_at)

    async def _discover(self, request: Request) -> msgspec.Raw:
        jsonrpc.arguments(request, Nothing)
        return self._service.document

    # --- events -----------------------------------------------------------------------------------------------------

    async def _start_subscription(self, request: Request) -> Subscribed:
        asked = jsonrpc.arguments(request, Subscribe)
        service, seen = self._service, None if asked.after == "newest" else asked.after
        # One call of the reading capability: quota, audit and every refusal are those of reading.
        first = ListEvents(seen, ",".join(asked.types) or None, limit=1)
        call = await self._as_call(request, service.reading.name, first)
        await service.invoke(call)
        principal = call.principal
        reader = Reader(principal.id if principal.kind == "partner" else None, call.account or principal.account)
        number: int | None = 0
        if asked.after == "newest":
            number, seen = await service.store.read(newest_of, partner_id=reader.partner_id, account=reader.account)
        elif seen is not None:
            number = await service.store.read(seq_of, seen)
        if number is None:
            raise EventNotFound
        self._unsubscribe()
        if self._connection is not None:
            self._user = call.account
            self._subscription = Subscription(service.tail, reader, asked.types, number, self)
        return Subscribed(seen)

    async def _stop_subscription(self, request: Request) -> Unsubscribed:
        jsonrpc.arguments(request, Nothing)
        was = self._subscription is not None
        self._unsubscribe()
        return Unsubscribed(was)

    async def may_read(self) -> GatewayError | None:
        try:
            principal = await self._service.authentication.as_of_now(self._principal, self._opened.address)
        except Forbidden as refusal:
            return refusal
        return await self._service.invoke.refusal(Call(self._service.reading.name, principal, {}, account=self._user))

    def push(self, message: bytes) -> bool:
        if self._connection is None or not self._connection.is_writable:
            return False
        self._connection.send(message)
        return True

    def unsubscribed(self, refusal: GatewayError) -> None:
        self._subscription = None
        if self._connection is not None:
            self._connection.send(jsonrpc.notification(UNSUBSCRIBED, refusal.problem(PATH, self._opened.locale)))

    def _unsubscribe(self) -> None:
        if self._subscription is not None:
            self._subscription.end()
            self._subscription = None

    def _close(self, code: int, reason: str) -> None:
        if self._connection is not None:
            self._connection.close(code, reason)
