"""Who is calling, and whom a call is about."""

from datetime import datetime
from functools import lru_cache
from typing import Literal

import msgspec

from auth.pairwise_subject import is_subject_id

Kind = Literal["anonymous", "account", "session", "partner", "operator"]


class Principal(msgspec.Struct, frozen=True):
    """Who is calling. It says nothing about whom the call is for: that is the `Subject`."""

    kind: Kind
    """`account`: a chat account speaking for itself; `session`: a web visitor or a widget; `partner`: a partner's server;
    `operator`: staff and the command line."""
    id: str
    """Unique within the kind; empty for the anonymous caller."""
    scopes: frozenset[str] = frozenset()
    """What it may call: `orders:read`, all of a noun `orders:*`, everything `*`."""
    account: str | None = None
    """Its own channel account; for a partner's token that a subscriber gave it, the one account it is for. None: it has none
    (partners act for accounts that they name)."""
    partner_id: str | None = None
    """The partner it is, or through whom the session was opened."""
    token_id: str | None = None
    """The token it showed. None: it showed none."""
    binding_id: str | None = None
    """The binding its token was issued under; when that ends the token is worth nothing. None: not tied to one."""
    expires_at: datetime | None = None
    """UTC time when its credentials end, which a long-lived connection may outlive. None: no end of their own."""
    suspended: bool = False
    """Whether the partner or account was suspended."""
    by_proxy: bool = False
    """Whether a program such as an assistant speaks with these credentials: it is never the subscriber in person."""
    order_id: str | None = None
    """The one order that its credentials are for: the holder of a link in a text message. None: no such bound."""
    grant_id: str | None = None
    """The subscriber's grant that a partner's token was issued under. None: the partner speaks for itself."""


class Subject(msgspec.Struct, frozen=True):
    """The subscriber a call is about, reached through one bound account."""

    subscriber_id: int
    account: str
    """The channel account the call came by, e.g. `wechat:gh_1:oAbc`."""
    binding_id: str
    suspended: bool = False
    """Whether the binding is suspended, as when the number may have changed hands."""
    sandbox: str | None = None
    """The partner whose made-up user the subscriber is. None: a real subscriber."""


ANONYMOUS = Principal("anonymous", "")


def partner_account(partner_id: str, user_id: str) -> str:
    """The account key of a partner's user.

    Raises:
        ValueError: a part is empty, or the partner id holds a colon. With one, `a:b` could claim users of partner `a`.
    """
    if not partner_id or ":" in partner_id or not user_id:
        raise ValueError(f"not a partner account: {partner_id!r}, {user_id!r}")
    return f"partner:{partner_id}:{user_id}"


@lru_cache(maxsize=4096)  # asked again and again about the one account that a call is for
def partner_of(account: str) -> str | None:
    """The partner whose user the account is; None if it is no partner's user."""
    channel, _, rest = account.partition(":")
    partner_id, _, user_id = rest.partition(":")
    return partner_id if channel == "partner" and partner_id and user_id else None


@lru_cache(maxsize=4096)
def signed_in(account: str) -> bool:
    """Whether the account is of a subscriber who signed in at a partner with the operator: only what they granted holds."""
    return partner_of(account) is not None and is_subject_id(account.split(":", 2)[2])
