"""The way from HTTP to WebSocket: who may open a connection, and how it takes the socket over from the HTTP server."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any, cast

import msgspec
from msgspec import Raw
from msgspec.structs import fields
from sanic import Request
from sanic.response import HTTPResponse
from websockets.datastructures import Headers
from websockets.http11 import Request as Handshake
from websockets.http11 import Response as Shaken
from websockets.protocol import State
from websockets.server import ServerProtocol

from auth.policy import CALLER_SUSPENDED
from auth.principal import Principal
from gateway.authentication import Authentication
from gateway.capabilities.events import EventPage
from gateway.errors import Forbidden, GatewayError, MalformedRequest
from gateway.platform import Platform
from gateway.surfaces.rest import Server, is_signed, locale_of, presented, problem
from gateway.surfaces.websocket.connected import Connected
from gateway.surfaces.websocket.connection import Connection, Patience
from gateway.surfaces.websocket.conversation import Conversation, Opened, Service
from gateway.surfaces.websocket.jsonrpc import PATH
from gateway.surfaces.websocket.push import Tail
from gateway.surfaces.websocket.standing import Standing


class UpgradeRequired(GatewayError):
    """This address speaks WebSocket only."""

    status = 426
    code = "upgrade-required"
    title = {"zh": "此地址只接受 WebSocket 连接", "en": "This address speaks WebSocket only"}


def mount(app: Server, platform: Platform, authentication: Authentication, document: bytes) -> None:
    """Serve WebSocket connections at /v1/ws; `document` is the OpenRPC document of what is served."""
    settings, capabilities = platform.settings, platform.capabilities
    limits, connected = settings.limits.websocket, Connected(settings.limits.websocket)
    service = Service(
        {name: frozenset(field.encode_name for field in fields(one.request)) for name, one in capabilities.items()},
        platform.invoke, authentication, connected, limits, platform.clock, Raw(document), platform.store,
        Tail(platform.feed, platform.store), next(one for one in capabilities.values() if one.answer is EventPage),
    )  # fmt: skip
    upgrade = _Upgrade(service, settings.limits.body_bytes, settings.partner_token_ttl)
    app.add_route(upgrade, PATH, methods=["GET"], name="websocket")

    standing = Standing(connected, platform.store, limits.standing)
    looking: list[asyncio.Task[None]] = []

    async def look(_app: Server) -> None:
        looking.append(asyncio.create_task(standing.run()))

    async def let_go(_app: Server) -> None:
        for task in looking:
            task.cancel()
        await connected.close()

    app.after_server_start(look)
    app.before_server_stop(let_go)


class _Upgrade:
    """Sanic takes the answer of a handler that is marked so to have been sent."""

    is_websocket = True
    __name__ = "websocket"

    def __init__(self, service: Service, message_bytes: int, signed_for: timedelta) -> None:
        """`message_bytes` bounds a message. A connection opened by a signed request, which has no end of its own, is good
        for `signed_for`, as a token would be.
        """
        self._service = service
        self._message_bytes = message_bytes
        self._signed_for = signed_for
        limits = service.limits
        self._patience = Patience(limits.heartbeat.total_seconds(), limits.slow_reader.total_seconds())

    async def __call__(self, request: Request[Any, Any]) -> HTTPResponse | None:
        # A socket that stands still between the two protocols would lose what comes in: from the last await on, all is
        # done in one go.
        try:
            ws, shaken = self._handshake(request)
            principal = await self._principal(request)
            opened = Opened(request.ip, request.headers.get("origin"), locale_of(request), self._service.clock())
            conversation = Conversation(self._service, principal, opened)
        except GatewayError as error:
            response = problem(request, error)
            if isinstance(error, UpgradeRequired):
                response.headers["upgrade"] = "websocket"
            return response
        connection = Connection(ws, self._patience, conversation)
        conversation.begin(connection)
        _take_over(request, connection, shaken)
        return None

    def _handshake(self, request: Request[Any, Any]) -> tuple[ServerProtocol, Shaken]:
        if request.query_string:
            raise MalformedRequest(
                {
                    "zh": "此地址不接受查询参数；令牌绝不能放在网址里",
                    "en": "this address takes no query; a token never belongs into an address",
                }
            )
        ws = ServerProtocol(max_size=self._message_bytes, state=State.OPEN)
        shaken = ws.accept(Handshake(PATH, Headers(list(request.headers.items()))))
        if shaken.status_code == UpgradeRequired.status:
            raise UpgradeRequired
        if shaken.status_code != 101:
            raise MalformedRequest((shaken.body or b"").decode().strip())
        return ws, shaken

    async def _principal(self, request: Request[Any, Any]) -> Principal:
        authentication = self._service.authentication
        principal = await authentication.principal(presented(request))
        if principal.suspended:
            raise Forbidden(dict(CALLER_SUSPENDED.words), reason=CALLER_SUSPENDED.reason)
        await authentication.refuse_strange_page(principal, request.headers.get("origin"))
        if is_signed(request):
            return msgspec.structs.replace(principal, expires_at=self._service.clock() + self._signed_for)
        return principal


def _take_over(request: Request[Any, Any], connection: Connection, shaken: Shaken) -> None:
    """Answer the handshake and leave the HTTP server without the socket: it is to read, time and close it no more."""
    transport = cast("asyncio.Transport", request.transport)
    http = cast("Any", transport.get_protocol())
    early = bytes(cast("Any", request.stream).recv_buffer)
    transport.write(shaken.serialize())
    http.connections.discard(http)
    http.transport = None
    connection.take_over(transport)
    if early:
        connection.feed(early)
