"""Why a code, a refresh token or a request for one is refused."""

from __future__ import annotations

from gateway.errors import Forbidden, GatewayError, NotFound


class GrantRefused(GatewayError):
    """The code or refresh token is not good for this partner now."""

    status = 400
    code = "grant-refused"
    title = {"zh": "授权码或刷新令牌无效", "en": "The code or refresh token is not accepted"}


class GrantNotFound(NotFound):
    """The subject granted nothing to that partner, or not any more."""

    code = "grant-not-found"
    title = {"zh": "没有给该合作方的授权", "en": "Nothing is granted to that partner"}


class ScopeNotGranted(GatewayError):
    """Scopes beyond what was, or can be, granted."""

    status = 400
    code = "scope-not-granted"
    title = {"zh": "超出授权范围", "en": "More than was granted"}


class TokenNotRevocable(GatewayError):
    """A token that ends by itself within minutes; no grant stands behind it."""

    status = 400
    code = "token-not-revocable"
    title = {"zh": "该令牌不能撤销，将自行到期", "en": "That token cannot be revoked; it ends by itself"}


class RedirectRefused(Forbidden):
    """The partner is unknown, suspended, or did not register that address."""

    code = "redirect-refused"
    title = {"zh": "未登记的合作方或回调地址", "en": "That partner or redirect URI is not registered"}
