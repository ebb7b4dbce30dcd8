"""Who is connected to this process: how many may be, how many are, and how all of them are let go."""

from __future__ import annotations

import asyncio
from collections import Counter
from datetime import datetime
from typing import Protocol

import prometheus_client

from auth.principal import Principal
from config.settings import WebSocketLimits
from gateway.errors import GatewayError, TooManyRequests, Unavailable

_OPEN = prometheus_client.Gauge("tuila_websocket_connections", "Open WebSocket connections.")
_REFUSED = prometheus_client.Counter("tuila_websocket_refused", "Connections refused, by the limit.", ("limit",))
_CLOSED = prometheus_client.Counter(
    "tuila_websocket_closed", "Connections closed, by our close code; `peer` where it left.", ("code",)
)
_RETRY_AFTER = 10  # seconds
_PARTING_TAKES = 10.0  # seconds that calls under way have to end when the process stops


class Member(Protocol):
    """One connection as seen from here."""

    def leave(self) -> None:
        """Begin nothing new, and close when what is under way has ended."""

    def abort(self) -> None:
        """Close now."""

    async def refusal(self) -> GatewayError | None:
        """Why it may be connected no longer, as its partner, its grant and its page are by now; None if it may."""

    def rests_on(self) -> tuple[str | None, datetime]:
        """The binding, or the account, without which it may not be connected, None: neither; and since when it is."""

    def withdraw(self, reason: str) -> None:
        """Close because it may be connected no longer."""


class Connected:
    """The open connections, counted by owner: a partner, or the network address of anybody else."""

    def __init__(self, limits: WebSocketLimits) -> None:
        self._limits = limits
        self._members: set[Member] = set()
        self._held: Counter[str] = Counter()
        self._empty = asyncio.Event()
        self._stopping = False

    def enter(self, member: Member, owner: str) -> None:
        """Count one more connection.

        Raises:
            TooManyRequests: the owner holds as many as it may.
            Unavailable: this process holds as many as it may, or is stopping.
        """
        if self._stopping or len(self._members) >= self._limits.connections:
            _REFUSED.labels("process").inc()
            raise Unavailable(
                {"zh": "连接数已满，请稍后重试", "en": "no room for another connection here; try again"},
                retry_after=_RETRY_AFTER,
            )
        self._take(owner)
        self._members.add(member)
        self._empty.clear()
        _OPEN.inc()

    def move(self, before: str, after: str) -> None:
        """Count a connection for another owner, as when it has told who it is.

        Raises:
            TooManyRequests: that one holds as many as it may.
        """
        if before != after:
            self._take(after)
            self._give_back(before)

    def exit(self, member: Member, owner: str, code: int | None) -> None:
        """Count a connection no more; `code` is the one that we closed it with, None where the peer left."""
        self._members.discard(member)
        self._give_back(owner)
        _OPEN.dec()
        _CLOSED.labels("peer" if code is None else str(code)).inc()
        if not self._members:
            self._empty.set()

    def members(self) -> list[Member]:
        """Who is connected at this moment."""
        return list(self._members)

    def _take(self, owner: str) -> None:
        kind = owner.partition(":")[0]
        limit = self._limits.per_partner if kind == "partner" else self._limits.per_address
        if self._held[owner] >= limit:
            _REFUSED.labels(kind).inc()
            raise TooManyRequests(
                {"zh": f"最多同时打开 {limit} 个连接", "en": f"at most {limit} connections may be open at a time"},
                retry_after=_RETRY_AFTER,
            )
        self._held[owner] += 1

    def _give_back(self, owner: str) -> None:
        self._held[owner] -= 1
        if not self._held[owner]:
            del self._held[owner]

    async def close(self) -> None:
        """Let all go: nobody new, what is under way may end, then 1001; whoever takes too long is cut off."""
        self._stopping = True
        members = list(self._members)
        for member in members:
            member.leave()
        if members:
            try:
                await asyncio.wait_for(self._empty.wait(), _PARTING_TAKES)
            except TimeoutError:
                for member in list(self._members):
                    member.abort()


def owner_of(principal: Principal, address: str) -> str:
    """For whom a connection counts."""
    return f"partner:{principal.id}" if principal.kind == "partner" else f"address:{address}"
