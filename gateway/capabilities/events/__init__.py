"""The event feed: what happened that a partner or a session may know of, in one order without gaps."""

from gateway.capabilities.events.capability import EventNotFound
from gateway.capabilities.events.capability import events as event_capabilities
from gateway.capabilities.events.feed import EventFeed
from gateway.capabilities.events.recording import emit
from gateway.capabilities.events.repository import (
    KEPT_FOR,
    StoredEvent,
    delete_old,
    head,
    list_after,
    newest_of,
    seq_of,
)
from gateway.capabilities.events.schemas import Event, EventId, EventPage, ListEvents
from gateway.capabilities.events.sequencer import Sequencer
from gateway.capabilities.events.tables import events
from gateway.capabilities.events.types import TypeFilter, condition, wants

__all__ = [
    "KEPT_FOR",
    "Event",
    "EventFeed",
    "EventId",
    "EventNotFound",
    "EventPage",
    "ListEvents",
    "Sequencer",
    "StoredEvent",
    "TypeFilter",
    "condition",
    "delete_old",
    "emit",
    "event_capabilities",
    "events",
    "head",
    "list_after",
    "newest_of",
    "seq_of",
    "wants",
]
