"""Signed tokens (JWT, ES256): issued for minutes or hours, verified by anybody who has the published keys.

ES256 because every JOSE library speaks it, and partners may want to check a token of ours. Two kinds, told apart by the
`typ` header so that one can never be used as the other: a partner's access token (`at+jwt`, RFC 9068) and the session
of a web visitor or widget (`session+jwt`).
Source: RFC 7515, 7517, 7519, 8725 (best current practices), 9068.
"""

import hashlib
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any, ClassVar

import msgspec
from joserfc import jws, jwt
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, KeySet

from auth.principal import Principal

_ALGORITHM = "ES256"
_LONGEST = 4096  # characters; ours are under 800
_CLOCK_SKEW = 5  # seconds by which another host of ours may be ahead


class TokenKind(StrEnum):
    """What a token is for; the value is its `typ` header."""

    PARTNER_ACCESS = "at+jwt"
    WEB_SESSION = "session+jwt"


class TokenRefused(Exception):
    """The token proves nothing.

    TokenRefused
    ├── MalformedToken    not a token of this form
    ├── UntrustedToken    not signed by one of our keys in our way
    ├── ForeignToken      signed by us for another audience, or by another issuer
    ├── ExpiredToken
    └── EarlyToken        not valid yet
    """

    code: ClassVar[str] = "token_refused"
    words: ClassVar[Mapping[str, str]] = {"zh": "令牌无效", "en": "the token is not valid"}


class MalformedToken(TokenRefused):
    """Not a token of this form."""

    code = "token_malformed"
    words = {"zh": "令牌格式不正确", "en": "the token is malformed"}


class UntrustedToken(TokenRefused):
    """Not signed by one of our keys in our way."""

    code = "token_untrusted"
    words = {"zh": "令牌签名无效", "en": "the token's signature is not valid"}


class ForeignToken(TokenRefused):
    """Signed for another audience or by another issuer."""

    code = "token_foreign"
    words = {"zh": "令牌不是签发给本平台使用的", "en": "the token is not meant for this platform"}


class ExpiredToken(TokenRefused):
    """Its time is over."""

    code = "token_expired"
    words = {"zh": "令牌已过期，请重新获取", "en": "the token has expired; get a new one"}


class EarlyToken(TokenRefused):
    """Its time has not come."""

    code = "token_not_yet_valid"
    words = {"zh": "令牌尚未生效", "en": "the token is not valid yet"}


class Claims(msgspec.Struct, frozen=True):
    """What a token says of its holder."""

    kind: TokenKind
    principal: Principal
    """`kind`, `id`, `scopes`, `account`, `partner_id`, `binding_id`, `grant_id` as issued; `token_id` and `expires_at` of this token."""
    issued_at: datetime
    """UTC, whole seconds."""
    expires_at: datetime


class _Payload(msgspec.Struct):
    """The claims as they stand in the token."""

    iss: str
    aud: str
    sub: str
    jti: str
    iat: int
    nbf: int
    exp: int
    scope: str = ""
    account: str | None = None
    partner: str | None = None
    binding: str | None = None
    client_id: str | None = None
    grant: str | None = None


_PRINCIPAL_KINDS: Mapping[str, Any] = {TokenKind.PARTNER_ACCESS: "partner", TokenKind.WEB_SESSION: "session"}


def generate_signing_key(key_id: str) -> ECKey:
    """A new private P-256 key that carries its id and use."""
    return ECKey.generate_key("P-256", {"kid": key_id, "use": "sig", "alg": _ALGORITHM}, private=True)


def read_signing_keys(key_set: Mapping[str, Any]) -> tuple[ECKey, ...]:
    """The private keys of a JSON Web Key Set, in its order.

    Raises:
        ValueError: it holds none, a key is not a private P-256 key, or two share an id or have none.
    """
    try:
        keys = [ECKey.import_key(key) for key in key_set["keys"]]
    except (JoseError, KeyError, TypeError) as error:
        raise ValueError("not a JSON Web Key Set of EC keys") from error
    if not keys or any(key.curve_name != "P-256" or not key.is_private for key in keys):
        raise ValueError("token signing needs private P-256 keys")
    if len({key.kid for key in keys} - {None}) != len(keys):
        raise ValueError("each token signing key needs an id of its own")
    return tuple(keys)


def _user_of(principal: Principal) -> str | None:
    """Whom a partner's token is about (RFC 9068 §2.2: `sub` is then the resource owner); None: the partner itself."""
    delegated = principal.kind == "partner" and principal.account is not None
    return (principal.account or "").split(":", 2)[2] if delegated else None


class TokenIssuer:
    """Signs tokens with the first of its keys and publishes all of them. auth.key_rotation says when which is first."""

    def __init__(self, keys: Sequence[ECKey], *, issuer: str, audience: str) -> None:
        self._keys = tuple(keys)
        self._issuer = issuer
        self._audience = audience

    def issue(self, principal: Principal, *, token_id: str, now: datetime, ttl: timedelta) -> str:
        """A token that makes its holder this principal (of kind `partner` or `session`) until `now + ttl`.

        Raises:
            ValueError: no token is made for a principal of that kind.
        """
        kind = next((kind for kind, name in _PRINCIPAL_KINDS.items() if name == principal.kind), None)
        if kind is None:
            raise ValueError(f"no token is made for a principal of kind {principal.kind}")
        at = int(now.timestamp())
        claims = {
            "iss": self._issuer,
            "aud": self._audience,
            "sub": _user_of(principal) or principal.id,
            "client_id": principal.id if principal.kind == "partner" else None,
            "jti": token_id,
            "iat": at,
            "nbf": at,
            "exp": at + int(ttl.total_seconds()),
            "scope": " ".join(sorted(principal.scopes)),
            "account": principal.account,
            "partner": principal.partner_id,
            "binding": principal.binding_id,
            "grant": principal.grant_id,
        }
        return self.sign({name: value for name, value in claims.items() if value is not None}, str(kind))

    def sign(self, claims: Mapping[str, Any], type_: str) -> str:
        """A token of another type over the claims, as they are."""
        header = {"alg": _ALGORITHM, "kid": self._keys[0].kid, "typ": type_}
        return jwt.encode(header, dict(claims), self._keys[0], algorithms=[_ALGORITHM])

    def use(self, keys: Sequence[ECKey]) -> bool:
        """Sign with the first of these from now on and publish all of them; whether that changes anything."""
        changed = [key.kid for key in keys] != [key.kid for key in self._keys]
        self._keys = tuple(keys)
        return changed

    def jwks(self) -> dict[str, Any]:
        """The public keys as a JSON Web Key Set (RFC 7517), fit to publish."""
        return {"keys": [key.as_dict(private=False) for key in self._keys]}


class TokenVerifier:
    """Tells what a token says, or why it says nothing.

    A token seen before costs a hash and a look-up instead of a signature: claims are kept, by SHA-256 of the token, for
    the `remembered` tokens last used. Only good tokens are kept, so that nobody can fill the memory with bad ones.
    """

    def __init__(self, jwks: Mapping[str, Any], *, issuer: str, audience: str, remembered: int = 10_000) -> None:
        """`jwks` holds the public keys that are trusted, as `TokenIssuer.jwks` gives them."""
        self._known: OrderedDict[bytes, Claims] = OrderedDict()
        self.trust(jwks)
        self._issuer = issuer
        self._audience = audience
        self._room = remembered

    def trust(self, jwks: Mapping[str, Any]) -> None:
        """Trust these public keys from now on, and no others."""
        self._keys = KeySet([ECKey.import_key(dict(key)) for key in jwks["keys"]])
        self._known.clear()

    def verify(self, token: str, now: datetime) -> Claims:
        """The claims of a good token.

        Raises:
            TokenRefused: one of its kinds says why.
        """
        if len(token) > _LONGEST:
            raise MalformedToken("too long")
        fingerprint = hashlib.sha256(token.encode(errors="surrogatepass")).digest()
        claims = self._known.get(fingerprint)
        if claims is None:
            claims = self._read(token, now)
            self._known[fingerprint] = claims
            if len(self._known) > self._room:
                self._known.popitem(last=False)
        elif now >= claims.expires_at:
            del self._known[fingerprint]
            raise ExpiredToken
        else:
            self._known.move_to_end(fingerprint)
        return claims

    def _read(self, token: str, now: datetime) -> Claims:
        kind, payload = self._decode(token)
        if payload.iss != self._issuer or payload.aud != self._audience:
            raise ForeignToken
        at = now.timestamp()
        if at >= payload.exp:
            raise ExpiredToken
        if at < max(payload.nbf, payload.iat) - _CLOCK_SKEW:
            raise EarlyToken
        expires_at = datetime.fromtimestamp(payload.exp, UTC)
        principal = Principal(
            _PRINCIPAL_KINDS[kind],
            payload.client_id or payload.sub,
            frozenset(payload.scope.split()),
            payload.account,
            payload.partner,
            payload.jti,
            payload.binding,
            expires_at,
            grant_id=payload.grant,
        )
        return Claims(kind, principal, datetime.fromtimestamp(payload.iat, UTC), expires_at)

    def _decode(self, token: str) -> tuple[TokenKind, _Payload]:
        try:
            compact = jws.extract_compact(token.encode("ascii"))
            header = compact.headers()
            if header.get("alg") != _ALGORITHM or header.get("typ") not in _PRINCIPAL_KINDS or "crit" in header:
                raise UntrustedToken("not a header of ours")
            if not isinstance(header.get("kid"), str):
                raise UntrustedToken("no key named")
        except (JoseError, ValueError, TypeError, AttributeError) as error:
            raise MalformedToken("not a signed token") from error
        try:
            payload = jws.deserialize_compact(token, self._keys, algorithms=[_ALGORITHM]).payload
        except (JoseError, ValueError) as error:
            raise UntrustedToken("no key of ours signed it") from error
        try:
            return TokenKind(header["typ"]), msgspec.json.decode(payload, type=_Payload)
        except msgspec.DecodeError as error:
            raise MalformedToken("claims are missing or of another type") from error
