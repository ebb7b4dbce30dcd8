"""The contract of the provisioning back end."""

from datetime import datetime
from typing import Annotated, Literal, Protocol

import msgspec
from msgspec import Meta

OrderNumber = Annotated[str, Meta(min_length=1, max_length=64, pattern="^[0-9A-Za-z._-]+$")]


Action = Literal["subscribe", "unsubscribe", "change", "gift", "start_trial", "convert_trial", "renew"]


class ProvisionOrder(msgspec.Struct, frozen=True, omit_defaults=True):
    """One order to be carried out. `number` is ours, stable, and names the order for ever."""

    number: OrderNumber
    subscriber_ref: str
    phone: str | None
    """E.164, where the back end knows the subscriber by number."""
    offer_code: str
    action: Action
    effective: Literal["now", "next_cycle"]
    price_fen: Annotated[int, Meta(ge=0)]
    replaces: str | None = None
    """The offer that a change ends, in the same step."""
    payer_ref: str | None = None
    """Who pays for a gift; `subscriber_ref` is who receives it."""
    trial_days: Annotated[int, Meta(ge=1)] | None = None
    """After so many days a trial ends by itself, unless it was converted."""

    def __post_init__(self) -> None:
        for action, name in (("change", "replaces"), ("gift", "payer_ref"), ("start_trial", "trial_days")):
            if (self.action == action) != (getattr(self, name) is not None):
                raise ValueError(f"{name} belongs to action {action}, and to no other")


class ProvisionResult(msgspec.Struct, frozen=True):
    """How far an order is. `reason` is given when it was refused."""

    number: str
    status: Literal["completed", "processing", "refused"]
    reason: str | None = None


class LedgerEntry(msgspec.Struct, frozen=True):
    """One order in the back end's books."""

    number: str
    subscriber_ref: str
    offer_code: str
    action: str
    price_fen: int
    status: Literal["completed", "processing", "refused"]
    effects: int
    """How often it was carried out: 1 for a completed order, more where something went wrong there."""


class LedgerPage(msgspec.Struct, frozen=True):
    """Entries in the order of their numbers (by code point)."""

    entries: list[LedgerEntry]
    next: str | None = None
    """Give it as `after` for the page that follows; None on the last one."""


class Provisioning(Protocol):
    """Carries out orders, each order number at most once."""

    async def provision(self, order: ProvisionOrder) -> ProvisionResult:
        """Hand an order over. The same number again gives the same order's result and has no second effect.

        Raises:
            UpstreamUnavailable: it was not taken; it may be handed over again.
            OutcomeUnknown: it may have been taken; ask `status`.
            UpstreamRefused: the request itself was not acceptable (for example the number was used for another order).
        """

    async def status(self, order_number: str) -> ProvisionResult | None:
        """How far the order is; None if the back end has never seen that number.

        Raises:
            UpstreamUnavailable: no answer after the client's own retries.
            UpstreamRefused: the question itself was not acceptable.
        """


class Boss(Provisioning, Protocol):
    """A back end that keeps books of what it took."""

    async def list_taken(self, begin: datetime, end: datetime, after: str | None, limit: int) -> LedgerPage:
        """Up to `limit` (1 to 1000) orders taken from `begin` on and before `end`, with numbers past `after`.

        Raises:
            UpstreamUnavailable: no answer after the client's own retries.
            UpstreamRefused: the question itself was not acceptable.
        """
