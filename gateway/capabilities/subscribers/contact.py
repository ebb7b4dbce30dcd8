"""How a subscriber is reached, for the platform's own work."""

from __future__ import annotations

from typing import NamedTuple

from sqlalchemy import Connection, select

from auth.phone_number import PhoneVault
from gateway.capabilities.subscribers.tables import subscribers


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
