"""Keeping the account's access token: one refresher at a time, over any number of processes."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import NamedTuple, Protocol

import msgspec

from adapters.errors import UpstreamUnavailable


class AccessToken(msgspec.Struct, frozen=True):
    """A token as it is stored. `version` is the fencing number of the lease it was fetched under."""

    value: str
    expires_at: datetime
    version: int


class TokenStore(Protocol):
    """One account's token, and the lease to refresh it, shared by all processes that use the account."""

    async def get(self) -> AccessToken | None:
        """The newest token put; None before the first."""

    async def put(self, token: AccessToken) -> bool:
        """Store the token unless one of a higher version is there. False: it was too late and is dropped."""

    async def acquire(self, owner: str, ttl: timedelta) -> int | None:
        """Take the lease for `ttl` and get its fencing number, higher than every one before; None while it is held."""

    async def release(self, owner: str, fencing: int) -> None:
        """Give the lease back; does nothing if it has passed to another meanwhile."""


class Fetched(NamedTuple):
    """A token fresh from the platform."""

    value: str
    lifetime: timedelta


Fetch = Callable[[bool], Awaitable[Fetched]]
"""Ask the platform for the token; True makes it give out a new one (20 times a day, 30 s apart)."""


class LocalTokenStore:
    """A TokenStore for one process; keepers in that process share it."""

    def __init__(self, clock: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self._clock = clock
        self._token: AccessToken | None = None
        self._fencing = 0
        self._holder: tuple[str, int, datetime] | None = None

    async def get(self) -> AccessToken | None:
        return self._token

    async def put(self, token: AccessToken) -> bool:
        if self._token is not None and token.version < self._token.version:
            return False
        self._token = token
        return True

    async def acquire(self, owner: str, ttl: timedelta) -> int | None:
        now = self._clock()
        if self._holder is not None and now < self._holder[2]:
            return None
        self._fencing += 1
        self._holder = (owner, self._fencing, now + ttl)
        return self._fencing

    async def release(self, owner: str, fencing: int) -> None:
        if self._holder is not None and self._holder[:2] == (owner, fencing):
            self._holder = None


class AccessTokenKeeper:
    """Gives out a good token, and sees to it that one process at a time refreshes it.

    A refresher that dies loses its lease after `lease`, and another goes on. One that wakes up late finds a higher
    version in the store and its own token is dropped. `margin` must be shorter than the five minutes before the end
    during which the platform gives out the next token, or a refresh would bring the old one again.

    Source: https://developers.weixin.qq.com/doc/offiaccount/Basic_Information/getStableAccessToken.html
    """

    def __init__(
        self,
        store: TokenStore,
        fetch: Fetch,
        owner: str,
        *,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        margin: timedelta = timedelta(seconds=200),
        lease: timedelta = timedelta(seconds=15),
        longest_wait: timedelta = timedelta(seconds=20),
        poll_seconds: float = 0.05,
    ) -> None:
        self._store = store
        self._fetch = fetch
        self._owner = owner
        self._clock = clock
        self._sleep = sleep
        self._margin = margin
        self._lease = lease
        self._longest_wait = longest_wait
        self._poll_seconds = poll_seconds
        self._refreshing: asyncio.Task[AccessToken] | None = None

    async def token(self) -> AccessToken:
        """A token that has not expired.

        Raises:
            UpstreamUnavailable: none could be had within `longest_wait`.
            WeChatRefused: the platform would not give one.
        """
        token = await self._store.get()
        if token is not None and self._is_good(token, None):
            return token
        return await self._joined_refresh(None)

    async def renew(self, refused: AccessToken) -> AccessToken:
        """Another token than `refused`, which the platform did not accept. Raises as `token` does."""
        token = await self._store.get()
        if token is not None and self._is_good(token, refused):
            return token
        return await self._joined_refresh(refused)

    async def _joined_refresh(self, refused: AccessToken | None) -> AccessToken:
        """All callers in this process wait for one refresh, which goes on when one of them gives up."""
        running = self._refreshing
        if running is not None and not running.done():
            token = await asyncio.shield(running)
            if refused is None or token.value != refused.value:
                return token
            # That refresh began before the refusal; one more, unless somebody has begun it already.
        if self._refreshing is None or self._refreshing.done():
            self._refreshing = asyncio.create_task(self._refresh(refused))
        return await asyncio.shield(self._refreshing)

    async def _refresh(self, refused: AccessToken | None) -> AccessToken:
        end = self._clock() + self._longest_wait
        while True:
            token = await self._store.get()
            if token is not None and self._is_good(token, refused):
                return token
            fencing = await self._store.acquire(self._owner, self._lease)
            if fencing is not None:
                try:
                    return await self._refresh_under_lease(fencing, refused)
                finally:
                    await self._store.release(self._owner, fencing)
            if token is not None and self._serves_meanwhile(token, refused):
                return token
            if self._clock() >= end:
                raise UpstreamUnavailable("the access token is being refreshed elsewhere and did not come")
            await self._sleep(self._poll_seconds)

    async def _refresh_under_lease(self, fencing: int, refused: AccessToken | None) -> AccessToken:
        # Another may have refreshed between our look at the store and our lease.
        known = await self._store.get()
        if known is not None and self._is_good(known, refused):
            return known
        asked_at = self._clock()
        fetched = await self._fetch(False)
        if refused is not None and fetched.value == refused.value:
            fetched = await self._fetch(True)
        token = AccessToken(fetched.value, asked_at + fetched.lifetime, fencing)
        if await self._store.put(token):
            return token
        newer = await self._store.get()
        return newer if newer is not None else token

    def _is_good(self, token: AccessToken, refused: AccessToken | None) -> bool:
        return self._serves_meanwhile(token, refused) and self._clock() < token.expires_at - self._margin

    def _serves_meanwhile(self, token: AccessToken, refused: AccessToken | None) -> bool:
        """While another refreshes: a token near its end is still good, the refused one is not."""
        return self._clock() < token.expires_at and (refused is None or token.value != refused.value)
