"""Where a message to a subscriber may go."""

from __future__ import annotations

from sqlalchemy import Connection, select

from auth.phone_number import PhoneVault
from gateway.capabilities.bindings import bindings
from gateway.capabilities.subscribers import Contact, contact_of
from gateway.store import Store


class SubscriberAccounts:
    """The accounts a message to a subscriber may go to: chats first, newest first, then the phone by SMS.

    None that is suspended; and no phone that nobody proved to hold since another SIM card came to its number.
    """

    def __init__(self, store: Store, vault: PhoneVault) -> None:
        self._store = store
        self._vault = vault

    async def accounts(self, subscriber_id: int) -> list[str]:
        """Accounts, best first."""
        if subscriber_id < 0:  # made up: nothing real may be reached, and the sandbox keeps what is said
            return [f"sandbox:{subscriber_id}"]
        bound, contact = await self._store.read(_bound_accounts, subscriber_id)
        phone = contact.phone(self._vault)
        return bound if phone is None else [*bound, f"sms:{phone}"]


def _bound_accounts(connection: Connection, subscriber_id: int) -> tuple[list[str], Contact]:
    live = select(bindings.c.account, bindings.c.bound_at, bindings.c.suspended_at).where(
        bindings.c.subscriber_id == subscriber_id, bindings.c.ended_at.is_(None)
    )
    rows = connection.execute(live.order_by(bindings.c.bound_at.desc())).all()
    good = [row for row in rows if row.suspended_at is None]
    suspensions = [row.suspended_at for row in rows if row.suspended_at is not None]
    contact = contact_of(connection, subscriber_id)
    if suspensions and not any(row.bound_at > max(suspensions) for row in good):
        contact = contact._replace(phone_cipher=None, phone_hash=None)
    return [row.account for row in good], contact
