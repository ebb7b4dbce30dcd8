"""Contents of order files up, result files down: streams of bytes, where capabilities take and answer records."""

from __future__ import annotations

import asyncio
import base64
import re
from typing import Any

import msgspec
from sanic import Request
from sanic.response import HTTPResponse

from gateway.authentication import Authentication
from gateway.capabilities.exchange import OrderFile, OrderFileFolder, list_results
from gateway.capabilities.exchange.content import Incoming
from gateway.capabilities.exchange.errors import ContentDiffers, ContentNotAwaited
from gateway.errors import GatewayError
from gateway.invoke import Call, Invoker
from gateway.platform import Platform
from gateway.surfaces.rest import Server, locale_of, presented, problem

_encode = msgspec.json.encode
_PIECE = 1 << 20
_RANGE = re.compile(r"bytes=(\d*)-(\d*)")
_SHA256 = re.compile(r"sha-256=:([A-Za-z0-9+/]{43}=):")


def mount(app: Server, platform: Platform, authentication: Authentication) -> None:
    """Serve PUT …/content and GET …/results of every order file."""
    invoke, store = platform.invoke, platform.store
    folder = platform.parts.get(OrderFileFolder)

    async def put(request: Request[Any, Any], id: str) -> HTTPResponse:
        try:
            file = await _file("exchange.get", request, id, invoke, authentication)
            if file.state != "awaiting_content":
                raise ContentNotAwaited
            _compare_digest(request, file)
            assert request.stream is not None
            request.stream.request_max_size = file.bytes  # the server's own bound is for bodies held in memory
            incoming = await asyncio.to_thread(folder.receive, file.id, file.format, platform.ids())
            await _receive(request, incoming, file)
            file = await _file("exchange.start", request, id, invoke, authentication)
        except GatewayError as error:
            return problem(request, error)
        return HTTPResponse(_encode(file), 200, {"cache-control": "no-store"}, "application/json")

    async def get(request: Request[Any, Any], id: str) -> HTTPResponse | None:
        try:
            file = await _file("exchange.get", request, id, invoke, authentication)
        except GatewayError as error:
            return problem(request, error)
        begin, end, status = _range(request.headers.get("range"), file.result_bytes)
        headers = {
            "accept-ranges": "bytes", "cache-control": "no-store", "content-length": str(end - begin),
            "content-disposition": f'attachment; filename="{file.id}.results.csv"',
        }  # fmt: skip
        if status == 416:
            return HTTPResponse(b"", 416, {"content-range": f"bytes */{file.result_bytes}"})
        if status == 206:
            headers["content-range"] = f"bytes {begin}-{end - 1}/{file.result_bytes}"
        response = await request.respond(status=status, headers=headers, content_type="text/csv; charset=utf-8")
        assert response is not None
        while begin < end:
            parts = await store.read(list_results, file.id, begin, end)
            if not parts:  # they were let go of meanwhile: the length that was told shows that something is missing
                break
            for part in parts:
                await response.send(part.body)
                begin = part.begins + len(part.body)
        await response.eof()
        return None

    app.add_route(put, "/v1/order-files/<id:str>/content", methods=["PUT"], name="order_file_content", stream=True)
    app.add_route(get, "/v1/order-files/<id:str>/results", methods=["GET"], name="order_file_results")


async def _file(
    capability: str, request: Request[Any, Any], id: str, invoke: Invoker, authentication: Authentication
) -> OrderFile:
    principal = await authentication.principal(presented(request))
    file: OrderFile = await invoke(Call(capability, principal, {"id": id}, locale=locale_of(request)))
    return file


async def _receive(request: Request[Any, Any], incoming: Incoming, file: OrderFile) -> None:
    try:
        waiting = bytearray()
        stream: Any = request.stream
        async for piece in stream:
            waiting += piece
            if len(waiting) >= _PIECE:
                await asyncio.to_thread(incoming.write, bytes(waiting))
                waiting.clear()
        await asyncio.to_thread(incoming.write, bytes(waiting))
        await asyncio.to_thread(incoming.finish, file.sha256, file.bytes)
    except BaseException:  # the sender went away, or sent too much: nothing of it is kept
        incoming.abandon()
        raise


def _compare_digest(request: Request[Any, Any], file: OrderFile) -> None:
    """Refuse before the content comes where its announced digest (RFC 9530) is another one already."""
    stated = _SHA256.search(request.headers.get("content-digest", ""))
    if stated is not None and base64.b64decode(stated[1]).hex() != file.sha256:
        raise ContentDiffers({"zh": "Content-Digest 与登记的摘要不符", "en": "Content-Digest is not the announced one"})


def _range(header: str | None, length: int) -> tuple[int, int, int]:
    """(begin, end, status) of what a Range header asks for (RFC 9110 §14.2); one that is not understood is ignored."""
    match = None if header is None else _RANGE.fullmatch(header.strip())
    if match is None or match[0] == "bytes=-":
        return 0, length, 200
    first, last = match[1], match[2]
    if not first:
        begin, end = max(length - int(last), 0), length
    else:
        begin, end = int(first), min(int(last) + 1 if last else length, length)
    return (begin, end, 206) if begin < end else (0, 0, 416)
