"""What a subscriber granted to which partner, and taking it back."""

from __future__ import annotations

from datetime import datetime
from itertools import groupby
from typing import Annotated

from msgspec import Meta, Struct

from config.settings import Settings
from gateway.capabilities.bindings import end_binding
from gateway.capabilities.consents import record_answer
from gateway.capabilities.grants import repository
from gateway.capabilities.grants.capability import grants
from gateway.capabilities.grants.errors import GrantNotFound
from gateway.capabilities.grants.live import LiveGrants
from gateway.capabilities.grants.repository import GivenGrant
from gateway.capabilities.grants.scopes import GRANTABLE, purposes_of
from gateway.capability import Context, Effect, Subject
from gateway.store import Store

PAGE = "/oauth/grants"
"""Where the subscriber sees and ends grants without a chat."""

_BECAUSE = "ended by the subscriber"


class ListGrants(Struct, frozen=True):
    """Nothing to say: the answer is short."""


class GrantedScope(Struct, frozen=True):
    """One thing that the partner may do."""

    name: str
    words: str
    """What it is, in the caller's language."""


class GrantedTo(Struct, frozen=True):
    """All that one partner may do for the subject, by every sign-in that still holds."""

    client_id: str
    name: str
    scopes: list[GrantedScope]
    since: datetime
    until: datetime
    """When it ends by itself."""


class GrantList(Struct, frozen=True):
    """One entry for each partner that the subject signed in at, by their names."""

    items: list[GrantedTo]
    page: str
    """Address of the page where the subject sees and ends them."""


class EndGrants(Struct, frozen=True):
    """End what was granted to one partner."""

    client_id: Annotated[str, Meta(max_length=60, description="As in the list.", examples=["shop"])]


class GrantsEnded(Struct, frozen=True):
    """The partner can do nothing more for the subject by those sign-ins."""

    client_id: str


@grants.capability(
    scope="grants:read",
    subject=Subject.REQUIRED,
    effect=Effect.READ,
    http="GET /v1/grants",
    title={"zh": "我授权的应用", "en": "List what I granted"},
    own_voice=True,
)
async def list_given(request: ListGrants, ctx: Context) -> GrantList:
    """The partners that the subject signed in at, and what each may do."""
    found = sorted(await _live(ctx), key=lambda one: (one.partner_name, one.grant.partner_id))
    items = [
        _granted_to(partner_id, [*theirs], ctx.locale)
        for partner_id, theirs in groupby(found, key=lambda one: one.grant.partner_id)
    ]
    return GrantList(items, ctx.part(Settings).public_url.rstrip("/") + PAGE)


@grants.capability(
    scope="grants:end",
    subject=Subject.REQUIRED,
    effect=Effect.REMOVE,
    http="POST /v1/grants/end",
    title={"zh": "解除对应用的授权", "en": "End what I granted"},
    errors=(GrantNotFound,),
    own_voice=True,
)
async def end_given(request: EndGrants, ctx: Context) -> GrantsEnded:
    """End every sign-in at one partner with all tokens given out under it, and withdraw the consents given there."""
    theirs = [one.grant for one in await _live(ctx) if one.grant.partner_id == request.client_id]
    if not theirs:
        raise GrantNotFound
    for grant in theirs:
        repository.revoke(ctx.unit, grant.id, _BECAUSE, ctx.now)
        ctx.part(LiveGrants).forget(grant.id)
    for binding_id, account in {grant.binding_id: grant.account for grant in theirs}.items():
        end_binding(ctx, binding_id, account, ctx.subscriber.id, _BECAUSE)
    for purpose in purposes_of(request.client_id):
        if ctx.subscriber.consents.get(purpose):
            await record_answer(purpose, False, ctx)
    ctx.audit_detail.update(partner=request.client_id, grants=" ".join(grant.id for grant in theirs))
    return GrantsEnded(request.client_id)


async def _live(ctx: Context) -> list[GivenGrant]:
    return await ctx.part(Store).read(repository.live_of_subscriber, ctx.subscriber.id, ctx.now)


def _granted_to(partner_id: str, theirs: list[GivenGrant], locale: str) -> GrantedTo:
    granted = frozenset[str]().union(*(one.grant.scopes for one in theirs))
    language = "en" if locale.startswith("en") else "zh"
    scopes = [GrantedScope(name, one.words[language]) for name, one in GRANTABLE.items() if name in granted]
    since, until = min(one.grant.created_at for one in theirs), max(one.grant.expires_at for one in theirs)
    return GrantedTo(partner_id, theirs[0].partner_name, scopes, since, until)
