"""Applying for a partnership, deciding on it, and taking the credentials."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from datetime import timedelta
from typing import Any

import msgspec
from sqlalchemy import Row

from config.settings import Settings
from gateway.capabilities.onboarding import repository
from gateway.capabilities.onboarding.errors import ApplicationClosed, ApplicationNotFound, ClientIdTaken
from gateway.capabilities.onboarding.schemas import (
    Application,
    ApplicationPage,
    ApplicationRef,
    ApplicationState,
    Applied,
    Apply,
    Approve,
    Claim,
    Claimed,
    ListApplications,
    Reject,
    Step,
)
from gateway.capabilities.onboarding.tables import application_steps
from gateway.capabilities.onboarding.tables import applications as application_rows
from gateway.capabilities.partners import (
    LONGEST_SIGN_IN_ID,
    CreatePartner,
    Credentials,
    Partners,
    RedirectUriInvalid,
    add_partner,
    count_sandboxes,
    give_secret,
    refuse_bad_redirects,
    texts,
)
from gateway.capability import CapabilitySet, Context, Effect
from gateway.kit.page import cut
from gateway.store import Store

applications = CapabilitySet("applications")

_CLAIM_PREFIX = "clm_"
_LONGEST_ID = 59


@applications.capability(
    scope="public",
    effect=Effect.WRITE,
    http="POST /v1/applications",
    title={"zh": "申请成为合作方", "en": "Apply to become a partner"},
    errors=(ClientIdTaken, RedirectUriInvalid),
    examples=(Apply("my-shop", "My Shop", "dev@my-shop.example", ["orders:*", "offers:read"]),),
    shows_secret=True,
)
async def apply(request: Apply, ctx: Context) -> Applied:
    """Ask to become a partner. Keep the claim: with it the credentials are fetched once the operator agreed."""
    refuse_bad_redirects(request.client_id, request.redirect_uris)
    store = ctx.part(Store)
    known = ctx.part(Partners)
    known.forget(request.client_id)
    taken = await known.get(request.client_id) is not None
    if taken or await store.read(repository.is_open, request.client_id):
        raise ClientIdTaken
    claim, application_id = _CLAIM_PREFIX + secrets.token_urlsafe(32), ctx.ids()
    ctx.unit.insert(
        application_rows,
        id=application_id, client_id=request.client_id, name=request.name, contact=request.contact,
        purpose=request.purpose, scopes=texts(request.scopes), origins=texts(request.origins),
        redirect_uris=texts(request.redirect_uris), state="pending", steps=1, reason="", claim_digest=_digest(claim), created_at=ctx.now, updated_at=ctx.now,
    )  # fmt: skip
    _insert_step(ctx, application_id, 0, "pending", request.purpose)
    ctx.audit_detail["application"] = application_id
    return Applied(application_id, request.client_id, "pending", claim, await _open_sandbox(request, ctx))


async def _open_sandbox(request: Apply, ctx: Context) -> Credentials | None:
    """Give the applicant a sandbox to begin in, unless one of that id is there or today's are used up."""
    partner = msgspec.structs.replace(_partner(request), id=f"{request.client_id}-sandbox", mode="sandbox")
    if len(partner.id) > _LONGEST_ID or await ctx.part(Partners).get(partner.id) is not None:
        return None
    opened = await ctx.part(Store).read(count_sandboxes, ctx.now - timedelta(days=1))
    if opened >= ctx.part(Settings).sandbox.opened_per_day:
        return None
    if len(partner.id) > LONGEST_SIGN_IN_ID:
        partner = msgspec.structs.replace(partner, redirect_uris=[])
    add_partner(partner, ctx)
    return give_secret(partner.id, ctx)


@applications.capability(
    scope="public",
    effect=Effect.WRITE,
    http="POST /v1/applications/{id}/claim",
    title={"zh": "领取合作方凭证", "en": "Claim a partner's credentials"},
    errors=(ApplicationNotFound,),
    shows_secret=True,
)
async def claim(request: Claim, ctx: Context) -> Claimed:
    """Say what became of an application; the first call after its approval hands out the credentials, once."""
    row = await ctx.part(Store).read(repository.find, request.id)
    if row is None or not hmac.compare_digest(row.claim_digest, _digest(request.claim)):
        raise ApplicationNotFound
    if row.state != "approved":
        return Claimed(row.state, row.reason)
    credentials = give_secret(row.client_id, ctx)
    _move(ctx, row, "claimed", row.reason)
    return Claimed("claimed", row.reason, credentials)


@applications.capability(
    scope="partners:admin",
    effect=Effect.READ,
    http="GET /v1/applications",
    title={"zh": "合作申请列表", "en": "List applications"},
)
async def list(request: ListApplications, ctx: Context) -> ApplicationPage:
    """The applications in a state, oldest first."""
    found = await ctx.part(Store).read(repository.list_page, request.state, request.cursor, request.limit + 1)
    page, further = cut(found, request.limit, lambda one: one.id)
    return ApplicationPage(page, further)


@applications.capability(
    scope="partners:admin",
    effect=Effect.READ,
    http="GET /v1/applications/{id}",
    title={"zh": "查看合作申请", "en": "Get an application"},
    errors=(ApplicationNotFound,),
)
async def get(request: ApplicationRef, ctx: Context) -> Application:
    """One application with every step it took."""
    row = await _found(request.id, ctx)
    return repository.view(row, await ctx.part(Store).read(repository.list_steps, request.id))


@applications.capability(
    scope="partners:admin",
    effect=Effect.WRITE,
    http="POST /v1/applications/{id}/approve",
    title={"zh": "批准合作申请", "en": "Approve an application"},
    errors=(ApplicationNotFound, ApplicationClosed, ClientIdTaken),
)
async def approve(request: Approve, ctx: Context) -> Application:
    """Make the applicant a partner. Its credentials come to be when it claims them, so nobody else ever sees them."""
    row = await _pending(request.id, ctx)
    asked = repository.view(row)
    known = ctx.part(Partners)
    known.forget(row.client_id)
    if await known.get(row.client_id) is not None:
        # The partner may have come from this very application, approved by somebody else since it was read.
        await _pending(request.id, ctx)
        raise ClientIdTaken
    granted = asked.scopes if request.scopes is None else request.scopes
    limits = {"per_second": request.per_second, "per_day": request.per_day}
    add_partner(msgspec.structs.replace(_partner(asked), scopes=granted, **limits), ctx)
    _move(ctx, row, "approved", request.reason)
    return await _after(ctx, asked, "approved", request.reason)


@applications.capability(
    scope="partners:admin",
    effect=Effect.WRITE,
    http="POST /v1/applications/{id}/reject",
    title={"zh": "驳回合作申请", "en": "Reject an application"},
    errors=(ApplicationNotFound, ApplicationClosed),
)
async def reject(request: Reject, ctx: Context) -> Application:
    """Turn an application down; the applicant reads the reason when asking."""
    row = await _pending(request.id, ctx)
    _move(ctx, row, "rejected", request.reason)
    return await _after(ctx, repository.view(row), "rejected", request.reason)


def _partner(application: Apply | Application) -> CreatePartner:
    """The partner that the application asks for."""
    asked = application
    return CreatePartner(
        id=asked.client_id, name=asked.name, scopes=asked.scopes, origins=asked.origins,
        redirect_uris=asked.redirect_uris,
    )  # fmt: skip


async def _found(application_id: str, ctx: Context) -> Row[Any]:
    row = await ctx.part(Store).read(repository.find, application_id)
    if row is None:
        raise ApplicationNotFound
    return row


async def _pending(application_id: str, ctx: Context) -> Row[Any]:
    row = await _found(application_id, ctx)
    if row.state != "pending":
        raise ApplicationClosed(state=row.state)
    return row


async def _after(ctx: Context, application: Application, state: ApplicationState, reason: str) -> Application:
    steps = await ctx.part(Store).read(repository.list_steps, application.id)
    taken = Step(state, _actor(ctx), reason, ctx.now)
    return msgspec.structs.replace(application, state=state, reason=reason, history=[*steps, taken])


def _move(ctx: Context, row: Row[Any], state: ApplicationState, reason: str) -> None:
    """Take the next step; two who take it at once clash."""
    _insert_step(ctx, row.id, row.steps, state, reason)
    changed = {"state": state, "steps": row.steps + 1, "reason": reason, "updated_at": ctx.now}
    ctx.unit.update(application_rows, {"id": row.id}, **changed)
    ctx.audit_detail["application"] = row.id


def _insert_step(ctx: Context, application_id: str, seq: int, state: ApplicationState, reason: str) -> None:
    step = {"to_state": state, "actor": _actor(ctx), "reason": reason, "at": ctx.now}
    ctx.unit.insert(application_steps, application_id=application_id, seq=seq, **step)


def _actor(ctx: Context) -> str:
    return f"{ctx.principal.kind}:{ctx.principal.id}"


def _digest(claim: str) -> bytes:
    return hashlib.sha256(claim.encode()).digest()
