"""Where a message to a subscriber may go."""

from __future__ import annotations

from sqlalchemy import Connection, select

from auth.phone_number import PhoneVault
from gateway.capabilities.bindings import bindings
from gateway.capabilities.subscribers import Contact, contact_of
from gateway.store import Store


class SubscriberAccounts:
    """The accounts a message to a subscriber may go to: chats first, newest first, then the phone by SMS."""

    def __init__(self, store: Store, vault: PhoneVault) -> None:
        self._store = store
        self._vault = vault

    async def accounts(self, subscriber_id: int) -> list[str]:
        """Accounts, best first."""
        bound, contact = await self._store.read(_bound_accounts, subscriber_id)
        phone = contact.phone(self._vault)
        return bound if phone is None else [*bound, f"sms:{phone}"]


def _bound_accounts(connection: Connection, subscriber_id: int) -> tuple[list[str], Contact]:
    live = select(bindings.c.account).where(bindings.c.subscriber_id == subscriber_id, bindings.c.ended_at.is_(None))
    return list(connection.scalars(live.order_by(bindings.c.bound_at.desc()))), contact_of(connection, subscriber_id)
