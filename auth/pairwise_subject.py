"""What a partner knows a subscriber by: the same at each sign-in, another one at every other partner.

So that partners cannot find out together that their users are one person. The id cannot be turned back without the key.
Source: OpenID Connect Core 1.0 §8.1 (pairwise identifiers).
"""

import base64
import hmac
import re

_LABEL = b"tuila.pairwise-subject.v1"
_FORM = re.compile(r"ppid_[A-Za-z0-9_-]{43}")


def subject_id(installation_key: bytes, partner_id: str, subscriber_id: int) -> str:
    """The id of a subscriber for one partner, 48 characters."""
    key = hmac.digest(installation_key, _LABEL, "sha256")
    digest = hmac.digest(key, f"{partner_id}:{subscriber_id}".encode(), "sha256")
    return "ppid_" + base64.urlsafe_b64encode(digest).rstrip(b"=").decode()


def is_subject_id(user_id: str) -> bool:
    """Whether a partner's user is one who signed in with the operator."""
    return _FORM.fullmatch(user_id) is not None
