"""One-time codes as kept in the store, and their sending."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

import msgspec
from sqlalchemy import Column, ColumnElement, Connection, func, select

from adapters.sms.protocol import Sms
from auth.one_time_code import SentCode
from auth.secret_box import SecretBox
from gateway.capabilities.bindings.tables import code_tries, one_time_codes
from gateway.kit.clock import Clock
from gateway.store import Unit
from gateway.store.outbox import Handler, Job


class History(NamedTuple):
    """Sendings to one number, or by one account: times of the last day, and how many ever."""

    sent_at: Sequence[datetime]
    ever: int


def history_of_phone(connection: Connection, phone_hash: bytes, now: datetime) -> History:
    """What was sent to this number, by whomever."""
    return _history(connection, one_time_codes.c.phone_hash == phone_hash, one_time_codes.c.phone_seq, now)


def history_of_account(connection: Connection, account: str, now: datetime) -> History:
    """What this account asked for, to whatever number."""
    return _history(connection, one_time_codes.c.account == account, one_time_codes.c.account_seq, now)


def _history(connection: Connection, matches: ColumnElement[bool], seq: Column[int], now: datetime) -> History:
    ever = connection.scalar(select(func.max(seq)).where(matches))
    since = now - timedelta(days=1)
    recent = select(one_time_codes.c.sent_at).where(matches, one_time_codes.c.sent_at > since)
    return History(connection.scalars(recent).all(), ever or 0)


class KeptCode(NamedTuple):
    """The newest code an account asked for."""

    id: str
    phone_hash: bytes
    tries: int
    sent: SentCode


def newest_code(connection: Connection, account: str) -> KeptCode | None:
    """The one code of an account that can still be answered: a newer one ends the older."""
    of_account = select(one_time_codes).where(one_time_codes.c.account == account)
    row = connection.execute(of_account.order_by(one_time_codes.c.account_seq.desc()).limit(1)).one_or_none()
    if row is None:
        return None
    outcomes = connection.scalars(select(code_tries.c.outcome).where(code_tries.c.code_id == row.id)).all()
    sent = SentCode(
        row.code_digest, salt_of(row.id, account, row.phone_hash), row.sent_at, len(outcomes), "accepted" in outcomes
    )
    return KeptCode(row.id, row.phone_hash, len(outcomes), sent)


def salt_of(code_id: str, account: str, phone_hash: bytes) -> bytes:
    """What ties a code to its one use."""
    return f"{code_id}:{account}:".encode() + phone_hash


class CodeMessage(msgspec.Struct):
    """A code on its way. It is sealed, because the outbox is a table like any other."""

    id: str
    sealed: bytes


class CodePayload(msgspec.Struct):
    """What is sealed."""

    phone: str
    code: str
    locale: str
    template: str | None = None
    """An approved text of a partner, with `{{code}}`; None: the platform's own."""


PLACE_OF_CODE = "{{code}}"


def approved_texts(partner: str) -> tuple[str, str]:
    """The texts, in Chinese and English, in which a partner of that name may have a code sent."""
    return (
        f"{PLACE_OF_CODE}是您在{partner}的验证码。请勿告诉他人。",
        f"{PLACE_OF_CODE} is your {partner} code. Never tell it to anybody.",
    )


def code_text(code: str, locale: str, template: str | None = None) -> str:
    """The text message that carries a code."""
    if template is not None:
        return template.replace(PLACE_OF_CODE, code)
    if locale.startswith("en"):
        return f"Your Tuila code is {code}, good for 5 minutes. Never tell it to anybody."
    return f"【推拉】验证码{code}，5分钟内有效。请勿告诉他人。"


class CodeSender:
    """Sends codes by SMS, from the outbox; one that is late is not sent at all."""

    def __init__(self, sms: Sms, box: SecretBox, lifetime: timedelta, clock: Clock) -> None:
        self._sms = sms
        self._box = box
        self._lifetime = lifetime
        self._clock = clock

    def seal(self, message_id: str, payload: CodePayload) -> CodeMessage:
        """The code as it waits in the outbox."""
        return CodeMessage(message_id, self._box.seal(msgspec.json.encode(payload), message_id.encode()))

    def handlers(self) -> Mapping[str, Handler]:
        """Outbox kind → handler."""
        return {"bindings.send_code": self.send}

    async def send(self, job: Job, unit: Unit) -> None:
        """Send one code."""
        if self._clock() - job.created_at >= self._lifetime:
            return
        message = msgspec.json.decode(job.body, type=CodeMessage)
        payload = msgspec.json.decode(self._box.open(message.sealed, message.id.encode()), type=CodePayload)
        await self._sms.send(payload.phone, code_text(payload.code, payload.locale, payload.template), message.id)
