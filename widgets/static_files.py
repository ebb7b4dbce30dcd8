"""The elements' modules and the pages' style sheets, served from memory to our pages and to partners'."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sanic import Request, Sanic
from sanic.exceptions import NotFound
from sanic.response import HTTPResponse

STATIC = Path(__file__).parent / "static"

_TYPES = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}


@dataclass(frozen=True, slots=True)
class _File:
    body: bytes
    content_type: str
    etag: str


def mount(app: Sanic[Any, Any]) -> None:
    """Serve every file of `static/` at /widgets/NAME.

    Pages of any origin may load them: a module script from another origin needs CORS. Browsers keep them but ask
    each time (304 while unchanged), so that the modules of one page are always of one version.
    """
    files = {path.name: _read(path) for path in STATIC.iterdir() if path.suffix in _TYPES}

    async def serve(request: Request[Any, Any], name: str) -> HTTPResponse:
        file = files.get(name)
        if file is None:
            raise NotFound(f"no file {name}")
        headers = {
            "etag": file.etag,
            "cache-control": "public, no-cache",
            "access-control-allow-origin": "*",
            "cross-origin-resource-policy": "cross-origin",
            "x-content-type-options": "nosniff",
        }
        known = {tag.strip().removeprefix("W/") for tag in request.headers.get("if-none-match", "").split(",")}
        if file.etag in known:
            return HTTPResponse(b"", 304, headers)
        return HTTPResponse(file.body, 200, headers, file.content_type)

    app.add_route(serve, "/widgets/<name:str>", methods=["GET", "HEAD"], name="widget_files")


def _read(path: Path) -> _File:
    body = path.read_bytes()
    return _File(body, _TYPES[path.suffix], f'"{hashlib.sha256(body).hexdigest()[:32]}"')
