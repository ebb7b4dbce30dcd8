"""What the webhook capabilities take and answer."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from msgspec import Meta, Struct

from gateway.capabilities.events import EventId, TypeFilter

WebhookId = Annotated[
    str, Meta(pattern=r"^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$", description="Id of an endpoint.")
]
Url = Annotated[str, Meta(min_length=1, max_length=2000, description="https address that takes the deliveries.")]
Types = Annotated[
    list[TypeFilter],
    Meta(max_length=20, description="Event types to send; order.* is all of orders. Empty: every type."),
]
Words = Annotated[str, Meta(max_length=200, pattern=r"^[^\x00-\x1f]*$", description="For its owner to tell it by.")]
PartnerName = Annotated[
    str, Meta(pattern=r"^[a-z0-9][a-z0-9-]{1,58}$", description="Whose; only operators name a partner.")
]
Moment = Annotated[datetime, Meta(tz=True)]
State = Literal["pending", "delivered", "failed"]


class CreateWebhook(Struct, frozen=True):
    """Have events sent to an address."""

    url: Url
    types: Types = []
    description: Words = ""
    format: Annotated[str, Meta(pattern=r"^[a-z][a-z0-9_-]{0,19}$", description="What a delivery looks like.")] = (
        "standard"
    )
    partner: PartnerName | None = None


class WebhookRef(Struct, frozen=True):
    """Name one endpoint."""

    id: WebhookId


class UpdateWebhook(Struct, frozen=True):
    """Change an endpoint; null leaves a field as it is."""

    id: WebhookId
    url: Url | None = None
    types: Types | None = None
    description: Words | None = None
    enabled: Annotated[bool | None, Meta(description="An endpoint that is enabled again goes on where it stopped.")] = (
        None
    )


class ListWebhooks(Struct, frozen=True):
    """Page through the endpoints, oldest first."""

    partner: PartnerName | None = None
    cursor: Annotated[WebhookId | None, Meta(description="`next` of the page before.")] = None
    limit: Annotated[int, Meta(ge=1, le=100, description="Endpoints on one page.")] = 20


class Webhook(Struct, frozen=True):
    """An endpoint that events are sent to."""

    id: str
    partner: str
    url: str
    types: list[str]
    description: str
    format: str
    enabled: bool
    disabled_because: str | None
    """`switched off`, `gone` (it answered 410) or `failing` (it took nothing for five days)."""
    failing_since: datetime | None
    created_at: datetime
    updated_at: datetime
    previous_secret_until: datetime | None
    """Until then deliveries are signed with the secret before this one, too."""


class WebhookPage(Struct, frozen=True):
    """Endpoints, oldest first."""

    items: list[Webhook]
    next: str | None


class WebhookSecret(Struct, frozen=True):
    """An endpoint and the secret that its deliveries are signed with. The secret is shown this once."""

    webhook: Webhook
    secret: str


class Deleted(Struct, frozen=True):
    """Nothing more is sent."""

    id: str


class EventSent(Struct, frozen=True):
    """A test event is on its way."""

    event: str
    """Its id, which is also the delivery's `webhook-id`."""


class ListDeliveries(Struct, frozen=True):
    """Page through what was sent to an endpoint, newest first."""

    id: WebhookId
    state: Annotated[State | None, Meta(description="Only deliveries in this state.")] = None
    cursor: Annotated[EventId | None, Meta(description="`next` of the page before.")] = None
    limit: Annotated[int, Meta(ge=1, le=100, description="Deliveries on one page.")] = 20


class DeliveryView(Struct, frozen=True):
    """One event and an endpoint: what came of the last attempt."""

    event: str
    type: str
    state: str
    """`pending`: to be tried (again); `delivered`; `failed`: given up."""
    attempts: int
    at: datetime
    """When it happened."""
    tried_at: datetime | None
    next_at: datetime | None
    status_code: int | None
    latency_ms: int | None
    error: str | None
    excerpt: str | None
    """The beginning of the answer."""


class DeliveryPage(Struct, frozen=True):
    """Deliveries, newest first."""

    items: list[DeliveryView]
    next: str | None


class Replay(Struct, frozen=True):
    """Send events of the last 30 days again: one, or all after one or since a time, as far as the endpoint wants them."""

    id: WebhookId
    event: Annotated[EventId | None, Meta(description="This one event.")] = None
    after: Annotated[EventId | None, Meta(description="Events after this one.")] = None
    since: Annotated[Moment | None, Meta(description="Events from this time on.")] = None
    until: Annotated[Moment | None, Meta(description="Events before this time.")] = None


class Replayed(Struct, frozen=True):
    """They are on their way, with the ids they always had."""

    events: int
    next: str | None
    """`after` of the next call, where there are more than a thousand."""
