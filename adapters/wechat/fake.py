"""The WeChat platform in memory."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, NamedTuple

from adapters.errors import OutcomeUnknown, UpstreamUnavailable
from adapters.wechat.errors import refusal
from adapters.wechat.protocol import Article, Button, Choice, Follower, QrCode

_MESSAGES_A_CONTACT = 5


class SentMessage(NamedTuple):
    """One message that went out. `kind`: text, news, msgmenu or template; `content` as it was given."""

    openid: str
    kind: str
    content: Any


class FakeWeChatApi:
    """`WeChatApi` in memory. Set and read its world:

    followers: who follows. unanswered: openid → messages sent since their last contact; who is absent is outside the window.
    down: nothing is reached. lose_next: so many messages go out and their answers are lost.
    refuse_next: error codes for the next calls. sent, menu, qrcodes: what was done.
    """

    def __init__(self) -> None:
        self.followers: set[str] = set()
        self.unanswered: dict[str, int] = {}
        self.down = False
        self.lose_next = 0
        self.refuse_next: list[int] = []
        self.sent: list[SentMessage] = []
        self.menu: tuple[Button, ...] = ()
        self.qrcodes: dict[str, str] = {}
        self._template_ids: dict[tuple[str, str], int] = {}

    def hear_from(self, openid: str) -> None:
        """A follower gets in touch, which opens the window to answer them."""
        self.followers.add(openid)
        self.unanswered[openid] = 0

    async def send_text(self, openid: str, text: str) -> None:
        self._check_reached()
        if len(text.encode()) > 2048:
            raise refusal(45002, "content size out of limit")
        self._send(openid, "text", text)

    async def send_news(self, openid: str, articles: Sequence[Article]) -> None:
        self._check_reached()
        if len(articles) != 1:
            raise refusal(45008, "article size out of limit")
        self._send(openid, "news", tuple(articles))

    async def send_menu(self, openid: str, head: str, items: Sequence[Choice], tail: str) -> None:
        self._check_reached()
        self._send(openid, "msgmenu", (head, tuple(items), tail))

    async def send_template(
        self,
        openid: str,
        template_id: str,
        values: Mapping[str, str],
        *,
        url: str | None = None,
        client_msg_id: str | None = None,
    ) -> int:
        self._check_reached()
        if openid not in self.followers:
            raise refusal(43004, "require subscribe")
        msgid = len(self._template_ids) + 1
        known = self._template_ids.setdefault((openid, client_msg_id or f"#{msgid}"), msgid)
        if known == msgid:
            self._deliver(openid, "template", (template_id, dict(values), url))
        return known

    async def create_qrcode(self, scene: str, expire_seconds: int) -> QrCode:
        self._check_reached()
        if not 1 <= len(scene) <= 64:
            raise refusal(40053, "invalid action info")
        ticket = f"ticket-{len(self.qrcodes) + 1}"
        self.qrcodes[ticket] = scene
        return QrCode(ticket, f"https://weixin.example/q/{ticket}")

    async def create_menu(self, buttons: Sequence[Button]) -> None:
        self._check_reached()
        if not 1 <= len(buttons) <= 3:
            raise refusal(40016, "invalid button size")
        self.menu = tuple(buttons)

    async def user_info(self, openid: str) -> Follower:
        self._check_reached()
        if openid not in self.followers:
            return Follower(openid, False)
        return Follower(openid, True, followed_at=datetime(2026, 1, 1, tzinfo=UTC), language="zh_CN")

    def _check_reached(self) -> None:
        if self.down:
            raise UpstreamUnavailable("WeChat is down")
        if self.refuse_next:
            raise refusal(self.refuse_next.pop(0), "refused as set")

    def _send(self, openid: str, kind: str, content: Any) -> None:
        if openid not in self.followers:
            raise refusal(43004, "require subscribe")
        if openid not in self.unanswered:
            raise refusal(45015, "response out of time limit")
        if self.unanswered[openid] >= _MESSAGES_A_CONTACT:
            raise refusal(45047, "out of response count limit")
        self.unanswered[openid] += 1
        self._deliver(openid, kind, content)

    def _deliver(self, openid: str, kind: str, content: Any) -> None:
        self.sent.append(SentMessage(openid, kind, content))
        if self.lose_next:
            self.lose_next -= 1
            raise OutcomeUnknown("the answer was lost")
