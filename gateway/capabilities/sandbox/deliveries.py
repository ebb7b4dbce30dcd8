"""Faults of a sandbox partner's webhooks."""

from __future__ import annotations

from gateway.capabilities.partners import Partners
from gateway.capabilities.sandbox.repository import get_faults, spend
from gateway.store import Store

_DOUBLED = "order.completed"


class SandboxDeliveryFaults:
    """Asked before and after each delivery. Those of live partners cost one look at what is remembered of the partner."""

    def __init__(self, store: Store, partners: Partners) -> None:
        self._store = store
        self._partners = partners

    async def reorders(self, partner_id: str) -> bool:
        """Whether this delivery is to be overtaken; it is counted."""
        if await self._partners.sandbox_of(partner_id) is None:
            return False
        faults = await self._store.read(get_faults, partner_id)
        return faults.reorder_deliveries > 0 and await self._store.write(spend, partner_id, "reorder_deliveries")

    async def doubles(self, partner_id: str, event_type: str) -> bool:
        """Whether an event that was taken is sent once more."""
        if event_type != _DOUBLED or await self._partners.sandbox_of(partner_id) is None:
            return False
        return (await self._store.read(get_faults, partner_id)).double_callbacks
