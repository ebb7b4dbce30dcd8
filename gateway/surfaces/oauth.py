"""OAuth 2 for partners: access tokens by client credentials, and the keys to check them with.

Sources: RFC 6749 §4.4 and §5.2, RFC 8414 (metadata), RFC 7517 (JWKS).
"""

from __future__ import annotations

import base64
import binascii
from typing import Any
from urllib.parse import unquote_plus

import msgspec
from sanic import Request
from sanic.response import HTTPResponse

from auth import client_secret
from auth.policy import covers
from auth.principal import Principal
from auth.tokens import TokenIssuer
from config.settings import Settings
from gateway.capabilities.partners import Partner, Partners
from gateway.capability import Parts
from gateway.kit.clock import Clock
from gateway.store.hot import HotState
from gateway.surfaces.rest import Server

_NO_STORE = {"cache-control": "no-store", "pragma": "no-cache", "access-control-allow-origin": "*"}
_TRIES_A_MINUTE = 30
"""Wrong secrets for one client id before it has to wait: enough for a mistaken deployment, too few to guess with."""


class _Refused(Exception):
    """An error of RFC 6749 §5.2."""

    def __init__(self, code: str, description: str, status: int = 400) -> None:
        super().__init__(description)
        self.code = code
        self.description = description
        self.status = status


class TokenEndpoint:
    """Gives access tokens to partners that show their secret."""

    def __init__(self, parts: Parts, hot: HotState, clock: Clock) -> None:
        self._partners = parts.get(Partners)
        self._issuer = parts.get(TokenIssuer)
        self._settings = parts.get(Settings)
        self._hot = hot
        self._clock = clock

    async def grant(self, form: dict[str, str], authorization: str | None, token_id: str) -> dict[str, Any]:
        """The token response.

        Raises:
            _Refused: an error of the protocol.
        """
        if form.get("grant_type") != "client_credentials":
            raise _Refused("unsupported_grant_type", "grant_type must be client_credentials")
        client_id, secret = _credentials(form, authorization)
        partner = await self._authenticated(client_id, secret)
        scopes = _scopes(partner, form.get("scope"))
        ttl = self._settings.partner_token_ttl
        principal = Principal("partner", partner.id, scopes, partner_id=partner.id)
        token = self._issuer.issue(principal, token_id=token_id, now=self._clock(), ttl=ttl)
        return {
            "access_token": token,
            "token_type": "Bearer",
            "expires_in": int(ttl.total_seconds()),
            "scope": " ".join(sorted(scopes)),
        }

    async def _authenticated(self, client_id: str, secret: str) -> Partner:
        partner = await self._partners.get(client_id)
        stored = () if partner is None else partner.secrets
        right = client_secret.match(secret, stored, self._clock()) is not None
        if right and partner is not None and not partner.suspended:
            return partner
        minute = int(self._clock().timestamp()) // 60
        if await self._hot.count(f"oauth-tries:{client_id}:{minute}", 61) > _TRIES_A_MINUTE:
            raise _Refused("slow_down", "too many wrong secrets; wait a minute", 429)
        raise _Refused("invalid_client", "unknown client, wrong secret, or suspended", 401)


def _credentials(form: dict[str, str], authorization: str | None) -> tuple[str, str]:
    if authorization is None:
        return form.get("client_id", "")[:100], form.get("client_secret", "")[:200]
    scheme, _, encoded = authorization.partition(" ")
    try:
        text = base64.b64decode(encoded, validate=True).decode() if scheme.lower() == "basic" else ""
    except (binascii.Error, UnicodeDecodeError):
        text = ""
    client_id, colon, secret = text.partition(":")
    if not colon:
        raise _Refused("invalid_client", "use HTTP Basic with client id and secret", 401)
    return unquote_plus(client_id)[:100], unquote_plus(secret)[:200]


def _scopes(partner: Partner, asked: str | None) -> frozenset[str]:
    if not asked:
        return partner.scopes
    wanted = frozenset(asked.split())
    beyond = sorted(scope for scope in wanted if not covers(partner.scopes, scope))
    if beyond:
        raise _Refused("invalid_scope", f"not granted to this client: {' '.join(beyond)}"[:500])
    return wanted


def mount(app: Server, parts: Parts, hot: HotState, clock: Clock, ids: Any) -> None:
    """Serve the token endpoint, the keys and the server's metadata."""
    endpoint = TokenEndpoint(parts, hot, clock)
    issuer = parts.get(TokenIssuer)
    base = parts.get(Settings).public_url

    async def token(request: Request[Any, Any]) -> HTTPResponse:
        form = {name: values[0] for name, values in (request.form or {}).items()}
        try:
            answer = await endpoint.grant(form, request.headers.get("authorization"), ids())
        except _Refused as error:
            headers = dict(_NO_STORE)
            if error.status == 401:
                headers["www-authenticate"] = 'Basic realm="tuila"'
            return _json({"error": error.code, "error_description": error.description}, error.status, headers)
        return _json(answer, 200, _NO_STORE)

    async def keys(request: Request[Any, Any]) -> HTTPResponse:
        return _json(issuer.jwks(), 200, {"cache-control": "public, max-age=300"})

    async def metadata(request: Request[Any, Any]) -> HTTPResponse:
        return _json(
            {
                "issuer": base,
                "token_endpoint": f"{base}/oauth/token",
                "jwks_uri": f"{base}/.well-known/jwks.json",
                "grant_types_supported": ["client_credentials"],
                "token_endpoint_auth_methods_supported": ["client_secret_basic", "client_secret_post"],
                "response_types_supported": [],
            },
            200,
            {"cache-control": "public, max-age=300"},
        )

    app.add_route(token, "/oauth/token", methods=["POST"], name="oauth_token")
    app.add_route(keys, "/.well-known/jwks.json", methods=["GET"], name="jwks")
    app.add_route(metadata, "/.well-known/oauth-authorization-server", methods=["GET"], name="oauth_metadata")


def _json(value: Any, status: int, headers: dict[str, str]) -> HTTPResponse:
    return HTTPResponse(msgspec.json.encode(value), status, headers, "application/json")
