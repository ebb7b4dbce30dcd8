"""A partner's UsernameToken with PasswordDigest: good for five minutes, once.

    digest = Base64(SHA-1(nonce + created + password))

The profile lets both sides agree on a password equivalent. Ours is the signing key in 64 lower-case hex digits
(`client_secret.signing_key`), which the gateway keeps sealed: the secret itself cannot be had back. The digest covers
neither the message nor where it goes, so it belongs on https; docs/soap.md tells partners.

Source: OASIS Web Services Security UsernameToken Profile 1.1.1, §3.
"""

import base64
import binascii
import hashlib
import hmac
import re
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

import msgspec

from auth.signed_request import WINDOW, SpendNonce

# One form and no blanks: nonce and created stand side by side in the digest, and nothing may move between them.
_CREATED = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,9})?(Z|[+-][0-9]{2}:[0-9]{2})")
_NONCE_BYTES = range(8, 65)
_ABSENT = b"\0" * 64


class UsernameToken(msgspec.Struct, frozen=True):
    """What a UsernameToken claims, each part as written."""

    username: str
    digest: str
    """Base64."""
    nonce: str
    """Base64 of 8 to 64 bytes."""
    created: str
    """xs:dateTime with its zone."""


class UsernameTokenRefused(Exception):
    """The token is not taken as the partner's. `reason` is stable; `words` hold it in `zh` and `en`."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason
        self.words: Mapping[str, str] = _WORDS[reason]


_WORDS: Mapping[str, Mapping[str, str]] = {
    "malformed_token": {
        "zh": "UsernameToken 应有 Username、PasswordDigest 类型的 Password、Nonce（8 到 64 字节）和带时区的 Created",
        "en": "a UsernameToken holds Username, Password of type PasswordDigest, Nonce (8 to 64 bytes) and Created with a zone",
    },
    "stale_created": {
        "zh": "Created 与服务器时间相差超过 300 秒",
        "en": "Created is more than 300 s from the server's time",
    },
    "unknown_client": {"zh": "没有这个合作伙伴", "en": "there is no such client"},
    "bad_digest": {
        "zh": "摘要不正确；口令应为签名密钥的 64 位十六进制",
        "en": "the digest is not over this nonce, time and password; the password is the signing key in hex",
    },
    "nonce_reused": {"zh": "nonce 已使用过", "en": "the nonce was used before"},
}


def password(signing_key: bytes) -> bytes:
    """The password of a UsernameToken, from the 32-byte signing key."""
    return signing_key.hex().encode()


def digest(nonce: bytes, created: str, password: bytes) -> str:
    """The PasswordDigest, Base64."""
    # The profile names SHA-1. The password is 256 random bits at the end: neither collisions nor extension help.
    return base64.b64encode(hashlib.sha1(nonce + created.encode() + password).digest()).decode()  # noqa: S324 - as above


async def verify(token: UsernameToken, keys: Sequence[bytes], *, now: datetime, spend_nonce: SpendNonce) -> None:
    """Return if the token is the client's own and new.

    `keys` are the client's live signing keys; none if there is no such client. The nonce is spent last, so that nobody
    else can spend a client's nonces.

    Raises:
        UsernameTokenRefused: `malformed_token`, `stale_created`, `unknown_client`, `bad_digest` or `nonce_reused`.
    """
    nonce, created = _nonce(token.nonce), _created(token.created)
    age = (now - created).total_seconds()
    if abs(age) > WINDOW.total_seconds():
        raise UsernameTokenRefused("stale_created")
    passwords = [password(key) for key in keys] or [_ABSENT]
    given = token.digest.encode()
    matches = [hmac.compare_digest(digest(nonce, token.created, one).encode(), given) for one in passwords]
    if not keys:
        raise UsernameTokenRefused("unknown_client")
    if not any(matches):
        raise UsernameTokenRefused("bad_digest")
    # A second more than the token stays good, so that rounding leaves no gap.
    if not await spend_nonce(token.username, f"wsse-{nonce.hex()}", WINDOW - timedelta(seconds=age - 1)):
        raise UsernameTokenRefused("nonce_reused")


def _nonce(text: str) -> bytes:
    try:
        nonce = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise UsernameTokenRefused("malformed_token") from None
    if len(nonce) not in _NONCE_BYTES:
        raise UsernameTokenRefused("malformed_token")
    return nonce


def _created(text: str) -> datetime:
    if not _CREATED.fullmatch(text):
        raise UsernameTokenRefused("malformed_token")
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        raise UsernameTokenRefused("malformed_token") from None
