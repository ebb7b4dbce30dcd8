"""What a partner asks of its own account, and the answers."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from msgspec import Meta, Struct

from gateway.capabilities.partners import Addresses, Origins, RedirectUris
from gateway.kit.month import Month


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

    month: Annotated[Month | None, Meta(description="YYYY-MM; null: this month.")] = None


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


class StatementOffset(Struct, frozen=True):
    """What a case of the operator's watch sets off against the month's settlement."""

    case: str
    amount_fen: int


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
    offsets: list[StatementOffset]
    """The first 100 of them, by case."""
    offset_fen: int
    """All of them together."""
    payable_fen: int
    """Commission less offsets; below zero where more is owed back than was earned."""


class ListOwnCases(Struct, frozen=True):
    """Page through the cases about the caller that are not closed."""

    cursor: Annotated[
        Annotated[str, Meta(pattern=r"^[0-9a-f-]{36}$")] | None, Meta(description="`next` of the page before.")
    ] = None
    limit: Annotated[int, Meta(ge=1, le=100)] = 50


class OwnCase(Struct, frozen=True):
    """A case about the caller: what it is about and what it comes to, without numbers and evidence."""

    id: str
    cause: str
    state: str
    owed_fen: int | None
    """What is to be paid back, fen."""
    month: str | None
    """The month whose settlement it is set off against."""
    opened_at: datetime


class OwnCasePage(Struct, frozen=True):
    """One page of them, in the order in which they were opened."""

    items: list[OwnCase]
    next: str | None = None
