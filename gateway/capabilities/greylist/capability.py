"""Putting numbers on the grey list and taking them off: the operator's side."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Annotated, Any

from msgspec import Meta, Struct
from sqlalchemy import Row

from auth.phone_number import NotAPhoneNumber, PhoneVault, normalise
from gateway.capabilities.bindings import PhoneNumberInvalid
from gateway.capabilities.greylist import repository
from gateway.capability import CapabilitySet, Context, Effect
from gateway.errors import NotFound
from gateway.kit.page import cut
from gateway.store import Store

greylist = CapabilitySet("greylist")

Phone = Annotated[str, Meta(min_length=1, max_length=30, description="Mobile number; only its keyed hash is kept.")]
EntryId = Annotated[str, Meta(max_length=36, pattern=r"^[0-9a-f-]*$", description="Id of an entry.")]
Why = Annotated[str, Meta(min_length=1, max_length=200, pattern=r"^[^\x00-\x1f]*$")]


class GreyEntryNotFound(NotFound):
    """There is no such entry in force."""

    code = "grey-entry-not-found"
    title = {"zh": "没有这条有效的灰名单记录", "en": "There is no such entry in force"}


class AddNumber(Struct, frozen=True):
    """Put a number on the list."""

    phone: Phone
    reason: Why
    evidence: Annotated[
        str, Meta(min_length=1, max_length=5000, pattern=r"^[^\x00]*$", description="What it rests on.")
    ]
    days: Annotated[int, Meta(ge=1, le=730, description="How long it stays.")] = 90


class EndEntry(Struct, frozen=True):
    """Take an entry off the list before its time."""

    id: EntryId
    reason: Why


class ListEntries(Struct, frozen=True):
    """Page through the entries in force."""

    phone: Annotated[Phone | None, Meta(description="Only entries of this number.")] = None
    cursor: Annotated[EntryId | None, Meta(description="`next` of the page before.")] = None
    limit: Annotated[int, Meta(ge=1, le=100)] = 50


class GreyEntry(Struct, frozen=True):
    """One entry. It does not say the number: nothing does."""

    id: str
    reason: str
    evidence: str
    actor: str
    at: datetime
    expires_at: datetime
    ended_at: datetime | None = None


class GreyPage(Struct, frozen=True):
    """One page of entries."""

    items: list[GreyEntry]
    next: str | None = None


@greylist.capability(
    scope="greylist:admin",
    effect=Effect.WRITE,
    http="POST /v1/greylist",
    title={"zh": "加入灰名单", "en": "Put a number on the grey list"},
    errors=(PhoneNumberInvalid,),
)
async def add(request: AddNumber, ctx: Context) -> GreyEntry:
    """Partners push no orders for the number until the entry expires; its holder still orders in person."""
    lasts, digest = timedelta(days=request.days), digest_of_phone(request.phone, ctx)
    entry = GreyEntry(
        ctx.ids(),
        request.reason,
        request.evidence,
        f"{ctx.principal.kind}:{ctx.principal.id}",
        ctx.now,
        ctx.now + lasts,
    )
    repository.hold_number(
        ctx.unit, digest, id=entry.id, reason=entry.reason, evidence=entry.evidence, actor=entry.actor, now=entry.at,
        within=lasts,
    )  # fmt: skip
    ctx.audit_detail["entry"] = entry.id
    return entry


@greylist.capability(
    scope="greylist:admin",
    effect=Effect.REMOVE,
    http="POST /v1/greylist/{id}/end",
    title={"zh": "移出灰名单", "en": "Take an entry off the grey list"},
    errors=(GreyEntryNotFound,),
)
async def end(request: EndEntry, ctx: Context) -> GreyEntry:
    """End an entry before its time; it stays on record."""
    row = await ctx.part(Store).read(repository.get_entry, request.id)
    if row is None or row.ended_at is not None or row.expires_at <= ctx.now:
        raise GreyEntryNotFound
    actor = f"{ctx.principal.kind}:{ctx.principal.id}"
    repository.release_number(ctx.unit, row.id, actor=actor, because=request.reason, now=ctx.now)
    ctx.audit_detail["entry"] = row.id
    return _view(row, ctx.now)


@greylist.capability(
    scope="greylist:admin",
    effect=Effect.READ,
    http="GET /v1/greylist",
    title={"zh": "灰名单", "en": "List the grey list"},
    errors=(PhoneNumberInvalid,),
)
async def list_live(request: ListEntries, ctx: Context) -> GreyPage:
    """The entries in force, oldest first."""
    digest = None if request.phone is None else digest_of_phone(request.phone, ctx)
    found = await ctx.part(Store).read(repository.list_live, ctx.now, digest, request.cursor or "", request.limit + 1)
    page, further = cut(found, request.limit, lambda one: one.id)
    return GreyPage([_view(row) for row in page], further)


def digest_of_phone(phone: str, ctx: Context) -> bytes:
    """The keyed hash by which a number is known.

    Raises:
        PhoneNumberInvalid: it is no mobile number.
    """
    try:
        return ctx.part(PhoneVault).digest(normalise(phone))
    except NotAPhoneNumber as error:
        raise PhoneNumberInvalid from error


def _view(row: Row[Any], ended_at: datetime | None = None) -> GreyEntry:
    return GreyEntry(row.id, row.reason, row.evidence, row.actor, row.at, row.expires_at, ended_at or row.ended_at)
