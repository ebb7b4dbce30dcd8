"""Access tokens, ID tokens and the next refresh token of a grant."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import msgspec

from auth import id_token, opaque_token
from auth.principal import Principal
from auth.tokens import TokenIssuer
from config.settings import Settings
from gateway.capabilities.grants import repository
from gateway.capabilities.grants.repository import Grant, KeptToken
from gateway.capabilities.grants.scopes import OPENID
from gateway.capability import Context


class GrantRules:
    """The key of pairwise ids, how long grants last, and where codes and refresh tokens come from."""

    def __init__(
        self,
        subject_key: bytes,
        lasts: timedelta,
        idle: timedelta,
        generate: Callable[[str], str] = opaque_token.generate,
    ) -> None:
        self.subject_key = subject_key
        self.lasts = lasts
        self.idle = idle
        self.generate = generate


class Issued(msgspec.Struct, frozen=True, omit_defaults=True):
    """A token response (RFC 6749 §5.1)."""

    access_token: str
    expires_in: int
    """Seconds."""
    scope: str
    refresh_token: str
    token_type: str = msgspec.field(default_factory=lambda: "Bearer")
    id_token: str | None = None
    """Present after a sign-in that asked for `openid`."""


def user_of(account: str) -> str:
    """The partner's own id in the account of its user."""
    return account.split(":", 2)[2]


def issue(kept: KeptToken, scopes: frozenset[str], ctx: Context) -> Issued:
    """Spend the code or refresh token, and give out what follows it."""
    grant, rules, settings = kept.grant, ctx.part(GrantRules), ctx.part(Settings)
    repository.spend(ctx.unit, kept.digest, ctx.now)
    refresh = rules.generate(opaque_token.REFRESH)
    ends = min(ctx.now + rules.idle, grant.expires_at)
    repository.add_token(ctx.unit, opaque_token.digest(refresh), grant.id, "refresh", expires_at=ends)
    principal = Principal(
        "partner", grant.partner_id, scopes, account=grant.account, partner_id=grant.partner_id,
        binding_id=grant.binding_id, grant_id=grant.id,
    )  # fmt: skip
    ttl = settings.partner_token_ttl
    access = ctx.part(TokenIssuer).issue(principal, token_id=ctx.ids(), now=ctx.now, ttl=ttl)
    return Issued(
        access, int(ttl.total_seconds()), " ".join(sorted(scopes)), refresh,
        id_token=_id_token(grant, kept.nonce, access, ctx) if kept.use == "code" and OPENID in scopes else None,
    )  # fmt: skip


def _id_token(grant: Grant, nonce: str | None, access_token: str, ctx: Context) -> str:
    settings = ctx.part(Settings)
    claims = id_token.id_token_claims(
        issuer=settings.public_url, client_id=grant.partner_id, subject=user_of(grant.account),
        auth_time=grant.created_at, now=ctx.now, ttl=settings.partner_token_ttl, nonce=nonce, access_token=access_token,
    )  # fmt: skip
    return ctx.part(TokenIssuer).sign(claims, id_token.TYPE)
