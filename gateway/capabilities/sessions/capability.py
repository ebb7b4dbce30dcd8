"""Opening a web session: by a page that a partner is allowed to run, or by the partner's server for its own user."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from msgspec import Meta, Struct

from auth.principal import Principal
from auth.tokens import TokenIssuer
from config.settings import Settings
from gateway.capabilities.partners import Partners
from gateway.capability import CapabilitySet, Context, Effect, Subject
from gateway.errors import Forbidden

sessions = CapabilitySet("sessions")

SESSION_SCOPES = frozenset(
    {"recommendations:*", "orders:*", "subscriptions:read", "bindings:*", "consents:*", "events:read"}
)
"""What a person may do about themselves, whatever page or chat they do it from."""


class OriginRefused(Forbidden):
    """This page may not open sessions for that partner."""

    code = "origin-refused"
    title = {"zh": "该网页未获授权", "en": "This page may not open sessions for that partner"}


class OpenSession(Struct, frozen=True):
    """Open a web session."""

    client_id: Annotated[
        str, Meta(pattern=r"^[a-z0-9][a-z0-9-]{1,58}$", description="The partner the page belongs to.")
    ]


class Session(Struct, frozen=True):
    """A token for the visitor's browser."""

    token: str
    token_type: str
    expires_at: datetime
    account: str
    """The visitor's account; bind it with bindings.request_code and bindings.confirm_code."""
    bound: bool


@sessions.capability(
    scope="public",
    subject=Subject.OPTIONAL,
    effect=Effect.WRITE,
    http="POST /v1/sessions",
    title={"zh": "打开网页会话", "en": "Open a web session"},
    errors=(OriginRefused,),
    examples=(OpenSession("demo-portal"),),
    shows_secret=True,
)
async def open(request: OpenSession, ctx: Context) -> Session:
    """Give the visitor of an allowed page a token of their own; with a session token, renew it for the same visitor.

    A partner's server opens one for its own user by naming the account. A browser opens one for an unknown visitor;
    its origin must be among the partner's.
    """
    account = ctx.account if ctx.principal.kind in ("partner", "session") else None
    if account is None:
        await _refuse_strange_page(request.client_id, ctx)
        account = f"web:{ctx.ids()}"
    elif request.client_id not in (ctx.principal.partner_id, ctx.principal.id):
        raise OriginRefused
    binding_id = None if ctx.subject is None else ctx.subject.identity.binding_id
    ttl = ctx.part(Settings).session_token_ttl
    principal = Principal(
        "session", account, SESSION_SCOPES, account=account, partner_id=request.client_id, binding_id=binding_id
    )
    token = ctx.part(TokenIssuer).issue(principal, token_id=ctx.ids(), now=ctx.now, ttl=ttl)
    return Session(token, "Bearer", ctx.now + ttl, account, binding_id is not None)


async def _refuse_strange_page(client_id: str, ctx: Context) -> None:
    partner = await ctx.part(Partners).get(client_id)
    if partner is None or partner.suspended or ctx.origin not in partner.origins:
        raise OriginRefused(
            {
                "zh": f"网页来源 {ctx.origin} 不在该合作方的允许列表中",
                "en": f"origin {ctx.origin} is not on this partner's list",
            }
        )
