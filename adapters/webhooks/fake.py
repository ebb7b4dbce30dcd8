"""Receivers in memory."""

from collections.abc import Callable, Mapping
from typing import NamedTuple

from adapters.webhooks.protocol import Reply


class Received(NamedTuple):
    """One post."""

    url: str
    body: bytes
    headers: Mapping[str, str]


class FakeWebhooks:
    """Takes every post, or answers as `answer` says."""

    def __init__(self) -> None:
        self.received: list[Received] = []
        self.answer: Callable[[Received], Reply] = lambda _: Reply(204)

    async def post(self, url: str, body: bytes, headers: Mapping[str, str]) -> Reply:
        received = Received(url, body, headers)
        self.received.append(received)
        return self.answer(received)
