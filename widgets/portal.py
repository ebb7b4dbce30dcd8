"""The pages of an installation: the demo portal, the API documentation, the partners' page, and the start page that leads to them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sanic import Request, Sanic
from sanic.response import HTTPResponse

from config.settings import Settings
from widgets import static_files
from widgets.pages import page

DEMO_CLIENT = "demo-portal"
"""Client id of the partner that the demo portal is; its origins must hold the gateway's own."""

_OFFER = re.compile(r"[A-Z0-9-]{1,60}")
_IMPRESSION = re.compile(r"[0-9a-f-]{36}\.[0-9]{1,2}")


@dataclass(frozen=True, slots=True)
class Link:
    """A way from the start page to somewhere else: a stand-in's page, a tool."""

    url: str
    zh: str
    en: str
    about_zh: str
    about_en: str


def mount(app: Sanic[Any, Any], settings: Settings) -> None:
    """Serve the demo portal at /portal and the elements at /widgets/NAME.

    Links out of a chat carry `?offer=CODE&impression=ID`: the element then shows that offer first and reports the click.
    """
    static_files.mount(app)

    async def portal(request: Request[Any, Any]) -> HTTPResponse:
        return page(
            request,
            "portal.html",
            client_id=DEMO_CLIENT,
            offer=_matching(_OFFER, request.args.get("offer")),
            impression=_matching(_IMPRESSION, request.args.get("impression")),
            gateway=settings.public_url,
        )

    app.add_route(portal, "/portal", methods=["GET", "HEAD"], name="portal")


def mount_docs(app: Sanic[Any, Any], settings: Settings) -> None:
    """Serve the API documentation at /docs, drawn in the browser from /openapi.json."""

    async def docs(request: Request[Any, Any]) -> HTTPResponse:
        return page(request, "docs.html", client_id=DEMO_CLIENT)

    app.add_route(docs, "/docs", methods=["GET", "HEAD"], name="docs")


def mount_partners(app: Sanic[Any, Any]) -> None:
    """Serve the partners' page at /partners: applying, the account, webhooks, orders, reconciliation."""

    async def partners(request: Request[Any, Any]) -> HTTPResponse:
        return page(request, "partners.html")

    app.add_route(partners, "/partners", methods=["GET", "HEAD"], name="partners")


def mount_start(app: Sanic[Any, Any], settings: Settings, links: Sequence[Link] = ()) -> None:
    """Serve the start page at /; `links` lead to what runs beside the gateway."""

    async def start(request: Request[Any, Any]) -> HTTPResponse:
        return page(request, "start.html", links=links)

    app.add_route(start, "/", methods=["GET", "HEAD"], name="start")


def _matching(pattern: re.Pattern[str], value: str | None) -> str | None:
    return value if value is not None and pattern.fullmatch(value) else None
