"""Tokens that say nothing by themselves: authorisation codes and refresh tokens, 256 random bits, kept as digests.

At rest a plain SHA-256 is enough: nobody guesses 256 random bits (see auth.client_secret).
Source: RFC 6749 §10.10; RFC 9700 §4.14.
"""

import base64
import hashlib
import secrets

from auth.secret_box import Entropy

CODE = "tac_"
"""Prefix of an authorisation code."""
REFRESH = "trt_"
"""Prefix of a refresh token. Prefixes let scanners for leaked secrets know one when they see it."""
_LABEL = b"tuila.opaque-token.v1\0"


def generate(prefix: str, entropy: Entropy = secrets.token_bytes) -> str:
    """A new token, 47 characters of `A-Z a-z 0-9 _ -`."""
    return prefix + base64.urlsafe_b64encode(entropy(32)).rstrip(b"=").decode()


def digest(token: str) -> bytes:
    """The 32 bytes kept at rest."""
    return hashlib.sha256(_LABEL + token.encode(errors="surrogatepass")).digest()
