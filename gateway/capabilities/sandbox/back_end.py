"""The back end of sandbox orders: it answers as the real one does, from rows of the store, and has no effect."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import NamedTuple

import msgspec
from sqlalchemy import Connection, insert, select

from adapters.boss.protocol import ProvisionOrder, ProvisionResult
from adapters.errors import OutcomeUnknown, UpstreamRefused
from gateway.capabilities.orders import orders
from gateway.capabilities.sandbox.repository import spend
from gateway.capabilities.sandbox.tables import sandbox_faults, sandbox_orders
from gateway.capabilities.subscribers import subscribers
from gateway.kit.clock import Clock
from gateway.store import Store


class SandboxBackEnd:
    """`Provisioning` for made-up subscribers, with the faults that their partner switched on.

    What was taken is a row under the order's number, so that every process and every restart finds it. The row says
    how the order ends and from when on; until then it is "processing".
    """

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock

    async def provision(self, order: ProvisionOrder) -> ProvisionResult:
        """Take an order. A fault that was counted is spent in the transaction that takes the order."""
        taken = await self._store.write(_take, order, self._clock())
        if taken.is_clash:
            raise UpstreamRefused("number_reused", "this number names another order")
        if taken.is_lost:
            raise OutcomeUnknown("the answer was lost")
        return taken.result

    async def status(self, order_number: str) -> ProvisionResult | None:
        """How far the order is; None if it was never taken."""
        return await self._store.read(_status, order_number, self._clock())


class _Taken(NamedTuple):
    result: ProvisionResult
    is_lost: bool = False
    is_clash: bool = False


def _take(connection: Connection, order: ProvisionOrder, now: datetime) -> _Taken:
    partner_id = connection.scalars(
        select(subscribers.c.sandbox)
        .join(orders, orders.c.subscriber_id == subscribers.c.id)
        .where(orders.c.id == order.number, orders.c.sandbox)
    ).one()
    # Locked, so that of two orders at once each spends its own fault.
    mine = select(sandbox_faults).where(sandbox_faults.c.partner_id == partner_id).with_for_update()
    faults = connection.execute(mine).one_or_none()
    body = msgspec.json.encode(order)
    known = _status(connection, order.number, now)
    if known is not None:
        before = connection.scalar(select(sandbox_orders.c.body).where(sandbox_orders.c.number == order.number))
        return _Taken(known, is_clash=before != body)
    is_refused = faults is not None and spend(connection, partner_id, "refuse_orders")
    is_lost = faults is not None and spend(connection, partner_id, "lose_answers")
    slow = timedelta(seconds=0 if faults is None else faults.slow_seconds)
    connection.execute(
        insert(sandbox_orders).values(
            number=order.number, partner_id=partner_id, body=body, outcome="refused" if is_refused else "completed",
            reason=faults.refusal_reason if faults is not None and is_refused else None, ready_at=now + slow,
        )
    )  # fmt: skip
    result = _status(connection, order.number, now)
    if result is None:
        raise LookupError(f"order {order.number} was not taken")
    return _Taken(result, is_lost)


def _status(connection: Connection, number: str, now: datetime) -> ProvisionResult | None:
    row = connection.execute(select(sandbox_orders).where(sandbox_orders.c.number == number)).one_or_none()
    if row is None:
        return None
    if now < row.ready_at:
        return ProvisionResult(number, "processing")
    return ProvisionResult(number, row.outcome, row.reason)
