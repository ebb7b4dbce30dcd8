"""What clients read before anything else: the server's metadata and its public keys.

Sources: RFC 8414, OpenID Connect Discovery 1.0 §3, RFC 7517.
"""

from __future__ import annotations

from typing import Any

from sanic import Request
from sanic.response import HTTPResponse

from auth import pkce
from auth.tokens import TokenIssuer
from config.settings import Settings
from gateway.capabilities.grants import GRANTABLE
from gateway.capability import Parts
from gateway.surfaces.oauth_client import METHODS
from gateway.surfaces.oauth_http import published
from gateway.surfaces.oauth_token import GRANT_TYPES
from gateway.surfaces.rest import Server


def metadata(issuer: str) -> dict[str, Any]:
    """Where everything is, and what of it this server does."""
    with_secret = [method for method in METHODS if method != "none"]
    return {
        "issuer": issuer,
        "authorization_endpoint": f"{issuer}/oauth/authorize",
        "token_endpoint": f"{issuer}/oauth/token",
        "userinfo_endpoint": f"{issuer}/oauth/userinfo",
        "jwks_uri": f"{issuer}/.well-known/jwks.json",
        "revocation_endpoint": f"{issuer}/oauth/revoke",
        "introspection_endpoint": f"{issuer}/oauth/introspect",
        "scopes_supported": list(GRANTABLE),
        "response_types_supported": ["code"],
        "response_modes_supported": ["query"],
        "grant_types_supported": GRANT_TYPES,
        "code_challenge_methods_supported": [pkce.METHOD],
        "token_endpoint_auth_methods_supported": METHODS,
        "revocation_endpoint_auth_methods_supported": METHODS,
        "introspection_endpoint_auth_methods_supported": with_secret,
        "authorization_response_iss_parameter_supported": True,
        "subject_types_supported": ["pairwise"],
        "id_token_signing_alg_values_supported": ["ES256"],
        "claims_supported": ["iss", "sub", "aud", "exp", "iat", "auth_time", "nonce", "at_hash", "amr", "phone_number_masked"],
        "claims_parameter_supported": False,
        "request_parameter_supported": False,
        "request_uri_parameter_supported": False,
        "ui_locales_supported": ["zh-CN", "en"],
    }  # fmt: skip


def mount(app: Server, parts: Parts) -> None:
    """Serve the metadata, under both its names, and the keys."""
    issuer = parts.get(TokenIssuer)
    described = metadata(parts.get(Settings).public_url)

    async def describe(request: Request[Any, Any]) -> HTTPResponse:
        return published(described)

    async def keys(request: Request[Any, Any]) -> HTTPResponse:
        return published(issuer.jwks())

    app.add_route(keys, "/.well-known/jwks.json", methods=["GET"], name="jwks")
    app.add_route(describe, "/.well-known/oauth-authorization-server", methods=["GET"], name="oauth_metadata")
    app.add_route(describe, "/.well-known/openid-configuration", methods=["GET"], name="openid_configuration")
