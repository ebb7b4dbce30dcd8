"""The methods of the connection itself. Their names begin with `rpc.`, which JSON-RPC keeps for extensions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated

from msgspec import Meta, Struct

from gateway.capabilities.events import TypeFilter
from gateway.capabilities.events.schemas import EVENT_ID


class Authenticate(Struct, frozen=True, forbid_unknown_fields=True):
    """Say who is calling, or renew what was said."""

    token: Annotated[str, Meta(description="Access token of a partner, or token of a web session.")]


class Authenticated(Struct, frozen=True):
    """Who the connection speaks for now."""

    kind: str
    id: str
    account: str | None
    expires_at: datetime | None
    """When the token ends. Renew before; the connection is closed with 4401 half a minute after."""


class Subscribe(Struct, frozen=True, forbid_unknown_fields=True):
    """Have events pushed: `event` notifications, in order, each once."""

    types: Annotated[
        tuple[TypeFilter, ...],
        Meta(max_length=20, description="Event types; order.* is all of orders. None given: every type."),
    ] = ()
    after: Annotated[
        Annotated[str, Meta(pattern=f"^(newest|{EVENT_ID})$")] | None,
        Meta(description="The last event seen; null: from the oldest kept; newest: only what happens from now on."),
    ] = None


class Subscribed(Struct, frozen=True):
    """Events come from here on; a subscription of the connection that was before has ended."""

    after: str | None
    """The event after which they come: what to resume from, as long as none has arrived."""


class Unsubscribed(Struct, frozen=True):
    """No more events come."""

    subscribed: bool
    """Whether there was a subscription."""


class Nothing(Struct, frozen=True, forbid_unknown_fields=True):
    """Nothing to say."""


@dataclass(frozen=True, slots=True)
class Method:
    """One method of the connection, as documents tell it."""

    name: str
    request: type[Struct]
    answer: type[Struct] | None
    """None: a JSON object whose form is told elsewhere."""
    title: Mapping[str, str]
    description: str


AUTHENTICATE = Method(
    "rpc.auth", Authenticate, Authenticated, {"zh": "认证或续期", "en": "Authenticate, or renew"},
    "The first message of a browser, which cannot send an Authorization header; and, before a token ends, how to go on "
    "with the next one. The new token must be of the same caller.",
)  # fmt: skip
DISCOVER = Method(
    "rpc.discover", Nothing, None, {"zh": "接口文档", "en": "This document"},
    "The OpenRPC document, as at /openrpc.json.",
)  # fmt: skip

SUBSCRIBE = Method(
    "rpc.subscribe", Subscribe, Subscribed, {"zh": "订阅事件", "en": "Subscribe to events"},
    "Events then come as notifications `event`, whose params are an event as events.list answers it. To resume on "
    "another connection, pass the id of the last one seen. When the caller may read events no longer, a notification "
    "`unsubscribed` with the problem document says so.",
)  # fmt: skip
UNSUBSCRIBE = Method(
    "rpc.unsubscribe", Nothing, Unsubscribed, {"zh": "退订事件", "en": "Unsubscribe from events"},
    "The connection stays open.",
)  # fmt: skip

METHODS = (AUTHENTICATE, DISCOVER, SUBSCRIBE, UNSUBSCRIBE)

EVENT = "event"
"""Notification: something happened."""
UNSUBSCRIBED = "unsubscribed"
"""Notification: the subscription was ended by the gateway."""
