"""Seeing, giving and withdrawing consent."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from msgspec import Meta, Struct
from sqlalchemy import Connection, func, select

from gateway.capabilities.consents.tables import consents as consent_rows
from gateway.capability import CapabilitySet, Context, Effect, Subject
from gateway.store import Store

CURRENT_TEXT = "2026-11"
"""Version of the consent texts people are shown now."""

consents = CapabilitySet("consents")

Purpose = Annotated[
    str,
    Meta(
        pattern=r"^(recommend|order|profile:[a-z0-9-]{1,40}|marketing:[a-z]{1,20})$",
        description="recommend, order, profile:PARTNER or marketing:CHANNEL.",
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
    subscriber_id = ctx.subscriber.id
    seq = await ctx.part(Store).read(_next_seq, subscriber_id, request.purpose)
    consent = Consent(request.purpose, request.granted, CURRENT_TEXT, ctx.channel, ctx.now)
    ctx.unit.insert(
        consent_rows, subscriber_id=subscriber_id, purpose=consent.purpose, seq=seq, granted=consent.granted,
        text_version=consent.text_version, channel=consent.channel, at=consent.at,
    )  # fmt: skip
    ctx.audit_detail["purpose"] = request.purpose
    ctx.audit_detail["granted"] = str(request.granted).lower()
    return consent


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
