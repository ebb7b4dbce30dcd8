"""What a dialogue sees and remembers, whatever channel it runs over."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

import msgspec

Event = Literal["", "follow", "unfollow", "click", "scan", "attachment"]


class Incoming(msgspec.Struct, frozen=True):
    """One message or event from a person."""

    account: str
    """`wechat:<gh id>:<openid>` and the like."""
    message_id: str
    """Equal for deliveries of one message, unique over all channels; the idempotency keys of its effects begin with it."""
    received_at: datetime
    text: str = ""
    """What the person said; empty for events."""
    event: Event = ""
    """`attachment`: a message without words (a picture, a place …)."""
    key: str = ""
    """Of a `click`: the menu entry's key. Of `follow` and `scan`: the scene of the QR code that led here."""
    locale: str = "zh-CN"

    @property
    def channel(self) -> str:
        """`wechat`, `sms` …"""
        return self.account.partition(":")[0]


class Choice(msgspec.Struct, frozen=True, array_like=True):
    """Something to tap instead of typing: `label` is read, `says` is sent."""

    label: str
    says: str


class Reply(msgspec.Struct, frozen=True, omit_defaults=True):
    """An answer. The text is complete without the choices; empty: nothing is answered."""

    text: str
    choices: tuple[Choice, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.text)


SILENCE = Reply("")


class Intent(msgspec.Struct, frozen=True, omit_defaults=True):
    """What a person wants, by name, with what they named."""

    name: str
    number: int | None = None
    """Place in the list they were last shown, from 1."""
    words: str = ""
    """The thing named in words: an offer, a phone number, a code."""


class Shown(msgspec.Struct, frozen=True, array_like=True):
    """One offer of the list last shown, and the impression that goes with an order of it."""

    offer: str
    impression: str | None = None


class Answered(msgspec.Struct, frozen=True, array_like=True):
    """A message and what was answered."""

    message_id: str
    reply: Reply


class State(msgspec.Struct, frozen=True, omit_defaults=True):
    """What is remembered of a conversation from message to message."""

    listing: str = ""
    """What a bare number names: `offers`, `held` or `orders`."""
    shown: tuple[Shown, ...] = ()
    held: tuple[str, ...] = ()
    """Codes of the offers held, as last listed."""
    orders: tuple[str, ...] = ()
    """Ids of the orders last listed."""
    topic: str = ""
    """Code of the offer last spoken of: "this one"."""
    asked: str = ""
    """The open question: `order` (asked just now), `order_earlier`, `which_yes`, `which_no`, `unbind`."""
    order: str = ""
    """Id of the order that waits for a yes or no."""
    step: str = ""
    """What binding waits for: `phone` or `code`."""
    wish: Intent | None = None
    """What to do once the account is bound."""
    confirmed: str = ""
    """Words about the order that got its yes last."""
    confirmed_at: int = 0
    """When, in seconds since the epoch."""
    bound: bool = False
    """Whether the account was bound when that was last seen. Only for what is said, never for what is allowed."""
    locale: str = ""
    """The language asked for; empty: the installation's."""
    last: Answered | None = None
    """The newest message whose answer opened or closed a question, so that it could not be worked out again."""
