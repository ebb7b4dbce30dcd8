"""Where messages to sandbox users go: into a table."""

from __future__ import annotations

from adapters.sms.protocol import Sms
from auth.phone_number import PhoneVault, is_sandbox_number
from gateway.capabilities.sandbox.repository import id_by_phone, keep_message
from gateway.kit.clock import Clock
from gateway.store import Store


class SandboxChannel:
    """The one channel of a sandbox user, whose account is `sandbox:<subscriber>`."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock

    async def send(self, account: str, text: str, message_id: str) -> None:
        """Keep a message."""
        subscriber_id = int(account.partition(":")[2])
        await self._store.write(keep_message, subscriber_id, text, message_id, self._clock())


class SandboxSms:
    """`Sms` that keeps what goes to sandbox numbers and hands on everything else."""

    def __init__(self, sms: Sms, store: Store, vault: PhoneVault, channel: SandboxChannel) -> None:
        self._sms = sms
        self._store = store
        self._vault = vault
        self._channel = channel

    async def send(self, to_e164: str, text: str, message_id: str) -> None:
        """Send or keep a text message."""
        if not is_sandbox_number(to_e164):
            await self._sms.send(to_e164, text, message_id)
            return
        subscriber_id = await self._store.read(id_by_phone, self._vault.digest(to_e164))
        await self._channel.send(f"sandbox:{subscriber_id}", text, message_id)
