"""What ordering takes and answers."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

import msgspec
from msgspec import Meta, Struct

Action = Literal["subscribe", "unsubscribe", "change", "gift", "start_trial", "convert_trial", "renew", "book"]
OrderId = Annotated[str, Meta(pattern=r"^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$", description="Id of an order.")]
Code = Annotated[str, Meta(min_length=1, max_length=60, description="Code of a product offering.")]
Text100 = Annotated[str, Meta(max_length=100, pattern=r"^[^\x00-\x1f]*$")]
Text1000 = Annotated[str, Meta(max_length=1000, pattern=r"^[^\x00-\x08\x0b\x0c\x0e-\x1f]*$")]
Moment = Annotated[datetime, Meta(tz=True)]
State = Literal[
    "acknowledged", "awaiting_confirmation", "awaiting_recipient", "accepted", "booked", "provisioning", "unknown",
    "completed", "failed", "cancelled", "expired",
]  # fmt: skip
User = Annotated[str, Meta(min_length=1, max_length=100, pattern=r"^[^\x00-\x1f\x7f-\x9f]*$")]


class Attribution(Struct, frozen=True, omit_defaults=True):
    """What led to the order."""

    impression: Annotated[Text100 | None, Meta(description="Impression id of the recommendation that was taken.")] = (
        None
    )
    campaign: Annotated[Text100 | None, Meta(description="Campaign code.")] = None
    referrer: Annotated[Text100 | None, Meta(description="Who or what sent the subscriber here.")] = None


class Remarks(Struct, frozen=True, omit_defaults=True):
    """What its caller wants to find with an order again. Nothing is done with it."""

    item: Annotated[Text100 | None, Meta(description="The caller's name for it among those placed together.")] = None
    description: Annotated[Text1000 | None, Meta(description="What the order is.")] = None
    note: Annotated[Text1000 | None, Meta(description="What people should know.")] = None


class PlaceOrder(Struct, frozen=True):
    """Take down an order for the subject."""

    offer: Code
    action: Annotated[Action, Meta(description="What to do with the offer.")] = "subscribe"
    partner_ref: Annotated[
        Text100 | None, Meta(description="A partner's own number for this order; it names no second one.")
    ] = None
    attribution: Attribution = Attribution()
    replaces: Annotated[
        Code | None, Meta(description="For a change: the offer held that is given up for this one.")
    ] = None
    recipient: Annotated[
        Annotated[str, Meta(max_length=40)] | None, Meta(description="For a gift: the mobile number it goes to.")
    ] = None


class OrderRef(Struct, frozen=True):
    """Name one order of the subject."""

    id: OrderId


Together = Annotated[OrderId | None, Meta(description="Only this order and those placed together with it.")]


class ListOrders(Struct, frozen=True):
    """Page through the subject's orders, newest first."""

    state: Annotated[State | None, Meta(description="Only orders in this state.")] = None
    together: Together = None
    cursor: Annotated[OrderId | None, Meta(description="`next` of the page before.")] = None
    limit: Annotated[int, Meta(ge=1, le=100, description="Orders on one page.")] = 20


class FindOrder(Struct, frozen=True):
    """Name one order of the partner by its id or by the partner's own number; one of the two."""

    id: OrderId | None = None
    partner_ref: Annotated[Text100 | None, Meta(description="Your own number for the order.")] = None


class SearchOrders(Struct, frozen=True):
    """Page through the orders a partner placed, newest first. Every condition narrows."""

    state: Annotated[State | None, Meta(description="Only orders in this state.")] = None
    offer: Annotated[Code | None, Meta(description="Only orders of this offer.")] = None
    action: Annotated[Action | None, Meta(description="Only orders of this action.")] = None
    user: Annotated[User | None, Meta(description="Only orders for this user of yours.")] = None
    partner_ref: Annotated[Text100 | None, Meta(description="Only orders under this number of yours.")] = None
    together: Together = None
    whole: Annotated[
        bool, Meta(description="With an order that meets state, offer and action, also those placed together with it.")
    ] = False
    created_from: Annotated[Moment | None, Meta(description="Placed at this moment or later.")] = None
    created_to: Annotated[Moment | None, Meta(description="Placed before this moment.")] = None
    cursor: Annotated[OrderId | None, Meta(description="`next` of the page before.")] = None
    limit: Annotated[int, Meta(ge=1, le=100, description="Orders on one page.")] = 50


class Transition(Struct, frozen=True):
    """One step of an order."""

    to: str
    at: datetime
    actor: str
    """Kind of who made the step: account, session, partner, operator, platform."""
    channel: str
    reason: str
    from_: Annotated[str | None, Meta(description="State before; null for the first step.")] = msgspec.field(
        name="from", default=None
    )


class Order(Struct, frozen=True):
    """An order as its subscriber or partner sees it."""

    id: str
    offer: str
    name: str
    """The offer's name in the caller's language."""
    action: str
    price_fen: int
    """Price of one period, fen."""
    period: str
    state: str
    channel: str
    created_at: datetime
    updated_at: datetime
    confirm_by: datetime | None = None
    """Until when the subscriber's own yes is awaited."""
    user: str | None = None
    """The partner's own id of the user it was placed for; null where it came to be otherwise."""
    partner_ref: str | None = None
    attribution: Attribution = Attribution()
    replaces: str | None = None
    """The offer that a change gives up."""
    recipient: str | None = None
    """The number a gift goes to, masked. It does not say that this is a subscriber."""
    together: str | None = None
    """The first of the orders that were placed together with this one; null where it was placed alone."""
    remarks: Remarks = Remarks()
    cancel_reason: str | None = None
    """Why it was cancelled, in the caller's words."""
    version: int = 1
    """Grows with every step; over HTTP also the ETag, to be sent as If-Match with what changes the order."""
    sandbox: bool = False
    """Whether it is a sandbox user's: it has no effect outside the platform."""
    history: list[Transition] = []
    """Every transition, oldest first; empty in lists."""


class AnswerGift(Struct, frozen=True):
    """Take a gift, or refuse it."""

    id: OrderId
    accept: Annotated[bool, Meta(description="False: refuse it.")]


class Gift(Struct, frozen=True):
    """A gift as the one who receives it sees it."""

    id: str
    offer: str
    name: str
    state: str
    refuse_by: datetime | None
    """Until when it can be refused; carried out after that."""
    version: int
    """Grows with every step; over HTTP also the ETag."""


class ListGifts(Struct, frozen=True):
    """Page through the gifts that wait for the subject's answer, newest first."""

    cursor: Annotated[OrderId | None, Meta(description="`next` of the page before.")] = None
    limit: Annotated[int, Meta(ge=1, le=100)] = 20


class GiftPage(Struct, frozen=True):
    """One page of gifts."""

    items: list[Gift]
    next: str | None = None


class OrderPage(Struct, frozen=True):
    """One page of orders."""

    items: list[Order]
    next: str | None = None
    """Cursor of the next page; null on the last one."""


class ListSubscriptions(Struct, frozen=True):
    """Page through what the subject holds."""

    cursor: Annotated[OrderId | None, Meta(description="`next` of the page before.")] = None
    limit: Annotated[int, Meta(ge=1, le=100)] = 50


class Subscription(Struct, frozen=True):
    """One offer in force."""

    id: str
    offer: str
    name: str
    price_fen: int
    period: str
    started_at: datetime
    how_to_cancel: str
    trial_ends_at: datetime | None = None
    """When the free trial ends by itself; null: it is no trial."""


class SubscriptionPage(Struct, frozen=True):
    """One page of subscriptions."""

    items: list[Subscription]
    next: str | None = None
