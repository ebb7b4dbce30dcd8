"""How a subscriber is reached, for the platform's own work."""

from __future__ import annotations

from typing import NamedTuple

from sqlalchemy import Connection, select

from auth.phone_number import PhoneVault
from gateway.capabilities.bindings.tables import bindings
from gateway.capabilities.subscribers.tables import subscribers
from gateway.store import Store


class Contact(NamedTuple):
    """The operator's own number for the subscriber, and the phone number as stored."""

    ref: str
    phone_cipher: bytes | None
    phone_hash: bytes | None

    def phone(self, vault: PhoneVault) -> str | None:
        """The phone number in E.164, or None where none is known."""
        if self.phone_cipher is None or self.phone_hash is None:
            return None
        return vault.decrypt(self.phone_cipher, self.phone_hash)


def contact_of(connection: Connection, subscriber_id: int) -> Contact:
    """The contact of a subscriber that exists."""
    columns = (subscribers.c.ref, subscribers.c.phone_cipher, subscribers.c.phone_hash)
    return Contact(*connection.execute(select(*columns).where(subscribers.c.id == subscriber_id)).one())


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
