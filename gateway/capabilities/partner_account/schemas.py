"""What a partner asks of its own account, and the answers."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from msgspec import Meta, Struct

from gateway.capabilities.partners import Addresses, Origins, RedirectUris


class GetAccount(Struct, frozen=True):
    """Nothing to say: the caller is who it is about."""


class SecretInForce(Struct, frozen=True):
    """A secret that opens something now; the secret itself is not kept."""

    id: str
    created_at: datetime
    ends_at: datetime | None = None
    """When it stops being good; null: not before it is replaced."""


class Account(Struct, frozen=True):
    """A partner as it sees itself."""

    client_id: str
    name: str
    scopes: list[str]
    origins: list[str]
    redirect_uris: list[str]
    addresses: list[str]
    """IP networks its servers call from; none: from anywhere."""
    per_second: int
    """Calls a second."""
    per_day: int
    """Calls a day (UTC)."""
    secrets: list[SecretInForce]
    """Newest first."""


class UpdateAccount(Struct, frozen=True, kw_only=True):
    """Change from where the partner is used; null leaves a list as it is, an empty one empties it."""

    origins: Origins | None = None
    redirect_uris: RedirectUris | None = None
    addresses: Addresses | None = None


class RenewSecret(Struct, frozen=True):
    """Nothing to say: the caller's own secret is renewed."""


class GetUsage(Struct, frozen=True):
    """Ask for the calls of the last days."""

    days: Annotated[int, Meta(ge=1, le=31, description="Days back from now.")] = 7


class HourOfCalls(Struct, frozen=True):
    """Calls that began in one hour."""

    at: datetime
    calls: int
    refused: int
    """Those of them that were refused or failed."""


class OutcomeOfCalls(Struct, frozen=True):
    """Calls of one capability that ended in one way."""

    capability: str
    outcome: str
    """`ok`, or the code of the problem."""
    calls: int


class Usage(Struct, frozen=True):
    """The partner's calls. They appear here some seconds after they were made."""

    since: datetime
    calls: int
    refused: int
    hours: list[HourOfCalls]
    """Hours with calls, oldest first."""
    outcomes: list[OutcomeOfCalls]
    """By capability and outcome, the 100 most frequent."""


class GetStatement(Struct, frozen=True):
    """Ask for one month's statement."""

    month: Annotated[
        Annotated[str, Meta(pattern=r"^20[0-9]{2}-(0[1-9]|1[0-2])$")] | None,
        Meta(description="YYYY-MM; null: this month."),
    ] = None


class StatementLine(Struct, frozen=True):
    """Completed orders of one offer and action."""

    offer: str
    name: str
    action: str
    orders: int
    amount_fen: int
    """Sum of the prices of one period, fen."""
    commission_fen: int
    """Commission by the catalog of today, fen; for subscriptions only."""


class Statement(Struct, frozen=True):
    """What the orders placed in a month (Asia/Shanghai) have come to by now."""

    month: str
    lines: list[StatementLine]
    orders: int
    """Completed orders."""
    amount_fen: int
    commission_fen: int
    by_state: dict[str, int]
    """All orders of the month by the state they are in now."""
