"""How many calls a principal may make, counted in hot state."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple, Protocol

from auth.principal import Principal
from config.settings import QuotaSettings
from gateway.store.hot import HotState


class Window(NamedTuple):
    """One window of time that a call was counted in."""

    name: str
    """What the window is called to the caller: second, minute, day."""
    limit: int
    """Calls that fit in."""
    seconds: int
    """How long it is."""
    used: int
    """Calls counted in it so far, this one included."""
    resets_in: int
    """Seconds until the next one begins."""

    @property
    def is_over(self) -> bool:
        """Whether this call is one too many."""
        return self.used > self.limit


class PartnerQuotas(Protocol):
    """Knows what each partner's contract says."""

    async def quota(self, partner_id: str) -> tuple[int, int] | None:
        """(calls per second, calls per day), or None for the installation's usual ones."""

    async def is_slowed(self, partner_id: str) -> bool:
        """Whether only a part of that is left to the partner."""


class CountedQuota:
    """Fixed windows: partners per second and day, accounts and sessions per minute. Operators are not counted."""

    def __init__(self, hot: HotState, settings: QuotaSettings, partners: PartnerQuotas) -> None:
        self._hot = hot
        self._settings = settings
        self._partners = partners

    async def take(
        self, principal: Principal, now: datetime, *, is_part: bool = False, calls: int = 1
    ) -> Sequence[Window]:
        """The windows the call was counted in, none for who is not counted. If the last one is over, so is the quota.

        Parts of a call that was counted itself, `calls` of them, count in a partner's day, not in its second.
        """
        second = int(now.timestamp())
        if principal.kind == "operator":
            return ()
        if principal.kind == "partner":
            return await self._take_partner(principal.id, second, is_part, calls)
        limit = self._settings.account_per_minute
        if principal.kind == "anonymous":
            limit = self._settings.anonymous_per_minute
        return (await self._take(f"{principal.kind}:{principal.id}", second, "minute", 60, limit, calls),)

    async def _take_partner(self, partner_id: str, second: int, is_part: bool, calls: int) -> Sequence[Window]:
        agreed = await self._partners.quota(partner_id)
        usual = (self._settings.partner_per_second, self._settings.partner_per_day)
        per_second, per_day = agreed or usual
        if await self._partners.is_slowed(partner_id):
            per_second, per_day = (max(1, calls * self._settings.slowed_pct // 100) for calls in (per_second, per_day))
        owner = f"partner:{partner_id}"
        burst = () if is_part else (await self._take(owner, second, "second", 1, per_second, calls),)
        if any(window.is_over for window in burst):
            return burst
        return (*burst, await self._take(owner, second, "day", 86_400, per_day, calls))

    async def _take(self, owner: str, second: int, name: str, length: int, limit: int, calls: int) -> Window:
        number, into = divmod(second, length)
        used = await self._hot.count(f"quota:{length}:{owner}:{number}", length + 1, calls)
        return Window(name, limit, length, used, length - into)
