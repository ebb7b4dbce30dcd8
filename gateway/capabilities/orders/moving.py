"""Moving an order from state to state: the one place that writes a transition."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from gateway.capabilities.orders.repository import StoredOrder
from gateway.capabilities.orders.states import OrderState, check
from gateway.capabilities.orders.tables import order_transitions, orders
from gateway.store import Unit


def move(
    unit: Unit,
    order: StoredOrder,
    to: OrderState,
    *,
    actor: str,
    channel: str,
    reason: str,
    now: datetime,
    **changes: Any,
) -> StoredOrder:
    """Record one step on the unit and answer the order as it will be. Two who take the same step at once clash.

    Raises:
        IllegalTransition: the state machine knows no such step.
    """
    check(order.state, to)
    record_step(
        unit, order.id, order.transitions, order.state, to, actor=actor, channel=channel, reason=reason, now=now
    )
    seq = order.transitions + 1
    unit.update(orders, {"id": order.id}, state=to.value, transitions=seq, updated_at=now, **changes)
    return order._replace(state=to, transitions=seq, updated_at=now, **changes)


def record_step(
    unit: Unit, order_id: str, seq: int, before: OrderState | None, after: OrderState, *,
    actor: str, channel: str, reason: str, now: datetime,
) -> None:  # fmt: skip
    """Write transition `seq` (from 0) of an order."""
    unit.insert(
        order_transitions,
        order_id=order_id, seq=seq, from_state=None if before is None else before.value, to_state=after.value,
        actor=actor, channel=channel, reason=reason, at=now,
    )  # fmt: skip
