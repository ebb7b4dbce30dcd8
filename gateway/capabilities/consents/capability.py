"""Seeing, giving and withdrawing consent."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from msgspec import Meta, Struct
from sqlalchemy import Connection, func, select

from auth.principal import partner_of
from gateway.capabilities.bindings import bindings
from gateway.capabilities.consents.tables import consents as consent_rows
from gateway.capabilities.events import emit
from gateway.capability import CapabilitySet, Context, Effect, Subject
from gateway.store import Store

CURRENT_TEXT = "2026-11"
"""Version of the consent texts people are shown now."""

_IN_GENERAL = ("recommend", "order")
"""Purposes that can be answered for all partners at once; `recommend:shop` is the answer about one."""

consents = CapabilitySet("consents")

Purpose = Annotated[
    str,
    Meta(
        pattern=r"^((recommend|order)(:[a-z0-9-]{1,40})?|profile:[a-z0-9-]{1,40}|marketing:[a-z]{1,20})$",
        description="recommend or order, in general or with :PARTNER for one; profile:PARTNER; marketing:CHANNEL.",
        examples=["marketing:wechat"],
    ),
]


class Consent(Struct, frozen=True):
    """What the subject last said about one purpose."""

    purpose: str
    granted: bool
    text_version: str
    channel: str
    at: datetime


class ListConsents(Struct, frozen=True):
    """Nothing to say: the answer is short."""


class ConsentList(Struct, frozen=True):
    """The subject's consents, one per purpose ever answered."""

    items: list[Consent]


class SetConsent(Struct, frozen=True):
    """Give or withdraw consent for one purpose."""

    purpose: Purpose
    granted: bool


@consents.capability(
    scope="consents:read",
    subject=Subject.REQUIRED,
    effect=Effect.READ,
    http="GET /v1/consents",
    title={"zh": "我的授权", "en": "List consents"},
)
async def list_current(request: ListConsents, ctx: Context) -> ConsentList:
    """What the subject has agreed to and refused."""
    newest: dict[str, Consent] = {}
    for consent in await ctx.part(Store).read(_all_of, ctx.subscriber.id):
        newest[consent.purpose] = consent
    return ConsentList([*newest.values()])


@consents.capability(
    scope="consents:write",
    subject=Subject.REQUIRED,
    effect=Effect.WRITE,
    http="POST /v1/consents",
    title={"zh": "设置授权", "en": "Set a consent"},
    own_voice=True,
)
async def set_one(request: SetConsent, ctx: Context) -> Consent:
    """Give or withdraw the subject's consent for one purpose; every earlier answer stays on record."""
    consent = await record_answer(request.purpose, request.granted, ctx)
    ctx.audit_detail["purpose"] = request.purpose
    ctx.audit_detail["granted"] = str(request.granted).lower()
    return consent


async def record_answer(purpose: str, granted: bool, ctx: Context) -> Consent:
    """Record what the subject, in person, just said about a purpose. A no in general is a no to each partner, too."""
    if not granted and purpose in _IN_GENERAL:
        for narrower, answer in ctx.subscriber.consents.items():
            if answer and narrower.startswith(f"{purpose}:"):
                await _record(narrower, False, ctx)
    return await _record(purpose, granted, ctx)


async def _record(purpose: str, granted: bool, ctx: Context) -> Consent:
    subscriber_id = ctx.subscriber.id
    seq = await ctx.part(Store).read(_next_seq, subscriber_id, purpose)
    consent = Consent(purpose, granted, CURRENT_TEXT, ctx.channel, ctx.now)
    ctx.unit.insert(
        consent_rows, subscriber_id=subscriber_id, purpose=consent.purpose, seq=seq, granted=consent.granted,
        text_version=consent.text_version, channel=consent.channel, at=consent.at,
    )  # fmt: skip
    await _tell(consent, ctx)
    return consent


async def _tell(consent: Consent, ctx: Context) -> None:
    """Let the session know, and every partner concerned that has the subscriber among its users."""
    told = {"purpose": consent.purpose, "text_version": consent.text_version}
    accounts = await ctx.part(Store).read(_partner_accounts, ctx.subscriber.id)
    kind, _, about = consent.purpose.partition(":")
    concerned = {
        account for account in accounts
        if consent.purpose in _IN_GENERAL or (kind != "marketing" and about == partner_of(account))
    }  # fmt: skip
    for account in sorted(concerned | {ctx.subscriber.identity.account}):
        emit(
            ctx.unit, "consent.granted" if consent.granted else "consent.withdrawn", told, id=ctx.ids(), at=ctx.now,
            key=account, partner_id=partner_of(account), account=account, subscriber_id=ctx.subscriber.id,
        )  # fmt: skip


def _partner_accounts(connection: Connection, subscriber_id: int) -> list[str]:
    live = select(bindings.c.account).where(bindings.c.subscriber_id == subscriber_id, bindings.c.ended_at.is_(None))
    return list(connection.scalars(live.where(bindings.c.account.startswith("partner:"))))


def _all_of(connection: Connection, subscriber_id: int) -> list[Consent]:
    of_subject = select(consent_rows).where(consent_rows.c.subscriber_id == subscriber_id)
    rows = connection.execute(of_subject.order_by(consent_rows.c.seq))
    return [Consent(row.purpose, row.granted, row.text_version, row.channel, row.at) for row in rows]


def _next_seq(connection: Connection, subscriber_id: int, purpose: str) -> int:
    newest = connection.scalar(
        select(func.max(consent_rows.c.seq)).where(
            consent_rows.c.subscriber_id == subscriber_id, consent_rows.c.purpose == purpose
        )
    )
    return 0 if newest is None else newest + 1
