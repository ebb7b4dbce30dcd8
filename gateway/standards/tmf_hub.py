"""The hub of a TM Forum interface: listeners are registered with it, and events of the interface are sent to them.

A listener is a webhook endpoint with the interface's own delivery format, so it is signed, retried and ordered like any
other, and is seen and changed at `/v1/webhooks` under the same id. Source: the `hub` operations of the published Swagger
files, which have POST and DELETE alone.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import datetime
from typing import Any
from urllib.parse import parse_qsl

import msgspec
from msgspec import Struct

from gateway.capabilities.events import StoredEvent
from gateway.capabilities.webhooks import Render, Rendered, Url, WebhookSecret, Words, standard
from gateway.errors import MalformedRequest
from gateway.standards import tmf
from gateway.standards.operation import Asked, Operation
from gateway.standards.tmf import Answered


class GivenListener(Struct, frozen=True):
    """A listener to be registered."""

    callback: Url
    query: Words | None = None


class EventSubscription(Answered, frozen=True):
    """A listener that is registered."""

    id: str
    callback: str
    query: str | None = None


class TmfEvent(Answered, frozen=True):
    """Something happened to a resource, which stands under its own name."""

    event_id: str
    event_time: datetime
    event_type: str
    event: Mapping[str, Struct]


Kinds = Mapping[str, Sequence[str]]
"""The event types of a standard that are told, each with those of ours that it is told for. None of ours is for two."""

Resource = Callable[[StoredEvent, str], Awaitable[Struct | None]]
"""The resource as it stood when the event happened, for the event and the standard's type of it; None: it is not told."""


def rendering(kinds: Kinds, resource: Resource) -> Render:
    """A hub's delivery format. What the standard has no event for goes out as `standard`."""
    kind_of = {ours: kind for kind, types in kinds.items() for ours in types}

    async def render(event: StoredEvent) -> Rendered | None:
        kind = kind_of.get(event.type)
        if kind is None:
            return await standard(event)
        shown = await resource(event, kind)
        if shown is None:
            return None
        body = TmfEvent(
            event_id=event.id, event_time=event.at, event_type=kind, event={_lower(type(shown).__name__): shown}
        )
        return Rendered(msgspec.json.encode(body), f"/listener/{_lower(kind)}")

    return render


def _lower(name: str) -> str:
    return name[0].lower() + name[1:]


def hub(format: str, kinds: Kinds) -> tuple[Operation, ...]:
    """The operations of a hub whose listeners get that delivery format."""

    def registering(asked: Asked) -> dict[str, Any]:
        given: GivenListener = asked.body
        types = [ours for kind in _wanted(given.query or "", kinds) for ours in kinds[kind]]
        return {"url": given.callback, "types": types, "format": format, "description": given.query or ""}

    return (
        Operation("POST", "/hub", "webhooks.create", _registered, registering, GivenListener, 201),
        Operation("DELETE", "/hub/{id}", "webhooks.delete", _forgotten, tmf.by_id, status=204),
    )


def _registered(answer: WebhookSecret, asked: Asked) -> EventSubscription:
    return EventSubscription(
        id=answer.webhook.id, callback=answer.webhook.url, query=answer.webhook.description or None
    )


def _forgotten(answer: Any, asked: Asked) -> None:
    return None


def _wanted(query: str, kinds: Kinds) -> list[str]:
    """The event types that the query selects: all of them where it is empty.

    Raises:
        MalformedRequest: it asks for what is not told, or selects by something else.
    """
    if not query:
        return [*kinds]
    wanted: dict[str, None] = {}
    for name, value in parse_qsl(query.removeprefix("?"), keep_blank_values=True):
        for kind in value.split(","):
            if name != "eventType" or kind not in kinds:
                raise _not_told(kinds)
            wanted[kind] = None
    if not wanted:
        raise _not_told(kinds)
    return [*wanted]


def _not_told(kinds: Kinds) -> MalformedRequest:
    told = ", ".join(kinds)
    return MalformedRequest(
        {
            "zh": f"query 只能按 eventType 选择，可选：{told}",
            "en": f"query selects by eventType alone; told are: {told}",
        }
    )
