"""Partners' secrets: shown once, kept so that the stored form opens nothing, changed without a gap.

A secret is "tsk_" and 256 random bits. At rest it is a plain SHA-256: argon2 slows down the guessing of what people
choose, and nobody guesses 256 random bits; it would only cost every request tens of milliseconds.

Checking a request's signature needs a key that can be had back. That key is derived one way from the secret and kept
sealed under the installation's sealing key, so that a copy of the database alone can neither sign nor log in.
"""

import base64
import hashlib
import hmac
import secrets
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta

import msgspec

from auth.secret_box import Entropy, SecretBox

PREFIX = "tsk_"
"""Lets scanners for leaked secrets know one when they see it."""
SIGNING_LABEL = b"tuila.signing-key.v1"
_DIGEST_LABEL = b"tuila.client-secret.v1\0"


class StoredSecret(msgspec.Struct, frozen=True):
    """What is kept of one secret."""

    id: str
    digest: bytes
    """32 bytes, see `digest`."""
    sealed_signing_key: bytes
    """See `seal_signing_key`."""
    created_at: datetime
    ends_at: datetime | None = None
    """UTC; None: until it is replaced."""


def generate(entropy: Entropy = secrets.token_bytes) -> str:
    """A new secret, 47 characters of `A-Z a-z 0-9 _ -`."""
    return PREFIX + base64.urlsafe_b64encode(entropy(32)).rstrip(b"=").decode()


def digest(secret: str) -> bytes:
    """The 32 bytes kept at rest."""
    return hashlib.sha256(_DIGEST_LABEL + secret.encode()).digest()


def signing_key(secret: str) -> bytes:
    """The 32-byte key that signs this partner's requests: HMAC-SHA256(secret, "tuila.signing-key.v1")."""
    return hmac.digest(secret.encode(), SIGNING_LABEL, "sha256")


def signing_key_box(keys: Mapping[str, bytes], current: str, entropy: Entropy = secrets.token_bytes) -> SecretBox:
    """The box that signing keys are sealed in."""
    return SecretBox(keys, current, purpose=SIGNING_LABEL.decode(), entropy=entropy)


def store(secret: str, *, id: str, partner_id: str, box: SecretBox, now: datetime) -> StoredSecret:
    """What to keep of a new secret."""
    sealed = box.seal(signing_key(secret), _context(partner_id, id))
    return StoredSecret(id, digest(secret), sealed, now)


def unseal_signing_key(stored: StoredSecret, *, partner_id: str, box: SecretBox) -> bytes:
    """The 32-byte signing key of a stored secret.

    Raises:
        BoxRefused: sealed for another partner, changed, or under an unknown key.
    """
    return box.open(stored.sealed_signing_key, _context(partner_id, stored.id))


def live(stored: Iterable[StoredSecret], now: datetime) -> tuple[StoredSecret, ...]:
    """The secrets that are good now, newest first, two at most."""
    good = [one for one in stored if one.ends_at is None or one.ends_at > now]
    return tuple(sorted(good, key=lambda one: (one.created_at, one.id), reverse=True)[:2])


def match(given: str, stored: Iterable[StoredSecret], now: datetime) -> StoredSecret | None:
    """The live secret that was given, or None. Takes the same time whichever it is."""
    shown = digest(given)
    found = None
    for one in live(stored, now):
        if hmac.compare_digest(shown, one.digest):
            found = one
    return found


def rotate(
    stored: Iterable[StoredSecret], new: StoredSecret, now: datetime, overlap: timedelta
) -> tuple[StoredSecret, ...]:
    """The secrets after `new` came in: it, and the newest before it for the time of `overlap`; older ones end now."""
    before = live(stored, now)[:1]
    return (new, *(msgspec.structs.replace(one, ends_at=_earlier(one.ends_at, now + overlap)) for one in before))


def _earlier(first: datetime | None, second: datetime) -> datetime:
    return second if first is None else min(first, second)


def _context(partner_id: str, secret_id: str) -> bytes:
    return msgspec.json.encode([partner_id, secret_id])
