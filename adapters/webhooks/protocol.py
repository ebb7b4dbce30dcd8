"""Posting to an address that somebody else chose, in our words."""

from collections.abc import Mapping
from typing import Protocol

import msgspec


class Reply(msgspec.Struct, frozen=True):
    """What came of one post. It is told, not raised: a receiver may do whatever it likes."""

    status: int | None
    """HTTP status; None where no answer came."""
    error: str | None = None
    """Why no answer came, in words that may be shown to the receiver's owner."""
    excerpt: str = ""
    """The first 500 characters of the answer's body."""
    retry_after: str | None = None
    """The answer's Retry-After header, as it was sent."""
    seconds: float = 0.0
    """How long it took."""

    @property
    def taken(self) -> bool:
        """Whether the receiver took it."""
        return self.status is not None and 200 <= self.status < 300


class WebhookPost(Protocol):
    """Posts bytes to an address."""

    async def post(self, url: str, body: bytes, headers: Mapping[str, str]) -> Reply:
        """Post once, within bounds of time and size. No redirect is followed, and no forbidden address is reached."""
