"""How many calls a principal may make, counted in hot state."""

from __future__ import annotations

from datetime import datetime
from typing import Protocol

from auth.principal import Principal
from config.settings import QuotaSettings
from gateway.store.hot import HotState


class PartnerQuotas(Protocol):
    """Knows what each partner's contract says."""

    async def quota(self, partner_id: str) -> tuple[int, int] | None:
        """(calls per second, calls per day), or None for the installation's usual ones."""


class CountedQuota:
    """Fixed windows: partners per second and day, accounts and sessions per minute. Operators are not counted."""

    def __init__(self, hot: HotState, settings: QuotaSettings, partners: PartnerQuotas) -> None:
        self._hot = hot
        self._settings = settings
        self._partners = partners

    async def take(self, principal: Principal, now: datetime) -> float | None:
        """None if the call is within quota, else the seconds until the next window begins."""
        second = int(now.timestamp())
        if principal.kind == "operator":
            return None
        if principal.kind == "partner":
            return await self._take_partner(principal.id, second)
        limit = self._settings.account_per_minute
        if principal.kind == "anonymous":
            limit = self._settings.anonymous_per_minute
        return await self._take(f"{principal.kind}:{principal.id}", second, 60, limit)

    async def _take_partner(self, partner_id: str, second: int) -> float | None:
        agreed = await self._partners.quota(partner_id)
        usual = (self._settings.partner_per_second, self._settings.partner_per_day)
        per_second, per_day = agreed or usual
        owner = f"partner:{partner_id}"
        wait = await self._take(owner, second, 1, per_second)
        return wait if wait is not None else await self._take(owner, second, 86_400, per_day)

    async def _take(self, owner: str, second: int, window: int, limit: int) -> float | None:
        number, into = divmod(second, window)
        used = await self._hot.count(f"quota:{window}:{owner}:{number}", window + 1)
        return None if used <= limit else float(window - into)
