"""ID tokens: what a partner is told about a sign-in. They open nothing here: audience and type are not an access token's.

Source: OpenID Connect Core 1.0 §2, §3.1.3.6 (at_hash).
"""

import base64
import hashlib
from datetime import datetime, timedelta
from typing import Any

TYPE = "JWT"
"""The `typ` header."""


def id_token_claims(
    *,
    issuer: str,
    client_id: str,
    subject: str,
    auth_time: datetime,
    now: datetime,
    ttl: timedelta,
    nonce: str | None,
    access_token: str,
) -> dict[str, Any]:
    """The claims of an ID token for one sign-in; `auth_time` is when the subscriber proved the phone number."""
    at = int(now.timestamp())
    claims = {
        "iss": issuer,
        "sub": subject,
        "aud": client_id,
        "iat": at,
        "exp": at + int(ttl.total_seconds()),
        "auth_time": int(auth_time.timestamp()),
        "amr": ["otp", "sms"],
        "at_hash": _half_hash(access_token),
    }
    return claims if nonce is None else claims | {"nonce": nonce}


def _half_hash(token: str) -> str:
    half = hashlib.sha256(token.encode("ascii")).digest()[:16]  # the hash of ES256
    return base64.urlsafe_b64encode(half).rstrip(b"=").decode()
