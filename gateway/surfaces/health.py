"""Health for people and for load balancers, and metrics for Prometheus."""

from __future__ import annotations

from typing import Any

import msgspec
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from sanic import Request
from sanic.response import HTTPResponse
from sqlalchemy import Connection, text

from gateway.platform import Platform
from gateway.store import StoreUnavailable
from gateway.store.outbox import depth
from gateway.surfaces.rest import Server


def mount(app: Server, platform: Platform, version: str) -> None:
    """Serve /health/live (the process answers), /health (and its store does) and /metrics."""

    async def live(request: Request[Any, Any]) -> HTTPResponse:
        return _json({"status": "ok", "version": version}, 200)

    async def health(request: Request[Any, Any]) -> HTTPResponse:
        try:
            await platform.store.read(_ping)
            waiting, overdue, dead = await platform.store.read(depth, platform.clock())
        except StoreUnavailable:
            return _json({"status": "down", "version": version, "store": "unavailable"}, 503)
        return _json(
            {
                "status": "ok",
                "version": version,
                "store": platform.store.dialect,
                "offers": len(platform.catalog.current),
                "model": platform.ranker.current.model.version,
                "outbox": {"waiting": waiting, "overdue": overdue, "dead": dead},
            },
            200,
        )

    async def metrics(request: Request[Any, Any]) -> HTTPResponse:
        return HTTPResponse(generate_latest(), 200, None, CONTENT_TYPE_LATEST)

    app.add_route(live, "/health/live", methods=["GET"], name="health_live")
    app.add_route(health, "/health", methods=["GET"], name="health")
    app.add_route(metrics, "/metrics", methods=["GET"], name="metrics")


def _ping(connection: Connection) -> None:
    connection.execute(text("SELECT 1"))


def _json(value: Any, status: int) -> HTTPResponse:
    return HTTPResponse(msgspec.json.encode(value), status, {"cache-control": "no-store"}, "application/json")
