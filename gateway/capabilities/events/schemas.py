"""What reading the feed takes and answers."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

import msgspec
from msgspec import Meta, Struct

from gateway.capabilities.events.repository import StoredEvent
from gateway.capabilities.events.types import FILTER

EVENT_ID = r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"
"""An event's id, as a regular expression."""

EventId = Annotated[str, Meta(pattern=f"^{EVENT_ID}$", description="Id of an event.")]


class ListEvents(Struct, frozen=True):
    """Read on from the last event seen, oldest first."""

    after: Annotated[EventId | None, Meta(description="The last event seen; null: from the oldest one kept.")] = None
    types: Annotated[
        Annotated[str, Meta(pattern=f"^{FILTER}(,{FILTER}){{0,19}}$", max_length=1000)] | None,
        Meta(description="Event types, comma separated; order.* is all of orders. Null: every type."),
    ] = None
    limit: Annotated[int, Meta(ge=1, le=500, description="Events on one page.")] = 100


class Event(Struct, frozen=True):
    """Something that happened."""

    id: str
    """Never given twice: who sees an id again has seen the event before."""
    type: str
    at: datetime
    key: str
    """What it is about, such as an order's id. Events of one key come in the order in which they happened."""
    data: dict[str, Any]

    @classmethod
    def of(cls, stored: StoredEvent) -> Event:
        """The event as readers see it."""
        return cls(stored.id, stored.type, stored.at, stored.key, msgspec.json.decode(stored.body))


class EventPage(Struct, frozen=True):
    """Events, oldest first."""

    items: list[Event]
    next: str | None
    """`after` of the next page; null when there is nothing more now."""
