"""What differs between our order, the back end's entry and the partner's line under one number, and what mends it. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from enum import StrEnum
from typing import NamedTuple

from gateway.capabilities.orders import OrderState


class Kind(StrEnum):
    """A difference by name."""

    MISSING_AT_BOSS = "missing_at_boss"
    """We handed it over, and the back end never saw it."""
    DONE_AT_BOSS = "done_at_boss"
    """The back end has carried it out or refused it, and we are still waiting to hear."""
    OUTCOME_DIFFERS = "outcome_differs"
    """One side says completed, the other refused."""
    ENDED_HERE = "ended_here"
    """The back end carried out what had ended here before."""
    UNKNOWN_TO_US = "unknown_to_us"
    """The back end has a number that is none of our orders."""
    DOUBLED_AT_BOSS = "doubled_at_boss"
    """The back end carried it out more than once."""
    SUBSCRIBER_DIFFERS = "subscriber_differs"
    OFFER_DIFFERS = "offer_differs"
    PRICE_DIFFERS = "price_differs"
    MISSING_AT_PARTNER = "missing_at_partner"
    """Completed here, and not in the partner's file."""
    UNKNOWN_FROM_PARTNER = "unknown_from_partner"
    """The partner's file has an order that it did not place with us."""
    PARTNER_STATE_DIFFERS = "partner_state_differs"
    PARTNER_OFFER_DIFFERS = "partner_offer_differs"
    PARTNER_PRICE_DIFFERS = "partner_price_differs"


class Repair(StrEnum):
    """What mends a difference."""

    SETTLE = "settle"
    """Ask the back end, and conclude or send again under the same number."""
    RESEND = "resend"
    """Hand it over again under the same number, which has one effect at most."""
    UNDO = "undo"
    """Have the back end take back what it did, under a number of its own."""
    TELL_PARTNER = "tell_partner"
    """Ours is right; the partner reads the difference among its own and corrects its books."""
    HUMAN = "human"
    """Somebody decides, and says what was done."""


REPAIR: dict[Kind, Repair] = {
    Kind.MISSING_AT_BOSS: Repair.SETTLE,
    Kind.DONE_AT_BOSS: Repair.SETTLE,
    Kind.OUTCOME_DIFFERS: Repair.HUMAN,
    Kind.ENDED_HERE: Repair.UNDO,
    Kind.UNKNOWN_TO_US: Repair.HUMAN,
    Kind.DOUBLED_AT_BOSS: Repair.HUMAN,
    Kind.SUBSCRIBER_DIFFERS: Repair.HUMAN,
    Kind.OFFER_DIFFERS: Repair.HUMAN,
    Kind.PRICE_DIFFERS: Repair.HUMAN,
    Kind.MISSING_AT_PARTNER: Repair.TELL_PARTNER,
    Kind.UNKNOWN_FROM_PARTNER: Repair.TELL_PARTNER,
    Kind.PARTNER_STATE_DIFFERS: Repair.TELL_PARTNER,
    Kind.PARTNER_OFFER_DIFFERS: Repair.TELL_PARTNER,
    Kind.PARTNER_PRICE_DIFFERS: Repair.TELL_PARTNER,
}
"""What mends each; an order completed here that the back end never saw is sent again instead."""

UNDO_SUFFIX = ".undo"
"""Ends the numbers under which effects are taken back; the order's own number comes before it."""

_WAITING = frozenset({OrderState.PROVISIONING, OrderState.UNKNOWN})
_ENDED = frozenset({OrderState.CANCELLED, OrderState.EXPIRED})
_NOT_HANDED_OVER = frozenset({OrderState.ACKNOWLEDGED, OrderState.AWAITING_CONFIRMATION, OrderState.ACCEPTED})


class Ours(NamedTuple):
    """Our side."""

    state: OrderState
    subscriber_ref: str
    offer: str
    action: str
    price_fen: int
    partner_id: str | None


class Theirs(NamedTuple):
    """The back end's side. What was found by asking for one order tells its status alone."""

    status: str
    effects: int = 1
    subscriber_ref: str | None = None
    offer: str | None = None
    action: str | None = None
    price_fen: int | None = None


class Partners(NamedTuple):
    """The partner's side; None: its file does not say."""

    state: str | None = None
    offer: str | None = None
    price_fen: int | None = None


class Found(NamedTuple):
    """One difference."""

    kind: Kind
    repair: Repair
    ours: str
    theirs: str


def between_us_and_boss(ours: Ours | None, theirs: Theirs | None) -> Iterator[Found]:
    """Everything that differs between our order and the back end's entry."""
    if theirs is None:
        # What was booked reached the back office in a file, and not its books under our number.
        if (
            ours is not None
            and ours.action != "book"
            and (ours.state in _WAITING or ours.state is OrderState.COMPLETED)
        ):
            repair = Repair.RESEND if ours.state is OrderState.COMPLETED else Repair.SETTLE
            yield Found(Kind.MISSING_AT_BOSS, repair, ours.state.value, "")
        return
    if ours is None:
        yield _found(Kind.UNKNOWN_TO_US, "", theirs.status)
        return
    if theirs.effects > 1:
        yield _found(Kind.DOUBLED_AT_BOSS, "1", str(theirs.effects))
    kind = _outcome(ours.state, theirs.status)
    if kind is not None:
        yield _found(kind, ours.state.value, theirs.status)
    if theirs.subscriber_ref not in (None, ours.subscriber_ref):
        yield _found(Kind.SUBSCRIBER_DIFFERS, ours.subscriber_ref, theirs.subscriber_ref or "")
    if (theirs.offer, theirs.action) not in ((None, None), (ours.offer, ours.action)):
        yield _found(Kind.OFFER_DIFFERS, f"{ours.action} {ours.offer}", f"{theirs.action} {theirs.offer}")
    if theirs.price_fen not in (None, ours.price_fen):
        yield _found(Kind.PRICE_DIFFERS, str(ours.price_fen), str(theirs.price_fen))


def between_us_and_partner(ours: Ours | None, partners: Partners | None, partner_id: str) -> Iterator[Found]:
    """Everything that differs between our order and a line of the partner's file."""
    if ours is None or ours.partner_id != partner_id:
        if partners is not None:
            yield _found(Kind.UNKNOWN_FROM_PARTNER, "", partners.state or "")
        return
    if partners is None:
        if ours.state is OrderState.COMPLETED:
            yield _found(Kind.MISSING_AT_PARTNER, ours.state.value, "")
        return
    if partners.state not in (None, ours.state.value):
        yield _found(Kind.PARTNER_STATE_DIFFERS, ours.state.value, partners.state or "")
    if partners.offer not in (None, ours.offer):
        yield _found(Kind.PARTNER_OFFER_DIFFERS, ours.offer, partners.offer or "")
    if partners.price_fen not in (None, ours.price_fen):
        yield _found(Kind.PARTNER_PRICE_DIFFERS, str(ours.price_fen), str(partners.price_fen))


def _outcome(state: OrderState, status: str) -> Kind | None:
    if status == "processing":
        return None if state in _WAITING else Kind.OUTCOME_DIFFERS
    if state in _WAITING:
        return Kind.DONE_AT_BOSS
    if status == "completed":
        if state in _ENDED or state in _NOT_HANDED_OVER:
            return Kind.ENDED_HERE
        return Kind.OUTCOME_DIFFERS if state is OrderState.FAILED else None
    return Kind.OUTCOME_DIFFERS if state is OrderState.COMPLETED else None


def _found(kind: Kind, ours: str, theirs: str) -> Found:
    return Found(kind, REPAIR[kind], ours, theirs)
