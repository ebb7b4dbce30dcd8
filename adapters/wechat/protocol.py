"""The contract of the WeChat platform's server API, as far as we use it."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import NamedTuple, Protocol

import msgspec


class Article(msgspec.Struct, frozen=True):
    """One news card."""

    title: str
    description: str
    url: str
    picture_url: str = ""


class Choice(msgspec.Struct, frozen=True):
    """One line of a choice message. Clicking it sends `content` back with `id` as bizmsgmenuid."""

    id: str
    content: str


class Button(msgspec.Struct, frozen=True):
    """One button of the account's menu: it sends `key` (CLICK), opens `url` (VIEW), or holds `below` (1 to 5 buttons)."""

    name: str
    key: str | None = None
    url: str | None = None
    below: tuple["Button", ...] = ()


class QrCode(NamedTuple):
    """A picture to scan: `ticket` fetches it from the platform, `url` is what it says."""

    ticket: str
    url: str


class Follower(msgspec.Struct, frozen=True):
    """What the platform tells about a person; not following: openid alone is known."""

    openid: str
    is_following: bool
    followed_at: datetime | None = None
    language: str | None = None
    unionid: str | None = None
    scene: str | None = None
    """The scene of the QR code they came by."""


class WeChatApi(Protocol):
    """Sends to people and sets up the account. Source: https://developers.weixin.qq.com/doc/offiaccount/

    The sending calls raise:
        OutsideWindow, TooManyUnanswered: keep the words for the person's next contact.
        NotFollowing: stop sending to this person.
    All calls raise:
        QuotaExhausted, CalledTooOften, NotAuthorised, AddressNotAllowed, or WeChatRefused for any other error code.
        UpstreamUnavailable: busy or not reached, after the client's own retries.
        OutcomeUnknown: a sending call may have gone out.
    """

    async def send_text(self, openid: str, text: str) -> None:
        """Send a customer-service message; `text` up to 2,048 bytes in UTF-8."""

    async def send_news(self, openid: str, articles: Sequence[Article]) -> None:
        """Send one card as a customer-service message; the platform takes exactly one."""

    async def send_menu(self, openid: str, head: str, items: Sequence[Choice], tail: str) -> None:
        """Send a choice message."""

    async def send_template(
        self,
        openid: str,
        template_id: str,
        values: Mapping[str, str],
        *,
        url: str | None = None,
        client_msg_id: str | None = None,
    ) -> int:
        """Send a template message and give its msgid; the same `client_msg_id` within 10 minutes is sent once."""

    async def create_qrcode(self, scene: str, expire_seconds: int) -> QrCode:
        """Make a temporary QR code; `scene` of 1 to 64 characters, at most 2,592,000 seconds (30 days)."""

    async def create_menu(self, buttons: Sequence[Button]) -> None:
        """Replace the account's menu: 1 to 3 buttons, each with up to 5 below."""

    async def user_info(self, openid: str) -> Follower:
        """What is known about a person."""
