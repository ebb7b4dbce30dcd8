"""The HTTP side all stand-ins share: JSON bodies, the control page's files, and being run as a command."""

import argparse
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, TypeVar

import msgspec
from aiohttp import web

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
T = TypeVar("T")

_ASSETS = Path(__file__).parent / "page_assets"
_PAGE_HEADERS = {
    "Content-Security-Policy": "default-src 'self'; img-src 'self' data: http: https:; base-uri 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-cache",
}


class Refusal(Exception):
    """A stand-in's own refusal: an HTTP status, a stable code and words."""

    def __init__(self, status: int, code: str, reason: str) -> None:
        super().__init__(reason)
        self.status = status
        self.code = code
        self.reason = reason


def answer(body: Any, status: int = 200) -> web.Response:
    """`body` as JSON, UTF-8, unescaped."""
    return web.Response(body=msgspec.json.encode(body), status=status, content_type="application/json", charset="utf-8")


async def received(request: web.Request, shape: type[T]) -> T:
    """The request's JSON body as `shape`.

    Raises:
        Refusal: 400, it is not JSON of that shape.
    """
    try:
        return msgspec.json.decode(await request.read(), type=shape)
    except msgspec.DecodeError as exc:
        raise Refusal(400, "malformed", str(exc)) from exc


@web.middleware
async def refusals_as_json(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Answer a raised Refusal as {"code", "reason"}."""
    try:
        return await handler(request)
    except Refusal as refusal:
        return answer({"code": refusal.code, "reason": refusal.reason}, refusal.status)


def whole_number(request: web.Request, name: str, default: int, most: int) -> int:
    """The query parameter `name` as an integer from 0 to `most`.

    Raises:
        Refusal: 400, it is something else.
    """
    text = request.query.get(name, "")
    if not text:
        return default
    if not text.isascii() or not text.isdigit() or len(text) > 18:
        raise Refusal(400, "malformed", f"{name} is a whole number from 0")
    return min(int(text), most)


def drop_connection(request: web.Request) -> web.Response:
    """Break the connection off without an answer; returns what aiohttp then fails to send."""
    if request.transport is not None:
        request.transport.abort()
    return web.Response()


def mount_page(app: web.Application, folder: Path) -> None:
    """Serve folder/index.html at `/`, the files beside it at /page/ and the shared ones at /assets/."""

    async def index(request: web.Request) -> web.FileResponse:
        return web.FileResponse(folder / "index.html", headers=_PAGE_HEADERS)

    app.router.add_get("/", index)
    app.router.add_static("/page/", folder)
    app.router.add_static("/assets/", _ASSETS)


def command_line(description: str, port: int) -> argparse.ArgumentParser:
    """A parser with the options every stand-in has: --host and --port."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default %(default)s)")
    parser.add_argument("--port", type=int, default=port, help="port to listen on (default %(default)s)")
    return parser


def serve(app: web.Application, host: str, port: int) -> None:
    """Run the stand-in until it is interrupted."""
    web.run_app(app, host=host, port=port, access_log=None, shutdown_timeout=1.0)
