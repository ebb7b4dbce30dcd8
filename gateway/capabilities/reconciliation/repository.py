"""Every query of reconciliation."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, func, select

from gateway.capabilities.orders import OrderState, orders
from gateway.capabilities.reconciliation.differences import Ours
from gateway.capabilities.reconciliation.schemas import Difference, Reconciliation
from gateway.capabilities.reconciliation.tables import differences, reconciliations
from gateway.capabilities.subscribers import subscribers
from gateway.store.keys import among, packed

_OURS = select(
    orders.c.id, orders.c.state, subscribers.c.ref, orders.c.offer_code, orders.c.action, orders.c.price_fen,
    orders.c.partner_id,
).join(subscribers, subscribers.c.id == orders.c.subscriber_id).where(~orders.c.sandbox)  # fmt: skip
_NAMED = _OURS.where(among(orders.c.id, "numbers"))


def list_ours(connection: Connection, begin: str, end: str, limit: int) -> list[tuple[str, Ours]]:
    """Up to `limit` orders with ids past `begin` and before `end`, by id."""
    page = _OURS.where(orders.c.id > begin, orders.c.id < end).order_by(orders.c.id).limit(limit)
    return [_ours(row) for row in connection.execute(page)]


def get_ours(connection: Connection, numbers: Sequence[str]) -> dict[str, Ours]:
    """Those of the orders that exist."""
    return dict(_ours(row) for row in connection.execute(_NAMED, {"numbers": packed(numbers)}))


def list_repaired(connection: Connection, numbers: Sequence[str]) -> set[tuple[str, str, str, str]]:
    """(number, kind, ours, theirs) of differences that were mended before and so are none any more."""
    table = differences
    rows = select(table.c.number, table.c.kind, table.c.ours, table.c.theirs).where(
        among(table.c.number, "numbers"), table.c.state == "repaired"
    )
    return {(row[0], row[1], row[2], row[3]) for row in connection.execute(rows, {"numbers": packed(numbers)})}


def get_reconciliation(connection: Connection, id: str) -> Reconciliation | None:
    """One reconciliation."""
    row = connection.execute(select(reconciliations).where(reconciliations.c.id == id)).one_or_none()
    return None if row is None else _reconciliation(row)


def list_reconciliations(
    connection: Connection, day: str | None, partner_id: str | None, cursor: str | None, limit: int
) -> list[Reconciliation]:
    """Up to `limit` reconciliations, newest first; with `partner_id`, those of its own files."""
    query = select(reconciliations).order_by(reconciliations.c.id.desc()).limit(limit)
    if day is not None:
        query = query.where(reconciliations.c.day == day)
    if partner_id is not None:
        query = query.where(reconciliations.c.partner_id == partner_id)
    if cursor is not None:
        query = query.where(reconciliations.c.id < cursor)
    return [_reconciliation(row) for row in connection.execute(query)]


def get_difference(connection: Connection, id: str) -> Difference | None:
    """One difference."""
    row = connection.execute(select(differences).where(differences.c.id == id)).one_or_none()
    return None if row is None else _difference(row)


def list_differences(
    connection: Connection, id: str, partner_id: str | None, state: str | None, cursor: str | None, limit: int
) -> list[Difference]:
    """Up to `limit` differences of a reconciliation by id, from the one after `cursor`; of one partner or all."""
    query = select(differences).where(differences.c.reconciliation_id == id)
    if partner_id is not None:
        query = query.where(differences.c.partner_id == partner_id)
    if state is not None:
        query = query.where(differences.c.state == state)
    if cursor is not None:
        query = query.where(differences.c.id > cursor)
    return [_difference(row) for row in connection.execute(query.order_by(differences.c.id).limit(limit))]


def is_done(connection: Connection, day: str) -> bool:
    """Whether the platform has compared that day by itself, or is at it."""
    own = select(func.count()).where(
        reconciliations.c.day == day, reconciliations.c.partner_id.is_(None), reconciliations.c.state != "failed"
    )
    return bool(connection.scalar(own))


def _ours(row: Any) -> tuple[str, Ours]:
    return row.id, Ours(OrderState(row.state), row.ref, row.offer_code, row.action, row.price_fen, row.partner_id)


def _reconciliation(row: Any) -> Reconciliation:
    return Reconciliation(
        row.id,
        row.day,
        row.partner_id,
        row.state,
        row.compared,
        row.found,
        row.started_at,
        row.finished_at,
        row.problem,
    )


def _difference(row: Any) -> Difference:
    return Difference(
        row.id, row.number, row.kind, row.repair, row.ours, row.theirs, row.state, row.partner_id, row.repaired_by,
        row.repaired_at, row.note,
    )  # fmt: skip
