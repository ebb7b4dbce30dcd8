"""Signing in at a partner with the operator: the subscriber grants scopes, the partner gets tokens for that one account.

A grant is a chain of one-time tokens: first the authorisation code, then one refresh token after the other. Each is spent
once; a second spending means that two hold it, and ends the grant.
Source: RFC 6749 §4.1 and §6, RFC 7009, RFC 7636, RFC 7662, RFC 9700 §4.14, OpenID Connect Core 1.0.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Literal

from msgspec import Meta, Struct

from auth import opaque_token, pairwise_subject, pkce, redirect_uri
from auth.phone_number import PhoneVault, mask
from auth.policy import covers
from auth.principal import Principal, partner_account
from auth.tokens import TokenRefused, TokenVerifier
from config.settings import Settings
from gateway.capabilities.bindings import end_binding, hold_binding, live_binding
from gateway.capabilities.consents import record_answer
from gateway.capabilities.grants import repository
from gateway.capabilities.grants.errors import GrantRefused, RedirectRefused, ScopeNotGranted, TokenNotRevocable
from gateway.capabilities.grants.issuing import GrantRules, Issued, issue, user_of
from gateway.capabilities.grants.live import LiveGrants
from gateway.capabilities.grants.repository import Grant, KeptToken
from gateway.capabilities.grants.scopes import MASKED_PHONE, OPENID, not_grantable, purpose_of
from gateway.capabilities.grants.sign_in import LASTS, SIGN_IN_OVER, LeftSignIn
from gateway.capabilities.partners import Partner, Partners
from gateway.capabilities.subscribers import contact_of
from gateway.capability import CapabilitySet, Context, Effect, Subject
from gateway.errors import Forbidden
from gateway.store import Store, Unit
from gateway.store.outbox import owe

grants = CapabilitySet("grants")

CODE_LASTS = timedelta(seconds=60)
"""From the subscriber's yes to the partner's token request (RFC 9700 §4.5 asks for a short time)."""

_Scope = Annotated[str, Meta(max_length=60)]
_Token = Annotated[str, Meta(min_length=1, max_length=4096)]


class ConsiderGrant(Struct, frozen=True):
    """Nothing to say: the subscriber is at a page of ours."""


class Considering(Struct, frozen=True):
    """Whom the page speaks to."""

    phone: str
    """Masked."""


class ApproveGrant(Struct, frozen=True):
    """Grant scopes to a partner."""

    client_id: Annotated[str, Meta(max_length=60)]
    redirect_uri: Annotated[str, Meta(max_length=500)]
    asked: Annotated[list[_Scope], Meta(min_length=1, max_length=20)]
    """What the partner asked for."""
    granted: Annotated[list[_Scope], Meta(min_length=1, max_length=20)]
    """What of it the subscriber left ticked."""
    code_challenge: Annotated[str, Meta(max_length=43)]
    nonce: Annotated[str, Meta(max_length=256)] | None = None


class Approved(Struct, frozen=True):
    """The code that goes back to the partner."""

    code: str


class RedeemToken(Struct, frozen=True):
    """Turn a code or a refresh token into tokens."""

    grant_type: Literal["authorization_code", "refresh_token"]
    token: _Token
    redirect_uri: Annotated[str, Meta(max_length=500)] | None = None
    code_verifier: Annotated[str, Meta(max_length=128)] | None = None
    scope: Annotated[str, Meta(max_length=500, description="Less than was granted; absent: all of it.")] | None = None


class NameToken(Struct, frozen=True):
    """An access or refresh token."""

    token: _Token


class Revoked(Struct, frozen=True):
    """Whatever the token opened is closed."""


class Introspection(Struct, frozen=True, omit_defaults=True):
    """What a token is good for (RFC 7662 §2.2)."""

    active: bool
    scope: str | None = None
    client_id: str | None = None
    token_type: str | None = None
    sub: str | None = None
    iss: str | None = None
    exp: int | None = None


class WhoSignedIn(Struct, frozen=True):
    """Nothing to say: the token tells whom it is about."""


class UserInfo(Struct, frozen=True, omit_defaults=True):
    """Claims about the subscriber (OIDC Core §5.3), no more than was granted."""

    sub: str
    phone_number_masked: str | None = None


@grants.capability(
    scope="grants:visit",
    subject=Subject.REQUIRED,
    effect=Effect.WRITE,
    title={"zh": "查看授权请求", "en": "Consider a grant"},
    own_voice=True,
)
async def consider(request: ConsiderGrant, ctx: Context) -> Considering:
    """Say whom a page of ours speaks to, and see to it that the page's own binding ends with the visit."""
    left = LeftSignIn(ctx.subscriber.identity.account)
    owe(ctx.unit, "grants.end_sign_in", left, id=ctx.ids(), now=ctx.now, trace_id=ctx.trace_id, due_at=ctx.now + LASTS)
    return Considering(await _masked_phone(ctx) or "")


@grants.capability(
    scope="grants:approve",
    subject=Subject.REQUIRED,
    effect=Effect.WRITE,
    title={"zh": "同意授权", "en": "Grant scopes to a partner"},
    errors=(RedirectRefused, ScopeNotGranted),
    own_voice=True,
)
async def approve(request: ApproveGrant, ctx: Context) -> Approved:
    """Bind the partner's account to the subscriber, record the consents, and give out a code for the partner."""
    partner = await _partner(request, ctx)
    granted = frozenset(request.granted)
    beyond = not_grantable(granted, partner.scopes) or sorted(granted - set(request.asked))
    if beyond:
        raise ScopeNotGranted(f"not to be granted: {' '.join(beyond)}")
    rules, store, subscriber = ctx.part(GrantRules), ctx.part(Store), ctx.subscriber
    user = pairwise_subject.subject_id(rules.subject_key, partner.id, subscriber.id)
    account = partner_account(partner.id, user)
    bound = await store.read(live_binding, account)
    binding_id = hold_binding(ctx, bound, account, subscriber.id, "sign_in")
    grant_id = ctx.ids()
    ends = ctx.now + rules.lasts
    repository.add_grant(ctx.unit, partner.id, account, binding_id, granted, id=grant_id, now=ctx.now, expires_at=ends)
    code = rules.generate(opaque_token.CODE)
    repository.add_token(
        ctx.unit, opaque_token.digest(code), grant_id, "code", expires_at=ctx.now + CODE_LASTS,
        redirect_uri=request.redirect_uri, challenge=request.code_challenge, nonce=request.nonce,
    )  # fmt: skip
    await _record_consents(request, partner, ctx)
    page = subscriber.identity
    end_binding(ctx, page.binding_id, page.account, subscriber.id, SIGN_IN_OVER)
    ctx.audit_detail.update(partner=partner.id, grant=grant_id, scopes=" ".join(sorted(granted)))
    return Approved(code)


@grants.capability(
    scope="grants:use",
    effect=Effect.WRITE,
    title={"zh": "换取令牌", "en": "Redeem a code or refresh token"},
    errors=(GrantRefused, ScopeNotGranted),
    shows_secret=True,
)
async def redeem(request: RedeemToken, ctx: Context) -> Issued:
    """Give out an access token and the next refresh token; the code or refresh token shown is used up."""
    use: repository.TokenUse = "code" if request.grant_type == "authorization_code" else "refresh"
    kept = await _kept(request.token, ctx)
    if kept is None or kept.use != use:
        raise GrantRefused({"zh": "没有这个授权", "en": "there is no such code or refresh token for this client"})
    if kept.spent:
        await _end(kept.grant, "a code or refresh token was used twice", ctx)
        raise GrantRefused({"zh": "已使用过，授权随之终止", "en": "it was used before; the grant has ended"})
    if kept.expires_at <= ctx.now or not kept.grant.is_live(ctx.now):
        raise GrantRefused({"zh": "授权已过期或已解除", "en": "it has expired, or the grant was revoked or unbound"})
    if use == "code":
        _check_code(kept, request)
    scopes = await _scopes(kept.grant, request.scope, ctx)
    ctx.audit_detail["grant"] = kept.grant.id
    return issue(kept, scopes, ctx)


@grants.capability(
    scope="grants:use",
    effect=Effect.WRITE,
    title={"zh": "撤销令牌", "en": "Revoke a token"},
    errors=(TokenNotRevocable,),
)
async def revoke(request: NameToken, ctx: Context) -> Revoked:
    """End the grant behind one of the partner's own tokens; what is unknown is as good as revoked."""
    kept = await _kept(request.token, ctx)
    if kept is not None:
        await _end(kept.grant, "revoked by the partner", ctx)
        return Revoked()
    bearer = _own_bearer(request.token, ctx)
    if bearer is None:
        return Revoked()
    if bearer.grant_id is None:
        raise TokenNotRevocable
    grant = await ctx.part(Store).read(repository.grant, bearer.grant_id)
    if grant is not None:
        await _end(grant, "revoked by the partner", ctx)
    return Revoked()


@grants.capability(
    scope="grants:use",
    effect=Effect.READ,
    http="POST /v1/grants.introspect",
    title={"zh": "查询令牌", "en": "Introspect a token"},
)
async def introspect(request: NameToken, ctx: Context) -> Introspection:
    """Whether one of the partner's own tokens is good now, and for what; of others' tokens nothing is told."""
    issuer = ctx.part(Settings).public_url
    kept = await _kept(request.token, ctx)
    if kept is not None:
        grant = kept.grant
        if kept.use != "refresh" or kept.spent or kept.expires_at <= ctx.now or not grant.is_live(ctx.now):
            return Introspection(False)
        return Introspection(
            True, " ".join(sorted(grant.scopes)), grant.partner_id, "refresh_token", user_of(grant.account), issuer,
            int(kept.expires_at.timestamp()),
        )  # fmt: skip
    bearer = _own_bearer(request.token, ctx)
    if bearer is None or bearer.expires_at is None or not await _holds(bearer, ctx):
        return Introspection(False)
    return Introspection(
        True, " ".join(sorted(bearer.scopes)), bearer.id, "Bearer",
        bearer.id if bearer.account is None else user_of(bearer.account), issuer, int(bearer.expires_at.timestamp()),
    )  # fmt: skip


@grants.capability(
    scope=OPENID,
    subject=Subject.REQUIRED,
    effect=Effect.READ,
    http="GET /oauth/userinfo",
    title={"zh": "登录用户信息", "en": "Who signed in"},
)
async def userinfo(request: WhoSignedIn, ctx: Context) -> UserInfo:
    """Who signed in: the id made for this partner and, where it was granted, the masked number."""
    phone = await _masked_phone(ctx) if covers(ctx.principal.scopes, MASKED_PHONE) else None
    return UserInfo(user_of(ctx.subscriber.identity.account), phone)


async def _partner(request: ApproveGrant, ctx: Context) -> Partner:
    partner = await ctx.part(Partners).get(request.client_id)
    if partner is None or partner.suspended or not redirect_uri.allows(partner.redirect_uris, request.redirect_uri):
        raise RedirectRefused
    return partner


async def _record_consents(request: ApproveGrant, partner: Partner, ctx: Context) -> None:
    for scope in dict.fromkeys(request.asked):
        purpose = purpose_of(scope, partner.id)
        if purpose is not None:  # ticked or not, it is said to this partner and to no other
            await record_answer(purpose, scope in request.granted, ctx)


async def _kept(token: str, ctx: Context) -> KeptToken | None:
    """The calling partner's own code or refresh token; another's is as good as unknown."""
    kept = await ctx.part(Store).read(repository.token, opaque_token.digest(token))
    return kept if kept is not None and kept.grant.partner_id == ctx.principal.partner_id else None


def _own_bearer(token: str, ctx: Context) -> Principal | None:
    """The holder of one of the calling partner's own access tokens."""
    try:
        bearer = ctx.part(TokenVerifier).verify(token, ctx.now).principal
    except TokenRefused:
        return None
    return bearer if bearer.kind == "partner" and bearer.id == ctx.principal.partner_id else None


async def _holds(bearer: Principal, ctx: Context) -> bool:
    if bearer.grant_id is None:
        return True
    grant = await ctx.part(Store).read(repository.grant, bearer.grant_id)
    return grant is not None and grant.is_live(ctx.now)


def _check_code(kept: KeptToken, request: RedeemToken) -> None:
    if request.redirect_uri != kept.redirect_uri:
        raise GrantRefused(
            {
                "zh": "redirect_uri 与授权时不一致",
                "en": "redirect_uri is not the one the code was sent to",
            }
        )
    if kept.challenge is None or not pkce.matches(request.code_verifier or "", kept.challenge):
        raise GrantRefused({"zh": "code_verifier 不正确", "en": "code_verifier does not match the code's challenge"})


async def _scopes(grant: Grant, asked: str | None, ctx: Context) -> frozenset[str]:
    wanted = grant.scopes if asked is None else frozenset(asked.split())
    beyond = sorted(wanted - grant.scopes)
    if beyond or not wanted:
        raise ScopeNotGranted(f"beyond what the subscriber granted: {' '.join(beyond)}")
    partner = await ctx.part(Partners).get(grant.partner_id)
    if partner is None or partner.suspended:
        raise Forbidden({"zh": "调用方已被暂停", "en": "the caller is suspended"})
    return wanted - set(not_grantable(wanted, partner.scopes))  # the operator may have taken some back since


async def _end(grant: Grant, reason: str, ctx: Context) -> None:
    # Committed by itself: it must hold although the call that brought it to light is refused.
    if grant.revoked_at is None:
        ended = Unit()
        repository.revoke(ended, grant.id, reason, ctx.now)
        await ctx.part(Store).commit(ended)
    ctx.part(LiveGrants).forget(grant.id)
    ctx.audit_detail.update(grant=grant.id, ended=reason)


async def _masked_phone(ctx: Context) -> str | None:
    contact = await ctx.part(Store).read(contact_of, ctx.subscriber.id)
    phone = contact.phone(ctx.part(PhoneVault))
    return None if phone is None else mask(phone)
