"""Proof key for code exchange: who redeems a code must be who asked for it.

Only S256: with `plain` the challenge is the secret, and whoever reads the first request can redeem the code.
Source: RFC 7636 §4; RFC 9700 §2.1.1.
"""

import base64
import hashlib
import hmac
import re

METHOD = "S256"

_VERIFIER = re.compile(r"[A-Za-z0-9._~-]{43,128}")
_CHALLENGE = re.compile(r"[A-Za-z0-9_-]{43}")


def challenge_of(verifier: str) -> str:
    """BASE64URL(SHA-256(verifier)), 43 characters (RFC 7636 §4.2)."""
    return base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()


def is_challenge(text: str) -> bool:
    """Whether the text has the form of an S256 challenge."""
    return _CHALLENGE.fullmatch(text) is not None


def matches(verifier: str, challenge: str) -> bool:
    """Whether the verifier is the one behind the challenge; compared in constant time."""
    well_formed = _VERIFIER.fullmatch(verifier) is not None
    return well_formed and hmac.compare_digest(challenge_of(verifier), challenge)
