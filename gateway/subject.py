"""The subscriber a call is about, as every capability sees it."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Protocol

import msgspec

from auth.principal import Subject


class SubjectRecord(msgspec.Struct, frozen=True):
    """What one read tells about the subscriber behind an account. Absent means unknown, not zero."""

    identity: Subject
    ref: str
    brand: str
    region: str
    """Path of province/city/county codes, e.g. `GD/440100/440106`."""
    device_abilities: frozenset[str]
    usage: Mapping[str, float]
    """Usage item → weight (0 and up; relative within the subscriber)."""
    traffic_used_pct: int | None
    held: frozenset[str]
    """Codes of offers in force."""
    open_orders: frozenset[str]
    """Codes of offers with an order under way."""
    order_count: int
    """Orders ever placed: the next one takes this number, which is what makes two at once clash."""
    declined: frozenset[str]
    """Codes the subscriber said no to lately."""
    consents: Mapping[str, bool]

    @property
    def id(self) -> int:
        """The subscriber's number."""
        return self.identity.subscriber_id


class SubjectResolver(Protocol):
    """Finds the subscriber behind an account."""

    async def resolve(self, account: str) -> SubjectRecord | None:
        """The subscriber bound to the account now, or None."""

    async def resolve_all(self, accounts: Collection[str]) -> Mapping[str, SubjectRecord]:
        """The subscribers behind those accounts that are bound now, in one read."""
