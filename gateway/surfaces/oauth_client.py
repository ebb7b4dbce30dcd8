"""Which client calls an OAuth endpoint: by its secret (Basic or in the form), or by its id alone if it keeps no secret.

Source: RFC 6749 §2.3 and §3.2.1; RFC 9700 §2.5.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from urllib.parse import unquote_plus

from auth import client_secret
from gateway.capabilities.partners import Partner, Partners
from gateway.kit.clock import Clock
from gateway.store.hot import HotState
from gateway.surfaces.oauth_http import OAuthRefused

_TRIES_A_MINUTE = 30
"""Wrong secrets for one client id before it has to wait: enough for a mistaken deployment, too few to guess with."""

METHODS = ["client_secret_basic", "client_secret_post", "none"]


class ClientAuthentication:
    """Tells which partner a request comes from."""

    def __init__(self, partners: Partners, hot: HotState, clock: Clock) -> None:
        self._partners = partners
        self._hot = hot
        self._clock = clock

    async def client(self, form: Mapping[str, str], authorization: str | None) -> Partner:
        """The partner that showed its secret; one registered as public shows none.

        Raises:
            OAuthRefused: `invalid_client`, `invalid_request` or `slow_down`.
        """
        client_id, secret = _credentials(form, authorization)
        partner = await self._partners.get(client_id)
        stored = () if partner is None else partner.secrets
        right = client_secret.match(secret, stored, self._clock()) is not None
        if partner is not None and not partner.suspended and (right or (partner.public and not secret)):
            return partner
        minute = int(self._clock().timestamp()) // 60
        if await self._hot.count(f"oauth-tries:{client_id}:{minute}", 61) > _TRIES_A_MINUTE:
            raise OAuthRefused("slow_down", "too many wrong secrets; wait a minute", 429)
        raise OAuthRefused("invalid_client", "unknown client, wrong secret, or suspended", 401)


def _credentials(form: Mapping[str, str], authorization: str | None) -> tuple[str, str]:
    if authorization is None:
        return form.get("client_id", "")[:100], form.get("client_secret", "")[:200]
    if "client_secret" in form:
        raise OAuthRefused("invalid_request", "show the secret once: in the header or in the form")
    scheme, _, encoded = authorization.partition(" ")
    try:
        text = base64.b64decode(encoded, validate=True).decode() if scheme.lower() == "basic" else ""
    except (binascii.Error, UnicodeDecodeError, ValueError):
        text = ""
    client_id, colon, secret = text.partition(":")
    if not colon:
        raise OAuthRefused("invalid_client", "use HTTP Basic with client id and secret", 401)
    client_id, secret = unquote_plus(client_id)[:100], unquote_plus(secret)[:200]
    if form.get("client_id", client_id) != client_id:
        raise OAuthRefused("invalid_request", "client_id is not the one in the header")
    return client_id, secret
