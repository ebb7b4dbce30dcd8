"""The methods of the connection itself. Their names begin with `rpc.`, which JSON-RPC keeps for extensions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated

from msgspec import Meta, Struct


class Authenticate(Struct, frozen=True, forbid_unknown_fields=True):
    """Say who is calling, or renew what was said."""

    token: Annotated[str, Meta(description="Access token of a partner, or token of a web session.")]


class Authenticated(Struct, frozen=True):
    """Who the connection speaks for now."""

    kind: str
    id: str
    account: str | None
    expires_at: datetime | None
    """When the token ends. Renew before; the connection is closed with 4401 half a minute after."""


class Nothing(Struct, frozen=True, forbid_unknown_fields=True):
    """Nothing to say."""


@dataclass(frozen=True, slots=True)
class Method:
    """One method of the connection, as documents tell it."""

    name: str
    request: type[Struct]
    answer: type[Struct] | None
    """None: a JSON object whose form is told elsewhere."""
    title: Mapping[str, str]
    description: str


AUTHENTICATE = Method(
    "rpc.auth", Authenticate, Authenticated, {"zh": "认证或续期", "en": "Authenticate, or renew"},
    "The first message of a browser, which cannot send an Authorization header; and, before a token ends, how to go on "
    "with the next one. The new token must be of the same caller.",
)  # fmt: skip
DISCOVER = Method(
    "rpc.discover", Nothing, None, {"zh": "接口文档", "en": "This document"},
    "The OpenRPC document, as at /openrpc.json.",
)  # fmt: skip

METHODS = (AUTHENTICATE, DISCOVER)
