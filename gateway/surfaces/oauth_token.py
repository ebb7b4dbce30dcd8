"""The OAuth endpoints that clients call: token, revocation, introspection.

Sources: RFC 6749 §4.1.3, §4.4 and §6, RFC 7009, RFC 7662.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

from sanic import Request
from sanic.response import HTTPResponse

from auth.policy import covers
from auth.principal import Principal
from auth.tokens import TokenIssuer
from config.settings import Settings
from gateway.authentication import Authentication
from gateway.capabilities.partners import Partner, Partners
from gateway.capability import Parts
from gateway.errors import GatewayError
from gateway.invoke import Call, Invoker
from gateway.kit.clock import Clock
from gateway.store.hot import HotState
from gateway.surfaces import rest
from gateway.surfaces.oauth_client import ClientAuthentication
from gateway.surfaces.oauth_http import OAuthRefused, form_of, given
from gateway.surfaces.rest import Server

_USE = frozenset({"grants:use"})
_REDEEMABLE = {"authorization_code": "code", "refresh_token": "refresh_token"}
_OPTIONAL: tuple[str, ...] = ("redirect_uri", "code_verifier", "scope")
GRANT_TYPES = ["authorization_code", "refresh_token", "client_credentials"]

Endpoint = Callable[[dict[str, str], Partner], Awaitable[Any]]


class TokenEndpoints:
    """Answers clients that have shown who they are."""

    def __init__(self, parts: Parts, invoke: Invoker, clock: Clock, ids: Callable[[], str]) -> None:
        self._issuer = parts.get(TokenIssuer)
        self._settings = parts.get(Settings)
        self._invoke = invoke
        self._clock = clock
        self._ids = ids

    async def token(self, form: dict[str, str], partner: Partner) -> Any:
        """Tokens for a code, a refresh token, or for the partner itself."""
        grant_type = form.get("grant_type", "")
        if grant_type == "client_credentials":
            return self._own_token(form, partner)
        if grant_type not in _REDEEMABLE:
            raise OAuthRefused("unsupported_grant_type", f"grant_type must be one of {', '.join(GRANT_TYPES)}")
        token = _needed(form, _REDEEMABLE[grant_type])
        optional: dict[str, str] = {name: form[name] for name in _OPTIONAL if name in form}
        return await self._call("grants.redeem", partner, {"grant_type": grant_type, "token": token, **optional})

    async def revoke(self, form: dict[str, str], partner: Partner) -> Any:
        """End what stands behind a token; an unknown one is as good as revoked (RFC 7009 §2.2)."""
        await self._call("grants.revoke", partner, {"token": _needed(form, "token")})
        return {}

    async def introspect(self, form: dict[str, str], partner: Partner) -> Any:
        """What a token of this client's is good for."""
        if partner.public:
            raise OAuthRefused("unauthorized_client", "a client without a secret cannot ask", 401)
        return await self._call("grants.introspect", partner, {"token": _needed(form, "token")})

    async def _call(self, capability: str, partner: Partner, fields: dict[str, str]) -> Any:
        principal = Principal("partner", partner.id, _USE, partner_id=partner.id)
        try:
            return await self._invoke(Call(capability, principal, fields, channel="oauth"))
        except GatewayError as error:
            raise OAuthRefused.of(error) from error

    def _own_token(self, form: dict[str, str], partner: Partner) -> dict[str, Any]:
        if partner.public:
            raise OAuthRefused("unauthorized_client", "a client without a secret speaks for nobody but who signed in")
        scopes = _own_scopes(partner, form.get("scope"))
        ttl = self._settings.partner_token_ttl
        principal = Principal("partner", partner.id, scopes, partner_id=partner.id)
        return {
            "access_token": self._issuer.issue(principal, token_id=self._ids(), now=self._clock(), ttl=ttl),
            "token_type": "Bearer",
            "expires_in": int(ttl.total_seconds()),
            "scope": " ".join(sorted(scopes)),
        }


def _needed(form: dict[str, str], name: str) -> str:
    if not form.get(name):
        raise OAuthRefused("invalid_request", f"{name} is missing")
    return form[name]


def _own_scopes(partner: Partner, asked: str | None) -> frozenset[str]:
    if not asked:
        return partner.scopes
    wanted = frozenset(asked.split())
    beyond = sorted(scope for scope in wanted if not covers(partner.scopes, scope))
    if beyond:
        raise OAuthRefused("invalid_scope", f"not granted to this client: {' '.join(beyond)}"[:500])
    return wanted


def mount(
    app: Server, parts: Parts, invoke: Invoker, authentication: Authentication, hot: HotState, clock: Clock, ids: Callable[[], str]
) -> None:  # fmt: skip
    """Serve the token, revocation and introspection endpoints, and userinfo to who asks by POST (OIDC Core §5.3.1)."""
    clients = ClientAuthentication(parts.get(Partners), hot, clock)
    endpoints = TokenEndpoints(parts, invoke, clock, ids)

    def serve(endpoint: Endpoint) -> Callable[..., Coroutine[Any, Any, HTTPResponse]]:
        async def answer(request: Request[Any, Any]) -> HTTPResponse:
            try:
                form = form_of(request)
                partner = await clients.client(form, request.headers.get("authorization"))
                return given(await endpoint(form, partner))
            except OAuthRefused as error:
                return error.response()

        return answer

    userinfo = rest.handler(invoke.capabilities["grants.userinfo"], invoke, authentication)
    app.add_route(userinfo, "/oauth/userinfo", methods=["POST"], name="oauth_userinfo_post")
    app.add_route(serve(endpoints.token), "/oauth/token", methods=["POST"], name="oauth_token")
    app.add_route(serve(endpoints.revoke), "/oauth/revoke", methods=["POST"], name="oauth_revoke")
    app.add_route(serve(endpoints.introspect), "/oauth/introspect", methods=["POST"], name="oauth_introspect")
