"""The people with a phone, and when the account may write to them."""

from datetime import datetime, timedelta
from typing import Literal, NamedTuple

from adapters.wechat.platform.account import ApiError

Contact = Literal["message", "click", "subscribe", "scan"]


class Window(NamedTuple):
    """How long after a contact the account may write, and how many messages."""

    length: timedelta
    messages: int


WINDOWS: dict[Contact, Window] = {
    "message": Window(timedelta(hours=48), 5),
    "click": Window(timedelta(minutes=1), 3),
    "subscribe": Window(timedelta(minutes=1), 3),
    "scan": Window(timedelta(minutes=1), 3),
}
_TYPING_AFTER_CONTACT = timedelta(seconds=30)


class Person:
    """One WeChat user as this account knows them."""

    def __init__(self, openid: str, name: str) -> None:
        self.openid = openid
        self.name = name
        self.followed_at: datetime | None = None
        self.scene = ""
        self._contacts: dict[Contact, tuple[datetime, int]] = {}
        self._typing = False

    @property
    def is_following(self) -> bool:
        """Whether they follow the account now."""
        return self.followed_at is not None

    def follow(self, at: datetime, scene: str) -> None:
        """Start following; `scene` of the code they came by, or empty."""
        self.followed_at, self.scene = at, scene

    def unfollow(self) -> None:
        """Stop following, which also closes every window."""
        self.followed_at = None
        self._contacts.clear()

    def contact(self, kind: Contact, at: datetime) -> None:
        """They got in touch: the window of this kind opens anew."""
        self._contacts[kind] = (at, 0)

    def use_window(self, now: datetime) -> None:
        """Count one customer-service message, or raise the platform's error."""
        self.check_following()
        open_now = {kind: sent for kind, (at, sent) in self._contacts.items() if now - at < WINDOWS[kind].length}
        if not open_now:
            raise ApiError(45015, "response out of time limit or subscription is canceled")
        for kind, sent in open_now.items():
            if sent < WINDOWS[kind].messages:
                self._contacts[kind] = (self._contacts[kind][0], sent + 1)
                self._typing = False
                return
        raise ApiError(45047, "out of response count limit")

    def type(self, command: str, now: datetime) -> None:
        """Show or end "typing", or raise the platform's error."""
        self.check_following()
        if command == "CancelTyping":
            self._typing = False
            return
        if command != "Typing":
            raise ApiError(45072, "command's value is invalid")
        if not any(now - at < _TYPING_AFTER_CONTACT for at, _ in self._contacts.values()):
            raise ApiError(45080, "no message received from the user in the last 30 seconds")
        if self._typing:
            raise ApiError(45081, "typing status is already set")
        self._typing = True

    def check_following(self) -> None:
        """Raise the platform's error unless they follow."""
        if not self.is_following:
            raise ApiError(43004, "require subscribe")
