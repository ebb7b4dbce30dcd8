"""What the sandbox takes and answers."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from msgspec import Meta, Struct

from gateway.capabilities.orders import OrderId, User

Share = Annotated[float, Meta(ge=0, le=1_000_000)]
Code = Annotated[str, Meta(max_length=40, pattern=r"^[^\x00-\x1f]*$")]


class CreateUser(Struct, frozen=True):
    """Make a subscriber up, bound to a user of yours."""

    user: Annotated[User, Meta(description="Your own id of the user, as in Tuila-User.")]
    brand: Annotated[Code, Meta(description="Brand, as offers name it in their rules.")] = ""
    region: Annotated[Code, Meta(description="Path of region codes.", examples=["GD/440100/440106"])] = ""
    usage: Annotated[
        dict[Annotated[str, Meta(max_length=60)], Share],
        Meta(max_length=50, description="Usage item → weight, which recommendations look at."),
    ] = {}
    traffic_used_pct: Annotated[int, Meta(ge=0, le=1000)] | None = None
    device_abilities: Annotated[list[Annotated[str, Meta(max_length=20)]], Meta(max_length=20)] = []


class SandboxUser(Struct, frozen=True):
    """A made-up subscriber. Nobody can have the number: country code 999 is not assigned."""

    user: str
    phone: str
    brand: str
    region: str


class Faults(Struct, frozen=True, kw_only=True):
    """What goes wrong with the partner's own sandbox orders. What is left out is off."""

    slow_seconds: Annotated[
        int, Meta(ge=0, le=600, description="The back end says `processing` for so many seconds.")
    ] = 0
    lose_answers: Annotated[
        int, Meta(ge=0, le=1000, description="Of the next so many orders the answer is lost: they become `unknown`.")
    ] = 0
    refuse_orders: Annotated[int, Meta(ge=0, le=1000, description="The next so many orders are refused.")] = 0
    refusal_reason: Annotated[
        str, Meta(max_length=100, pattern=r"^[^\x00-\x1f]*$", description="The reason of those refusals.")
    ] = "sandbox refusal"
    double_callbacks: Annotated[bool, Meta(description="Webhooks get `order.completed` twice, under the same id.")] = (
        False
    )
    reorder_deliveries: Annotated[
        int, Meta(ge=0, le=1000, description="The next so many webhook deliveries are overtaken by later ones.")
    ] = 0


class GetFaults(Struct, frozen=True):
    """Nothing to say: they are the caller's own."""


class AnswerOrder(Struct, frozen=True):
    """Say yes or no in the place of a sandbox user."""

    id: OrderId
    yes: bool


class ListMessages(Struct, frozen=True):
    """Page through the messages to the sandbox's users, newest first."""

    user: Annotated[User | None, Meta(description="Only those to this user of yours.")] = None
    cursor: Annotated[Annotated[str, Meta(max_length=36)] | None, Meta(description="`next` of the page before.")] = None
    limit: Annotated[int, Meta(ge=1, le=100, description="Messages on one page.")] = 50


class SandboxMessage(Struct, frozen=True):
    """A message that a real subscriber would have got."""

    id: str
    user: str
    text: str
    at: datetime


class SandboxMessagePage(Struct, frozen=True):
    """One page of messages."""

    items: list[SandboxMessage]
    next: str | None = None
