"""Moving an order from state to state: the one place that writes a transition."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

from gateway.capabilities.events import emit
from gateway.capabilities.orders.repository import StoredOrder
from gateway.capabilities.orders.states import OrderState, check
from gateway.capabilities.orders.tables import order_transitions, orders
from gateway.store import Unit, row_of

_ROW = row_of(order_transitions, ("order_id", "seq", "from_state", "to_state", "actor", "channel", "reason", "at"))


def move(
    unit: Unit,
    order: StoredOrder,
    to: OrderState,
    *,
    actor: str,
    channel: str,
    reason: str,
    now: datetime,
    ids: Callable[[], str],
    **changes: Any,
) -> StoredOrder:
    """Record one step on the unit and answer the order as it will be. Two who take the same step at once clash.

    Raises:
        IllegalTransition: the state machine knows no such step.
    """
    check(order.state, to)
    record_step(
        unit, order, order.transitions, order.state, to,
        actor=actor, channel=channel, reason=reason, now=now, event_id=ids(),
    )  # fmt: skip
    seq = order.transitions + 1
    if to is OrderState.CANCELLED:
        _tell_cancellation(unit, order, changes.get("cancel_reason"), now=now, ids=ids)
    unit.update(orders, {"id": order.id}, state=to.value, transitions=seq, updated_at=now, **changes)
    return order._replace(state=to, transitions=seq, updated_at=now, **changes)


def record_step(
    unit: Unit, order: StoredOrder, seq: int, before: OrderState | None, after: OrderState, *,
    actor: str, channel: str, reason: str, now: datetime, event_id: str,
) -> None:  # fmt: skip
    """Write transition `seq` (from 0) of an order, and tell of it."""
    state = str(after)  # a plain text, which drivers take at a third of the time
    step = (order.id, seq, None if before is None else str(before), state, actor, channel, reason, now)
    unit.insert_row(_ROW, step)
    told: dict[str, Any] = {
        "order": order.id,
        "offer": order.offer_code,
        "action": order.action,
        "state": state,
        "version": seq + 1,
        "partner_ref": order.partner_ref,
    }
    if order.together is not None:
        told["together"] = order.together
    if order.sandbox:
        told["sandbox"] = True
    emit(
        unit, f"order.{state}", told, id=event_id, at=now, key=order.id, step=seq,
        partner_id=order.partner_id, account=order.account, subscriber_id=order.subscriber_id,
    )  # fmt: skip


def _tell_cancellation(
    unit: Unit, order: StoredOrder, reason: str | None, *, now: datetime, ids: Callable[[], str]
) -> None:
    """Tell of the cancellation as a task of its own, which TMF622 makes of it: taken down, and done at once."""
    told: dict[str, Any] = {
        "order": order.id,
        "version": order.transitions + 1,
        "partner_ref": order.partner_ref,
        "reason": reason,
    }
    if order.together is not None:
        told["together"] = order.together
    if order.sandbox:
        told["sandbox"] = True
    for step, state in enumerate(("acknowledged", "done")):
        emit(
            unit, f"cancellation.{state}", {**told, "state": state}, id=ids(), at=now, step=step,
            key=f"cancellation:{order.together or order.id}", partner_id=order.partner_id, account=order.account,
            subscriber_id=order.subscriber_id,
        )  # fmt: skip
