"""Messages owed to people: written with what they tell of, sent by the workers over the channel that reaches them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Protocol

import msgspec
import structlog

from gateway.store import Unit
from gateway.store.outbox import Handler, Job, Undeliverable, owe

_log = structlog.get_logger("messages")


class Message(msgspec.Struct):
    """Words for one subscriber."""

    id: str
    """Stable over retries: channels that know ids send it once."""
    subscriber_id: int | None
    account: str
    """Where the matter began: the first place to answer."""
    words: dict[str, str]
    by_sms: dict[str, str] | None = None
    """Other words for a text message, in which `{link}` stands for the address of the page behind `link`."""
    link: str = ""
    """Whom the holder of that link speaks for (`auth.order_link`). The address is made when it is sent, and kept nowhere."""


class Unreachable(Exception):
    """This channel cannot reach the person now; another one may."""


class Channel(Protocol):
    """One way to reach a person unasked."""

    async def send(self, account: str, text: str, message_id: str) -> None:
        """Deliver a text to an account of this channel.

        Raises:
            Unreachable: not by this channel, or not now.
        """


class AddressBook(Protocol):
    """Knows the accounts of a subscriber."""

    async def accounts(self, subscriber_id: int) -> list[str]:
        """Accounts that messages may go to, best first."""


def notify(
    unit: Unit, subscriber_id: int | None, account: str, words: dict[str, str], *, id: str, now: datetime, trace_id: str,
    by_sms: dict[str, str] | None = None, link: str = "",
) -> None:  # fmt: skip
    """Owe a message, with the transaction of what it tells of."""
    message = Message(id, subscriber_id, account, words, by_sms, link)
    owe(unit, "messages.send", message, id=id, now=now, trace_id=trace_id)


class Sender:
    """Sends owed messages: to the account the matter began at, else to the subscriber's next best one."""

    def __init__(
        self,
        channels: Mapping[str, Channel],
        address_book: AddressBook,
        locale_of: Callable[[str], str],
        address_of: Callable[[str], str],
    ) -> None:
        """`address_of` makes the address of the page for `Message.link`."""
        self._channels = channels
        self._address_book = address_book
        self._locale_of = locale_of
        self._address_of = address_of

    def handlers(self) -> Mapping[str, Handler]:
        """Outbox kind → handler."""
        return {"messages.send": self.send}

    async def send(self, job: Job, unit: Unit) -> None:
        """Deliver one message by the first channel that can."""
        message = msgspec.json.decode(job.body, type=Message)
        for account in await self._ways(message):
            channel = self._channels[account.partition(":")[0]]
            try:
                await channel.send(account, self._text(message, account), message.id)
            except Unreachable as reason:
                _log.info("not reached", channel=account.partition(":")[0], message=message.id, reason=str(reason))
                continue
            return
        raise Undeliverable("no channel reaches this subscriber")

    def _text(self, message: Message, account: str) -> str:
        language = "en" if self._locale_of(account).startswith("en") else "zh"
        if message.by_sms is None or not account.startswith("sms:"):
            return message.words[language]
        return message.by_sms[language].replace("{link}", self._address_of(message.link))

    async def _ways(self, message: Message) -> list[str]:
        known = [] if message.subscriber_id is None else await self._address_book.accounts(message.subscriber_id)
        # An account that was unbound meanwhile hears no more of the subscriber's matters.
        still_theirs = message.subscriber_id is None or message.account in known
        first = [message.account] if still_theirs else []
        ways = dict.fromkeys(first + known)
        return [account for account in ways if account.partition(":")[0] in self._channels]
