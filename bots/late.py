"""Answers that come too late for the channel's own time limit: insured against a crash, then sent as a message."""

from __future__ import annotations

import base64
import uuid
from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any

import msgspec
from sqlalchemy import Connection, select

from auth.keys import KeyRing
from auth.secret_box import SecretBox
from bots.bot import Bot
from bots.conversation import Incoming, Reply
from gateway.idempotency import KEPT_FOR, Key, idempotency_keys
from gateway.kit.clock import Clock
from gateway.messages import notify
from gateway.store import Clash, Store, Unit
from gateway.store.outbox import Handler, Job, outbox, owe

KIND = "bots.late"
_NAMESPACE = uuid.UUID("6f2b1c53-6f0e-5c6e-9a35-0d0f6d1c9b11")
_decode = msgspec.json.Decoder(Incoming).decode


class LateMessage(msgspec.Struct):
    """A message still to be answered. Sealed, because people type phone numbers and codes."""

    sealed: str


class LateAnswers:
    """Sees to it that a message taken from the channel is answered once, by whichever process lives."""

    def __init__(
        self,
        bot: Bot,
        store: Store,
        keys: KeyRing,
        clock: Clock,
        ids: Callable[[], str],
        *,
        render: Mapping[str, Callable[[Reply], str]],
        insured_for: timedelta = timedelta(seconds=60),
    ) -> None:
        """`render` turns a reply into the text of one message, by channel.

        `insured_for` is how long the process that took a message may work on it before another takes it over.
        """
        self._bot = bot
        self._store = store
        self._box = SecretBox(keys.sealing.keys, keys.sealing.current, purpose="tuila.late-message.v1")
        self._clock = clock
        self._ids = ids
        self._render = render
        self._insured_for = insured_for

    def handlers(self) -> Mapping[str, Handler]:
        """Outbox kind → handler."""
        return {KIND: self.handle}

    async def insure(self, incoming: Incoming) -> None:
        """Make durable that this message is to be answered; when it returns the channel may be told so.

        Raises:
            StoreUnavailable: it is not.
        """
        now, job_id = self._clock(), _id_of(incoming)
        sealed = self._box.seal(msgspec.json.encode(incoming), job_id.encode())
        unit = Unit()
        body = LateMessage(base64.b64encode(sealed).decode())
        owe(unit, KIND, body, id=job_id, now=now, trace_id=self._ids(), due_at=now + self._insured_for)
        try:
            await self._store.commit(unit)
        except Clash:  # an earlier delivery of the same message has insured it
            return

    async def deliver(self, incoming: Incoming, reply: Reply) -> None:
        """Owe the answer as a message in place of the insurance, once."""
        unit = Unit()
        unit.delete(outbox, id=_id_of(incoming))
        if await self._owe_once(unit, incoming, reply):
            try:
                await self._store.commit(unit)
            except Clash:  # somebody else took the message over and has just answered it
                return

    async def handle(self, job: Job, unit: Unit) -> None:
        """Answer a message whose process did not live to do it."""
        sealed = base64.b64decode(msgspec.json.decode(job.body, type=LateMessage).sealed)
        incoming = _decode(self._box.open(sealed, job.id.encode()))
        if not await self._store.read(_was_answered, _guard_of(incoming)):
            await self._owe_once(unit, incoming, await self._bot.answer(incoming))

    async def _owe_once(self, unit: Unit, incoming: Incoming, reply: Reply) -> bool:
        """Record the message and its guard, under which a second one clashes; False if it was answered before."""
        guard, now = _guard_of(incoming), self._clock()
        if await self._store.read(_was_answered, guard):
            return False
        values: dict[str, Any] = {"fingerprint": guard, "status": 200, "answer": b"", "expires_at": now + KEPT_FOR}
        unit.insert(idempotency_keys, key=guard, **values)
        if reply:
            text = self._render[incoming.channel](reply)
            words = {"zh": text, "en": text}
            notify(unit, None, incoming.account, words, id=self._ids(), now=now, trace_id=incoming.message_id[:64])
        return True


def _id_of(incoming: Incoming) -> str:
    return str(uuid.uuid5(_NAMESPACE, incoming.message_id))


def _guard_of(incoming: Incoming) -> bytes:
    return Key.of("platform:", KIND, incoming.account, incoming.message_id).digest


def _was_answered(connection: Connection, guard: bytes) -> bool:
    found = select(idempotency_keys.c.key).where(idempotency_keys.c.key == guard)
    return connection.execute(found).one_or_none() is not None
