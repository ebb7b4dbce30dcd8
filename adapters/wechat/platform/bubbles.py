"""What a phone shows: bubbles, and the links a text may hold."""

import asyncio
import html
import re
from collections import defaultdict
from collections.abc import Callable
from datetime import datetime
from typing import Any, Literal
from urllib.parse import parse_qs, urlsplit

import msgspec

Side = Literal["person", "account", "system"]
_ANCHOR = re.compile(r"""<a\s[^<>]*?href\s*=\s*(["'])(.*?)\1[^<>]*>(.*?)</a>""", re.IGNORECASE | re.DOTALL)


class Choice(msgspec.Struct, frozen=True):
    """Words that are sent when clicked, with the id that goes along as bizmsgmenuid."""

    id: str
    content: str


class Segment(msgspec.Struct, frozen=True, omit_defaults=True):
    """A piece of text: plain, or a link to a page, or a choice."""

    text: str
    href: str | None = None
    choice: Choice | None = None


class Bubble(msgspec.Struct, frozen=True):
    """One thing on the screen. `seq` counts from 1 in each chat; `content` depends on `kind` (see README)."""

    seq: int
    at: datetime
    side: Side
    kind: str
    content: dict[str, Any]
    late: bool = False
    """Sent by the server API, not as the answer to a callback."""


def segments(text: str) -> list[Segment]:
    """Split a text at its links. Only http(s) and bizmsgmenu links count; every other tag stays plain text."""
    found: list[Segment] = []
    end = 0
    for anchor in _ANCHOR.finditer(text):
        link = _link(html.unescape(anchor[2]), anchor[3])
        if link is None:
            continue
        if anchor.start() > end:
            found.append(Segment(text[end : anchor.start()]))
        found.append(link)
        end = anchor.end()
    if end < len(text):
        found.append(Segment(text[end:]))
    return found


def _link(href: str, text: str) -> Segment | None:
    try:
        parts = urlsplit(href)
    except ValueError:
        return None
    if parts.scheme in {"http", "https"} and parts.netloc:
        return Segment(text, href=href)
    if parts.scheme == "weixin" and parts.netloc == "bizmsgmenu":
        query = parse_qs(parts.query)
        content, menu_id = query.get("msgmenucontent", [text])[0], query.get("msgmenuid", [""])[0]
        return Segment(text, choice=Choice(menu_id, content))
    return None


class Chats:
    """The bubbles of every phone, and waiting for the next one."""

    def __init__(self, clock: Callable[[], datetime]) -> None:
        self._clock = clock
        self._bubbles: defaultdict[str, list[Bubble]] = defaultdict(list)
        self._changed = asyncio.Condition()
        self._closed = False

    async def add(self, openid: str, side: Side, kind: str, content: dict[str, Any], *, late: bool = False) -> None:
        """Show one more bubble."""
        chat = self._bubbles[openid]
        chat.append(Bubble(len(chat) + 1, self._clock(), side, kind, content, late))
        async with self._changed:
            self._changed.notify_all()

    async def after(self, openid: str, seq: int, wait_seconds: float) -> list[Bubble]:
        """The bubbles past number `seq`; if there are none, wait up to `wait_seconds` for one."""
        try:
            async with asyncio.timeout(wait_seconds), self._changed:
                await self._changed.wait_for(lambda: self._closed or len(self._bubbles[openid]) > seq)
        except TimeoutError:
            pass  # nothing new is an answer too
        return self._bubbles[openid][seq:]

    async def close(self) -> None:
        """Let everyone who waits go."""
        self._closed = True
        async with self._changed:
            self._changed.notify_all()
