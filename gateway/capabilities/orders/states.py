"""The order's state machine: which step may follow which. Pure."""

from __future__ import annotations

from enum import StrEnum


class OrderState(StrEnum):
    """Where an order stands."""

    ACKNOWLEDGED = "acknowledged"
    """Taken down, nothing decided."""
    AWAITING_CONFIRMATION = "awaiting_confirmation"
    """Waits for the subscriber's own yes."""
    AWAITING_RECIPIENT = "awaiting_recipient"
    """A gift its giver confirmed; the one who receives it may still refuse."""
    ACCEPTED = "accepted"
    """Will be carried out."""
    BOOKED = "booked"
    """Confirmed, and collected for the back office, which gets it in a file."""
    PROVISIONING = "provisioning"
    """About to be handed, or handed, to the back end."""
    UNKNOWN = "unknown"
    """Handed to the back end, whose answer was lost; it is being asked."""
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"
    EXPIRED = "expired"


_S = OrderState

NEXT: dict[OrderState, frozenset[OrderState]] = {
    _S.ACKNOWLEDGED: frozenset({_S.AWAITING_CONFIRMATION, _S.ACCEPTED, _S.BOOKED, _S.CANCELLED}),
    _S.AWAITING_CONFIRMATION: frozenset({_S.ACCEPTED, _S.AWAITING_RECIPIENT, _S.BOOKED, _S.CANCELLED, _S.EXPIRED}),
    _S.AWAITING_RECIPIENT: frozenset({_S.ACCEPTED, _S.CANCELLED}),
    _S.BOOKED: frozenset({_S.PROVISIONING, _S.CANCELLED}),
    _S.ACCEPTED: frozenset({_S.PROVISIONING, _S.CANCELLED}),
    _S.PROVISIONING: frozenset({_S.COMPLETED, _S.FAILED, _S.UNKNOWN}),
    _S.UNKNOWN: frozenset({_S.PROVISIONING, _S.COMPLETED, _S.FAILED}),
    _S.COMPLETED: frozenset(),
    _S.FAILED: frozenset(),
    _S.CANCELLED: frozenset(),
    _S.EXPIRED: frozenset(),
}
"""From each state, the states that may follow."""

OPEN_STATES = tuple(state.value for state in OrderState if NEXT[state])
"""States an order can still leave: at most one order per subscriber, offer and action is in one of them."""

ENDED_WITHOUT_EFFECT = (_S.FAILED.value, _S.CANCELLED.value, _S.EXPIRED.value)
"""States in which nothing came of an order, and nothing will."""

NOT_TAKEN_UP = "not taken up"
"""Why a gift ended: refused, or impossible. The giver is not told which."""

REFUSED = "refused by the back end: "
"""How the reason of a failed order begins; what the back end said follows."""

CANCELLABLE = frozenset(state for state in OrderState if _S.CANCELLED in NEXT[state])
"""States in which nothing has been handed to the back end yet."""


class IllegalTransition(Exception):
    """A step the state machine does not know. Reaching this is a fault in the program, not in the request."""


def check(from_state: OrderState | None, to_state: OrderState) -> None:
    """Return if `to_state` may follow `from_state` (None: the order does not exist yet).

    Raises:
        IllegalTransition: it may not.
    """
    legal = to_state is OrderState.ACKNOWLEDGED if from_state is None else to_state in NEXT[from_state]
    if not legal:
        raise IllegalTransition(f"{from_state} → {to_state}")
