"""What a browser brings from a partner to the authorisation endpoint, and what goes back.

Two kinds of refusal. Before client and redirect URI are known to belong together nothing is sent anywhere: the person
sees a page. After that the error goes to the client, as every answer does, with `state` and `iss`.
Source: RFC 6749 §4.1.1 and §4.1.2, RFC 7636 §4.3, RFC 9207, RFC 9700 §2.1, OpenID Connect Core 1.0 §3.1.2.
"""

from collections.abc import Mapping, Sequence
from urllib.parse import urlencode

import msgspec

from auth import pkce

_LONGEST = {"client_id": 60, "redirect_uri": 500, "scope": 500, "state": 1024, "nonce": 256}


class AuthorizationRequest(msgspec.Struct, frozen=True):
    """A request that can be shown to the subscriber."""

    client_id: str
    redirect_uri: str
    scopes: tuple[str, ...]
    """As asked for, each once, in their order."""
    challenge: str
    """PKCE, S256."""
    state: str | None
    nonce: str | None


class AddressRefused(Exception):
    """Who asks, or where the answer would go, is not known for sure; the person is told, and nobody else."""


class RequestRefused(Exception):
    """An error that the client is told by the redirect, by its code of RFC 6749 §4.1.2.1 or OIDC Core §3.1.2.6."""

    def __init__(self, code: str, description: str) -> None:
        super().__init__(description)
        self.code = code
        self.description = description


def only(parameters: Mapping[str, Sequence[str]], name: str) -> str:
    """A parameter that must be there once.

    Raises:
        AddressRefused: it is missing, doubled or too long.
    """
    values = parameters.get(name, ())
    if len(values) != 1 or not 0 < len(values[0]) <= _LONGEST[name]:
        raise AddressRefused(f"{name} must be given once")
    return values[0]


def state_of(parameters: Mapping[str, Sequence[str]]) -> str | None:
    """The state to give back, None where there is none that can be."""
    values = parameters.get("state", ())
    return values[0] if len(values) == 1 and len(values[0]) <= _LONGEST["state"] else None


def read(parameters: Mapping[str, Sequence[str]], client_id: str, redirect_uri: str) -> AuthorizationRequest:
    """The request of a client that is known, whose answer goes to an address that is its own.

    Raises:
        RequestRefused: what is wrong with it.
    """
    doubled = sorted(name for name, values in parameters.items() if len(values) > 1)
    if doubled:
        raise RequestRefused("invalid_request", f"given more than once: {', '.join(doubled)}"[:200])
    one = {name: values[0] for name, values in parameters.items() if values}
    if "request" in one:
        raise RequestRefused("request_not_supported", "send the parameters themselves")
    if "request_uri" in one:
        raise RequestRefused("request_uri_not_supported", "send the parameters themselves")
    for name in ("scope", "state", "nonce"):
        if len(one.get(name, "")) > _LONGEST[name]:
            raise RequestRefused("invalid_request", f"{name} is longer than {_LONGEST[name]} characters")
    if one.get("response_type") != "code":
        raise RequestRefused("unsupported_response_type", "response_type must be code")
    if one.get("response_mode", "query") != "query":
        raise RequestRefused("invalid_request", "response_mode must be query")
    if one.get("code_challenge_method") != pkce.METHOD or not pkce.is_challenge(one.get("code_challenge", "")):
        raise RequestRefused("invalid_request", "PKCE is needed: code_challenge with code_challenge_method=S256")
    if "none" in one.get("prompt", "").split():
        raise RequestRefused("login_required", "the subscriber proves the phone number at every sign-in")
    scopes = tuple(dict.fromkeys(one.get("scope", "").split()))
    if not scopes:
        raise RequestRefused("invalid_scope", "name the scopes you ask for")
    return AuthorizationRequest(
        client_id, redirect_uri, scopes, one["code_challenge"], one.get("state"), one.get("nonce")
    )


def answer(redirect_uri: str, issuer: str, state: str | None, **parameters: str) -> str:
    """The address that takes an answer to the client; `iss` tells it which server gave it (RFC 9207)."""
    given = {**parameters, **({} if state is None else {"state": state}), "iss": issuer}
    return f"{redirect_uri}{'&' if '?' in redirect_uri else '?'}{urlencode(given)}"
