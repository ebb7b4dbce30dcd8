"""What a delivery looks like. An endpoint names one of these."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import NamedTuple

import msgspec

from gateway.capabilities.events import StoredEvent


class Rendered(NamedTuple):
    """One delivery as it is posted."""

    body: bytes
    path: str = ""
    """Where it goes below the endpoint's address, with a slash before it; empty: to the address itself."""


Render = Callable[[StoredEvent], Awaitable[Rendered | None]]
"""An event as a delivery: the same one at every attempt, for a receiver may keep what it got first. None: it is not told."""


class Formats:
    """The formats there are, by name."""

    def __init__(self, by_name: Mapping[str, Render]) -> None:
        self.by_name = dict(by_name)


class _Standard(msgspec.Struct):
    type: str
    timestamp: str
    data: msgspec.Raw


async def standard(event: StoredEvent) -> Rendered:
    """The payload that the Standard Webhooks specification recommends: type, timestamp and data."""
    return Rendered(msgspec.json.encode(_Standard(event.type, event.at.isoformat(), msgspec.Raw(event.body.encode()))))


def address_below(url: str, path: str) -> str:
    """The address that lies at `path` below an endpoint's; what the endpoint has in its query stays."""
    address, mark, query = url.partition("?")
    return f"{address.rstrip('/') if path else address}{path}{mark}{query}"
