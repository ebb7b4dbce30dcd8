"""What a partner's orders of a month came to."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

from sqlalchemy import Connection, func, select

from gateway.capabilities.orders import orders


class Sold(NamedTuple):
    """Completed orders of one offer and action."""

    offer: str
    action: str
    orders: int
    amount_fen: int


def completed(connection: Connection, partner_id: str, begins: datetime, ends: datetime) -> list[Sold]:
    """Orders placed by the partner from `begins` to before `ends` that were completed, by offer and action."""
    query = (
        select(orders.c.offer_code, orders.c.action, func.count(), func.sum(orders.c.price_fen))
        .where(orders.c.partner_id == partner_id, orders.c.state == "completed")
        .where(orders.c.created_at >= begins, orders.c.created_at < ends)
        .group_by(orders.c.offer_code, orders.c.action)
        .order_by(orders.c.offer_code, orders.c.action)
    )
    return [Sold(offer, action, int(number), int(fen)) for offer, action, number, fen in connection.execute(query)]


def by_state(connection: Connection, partner_id: str, begins: datetime, ends: datetime) -> dict[str, int]:
    """How many orders placed in that time are in which state now."""
    query = (
        select(orders.c.state, func.count())
        .where(orders.c.partner_id == partner_id, orders.c.created_at >= begins, orders.c.created_at < ends)
        .group_by(orders.c.state)
    )
    return {state: int(number) for state, number in connection.execute(query)}
