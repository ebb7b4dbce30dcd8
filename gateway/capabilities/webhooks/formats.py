"""What a delivery looks like. An endpoint names one of these."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import msgspec

from gateway.capabilities.events import StoredEvent

Render = Callable[[StoredEvent], bytes]
"""The body of a delivery: the same bytes at every attempt, for they are signed."""


class Formats:
    """The formats there are, by name."""

    def __init__(self, by_name: Mapping[str, Render]) -> None:
        self.by_name = dict(by_name)


class _Standard(msgspec.Struct):
    type: str
    timestamp: str
    data: msgspec.Raw


def standard(event: StoredEvent) -> bytes:
    """The payload that the Standard Webhooks specification recommends: type, timestamp and data."""
    return msgspec.json.encode(_Standard(event.type, event.at.isoformat(), msgspec.Raw(event.body.encode())))
