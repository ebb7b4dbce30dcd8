"""Signatures of webhooks, as the Standard Webhooks specification has them (symmetric, `v1`).

What is signed is `id.timestamp.body`, with HMAC-SHA256 under the endpoint's secret. While a secret is being changed the
header carries one signature for each, with a space between.
Source: standardwebhooks.com, specification 1.0.0, "Signature scheme".
"""

import base64
import binascii
import hmac
import secrets
from collections.abc import Callable, Sequence

_PREFIX = "whsec_"
_BYTES = 32


def generate(entropy: Callable[[int], bytes] = secrets.token_bytes) -> str:
    """A new secret: `whsec_` and the base64 of 32 random bytes."""
    return _PREFIX + base64.b64encode(entropy(_BYTES)).decode()


def key_of(secret: str) -> bytes:
    """The key in a secret.

    Raises:
        ValueError: it is none.
    """
    try:
        key = base64.b64decode(secret.removeprefix(_PREFIX), validate=True)
    except binascii.Error as error:
        raise ValueError("not a webhook secret") from error
    if not secret.startswith(_PREFIX) or not 24 <= len(key) <= 64:
        raise ValueError("not a webhook secret")
    return key


def sign(keys: Sequence[bytes], message_id: str, timestamp: int, body: bytes) -> str:
    """The `webhook-signature` header: one signature by each key. `timestamp` is in seconds since 1970."""
    signed = f"{message_id}.{timestamp}.".encode() + body
    return " ".join("v1," + base64.b64encode(hmac.digest(key, signed, "sha256")).decode() for key in keys)
