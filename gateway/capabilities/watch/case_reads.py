"""Every query on cases and on what they rest on. Nothing here writes."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, Select, and_, func, select

from gateway.capabilities.orders import REFUSED, order_transitions, orders
from gateway.capabilities.subscribers import subscribers
from gateway.capabilities.watch.case_records import StoredCase
from gateway.capabilities.watch.ordering import NumberOrder
from gateway.capabilities.watch.tables import complaints, is_unclosed, watch_case_steps, watch_cases, watch_evidence

_OFFSET = ("offsetting", "closed")


def get(connection: Connection, case_id: str) -> StoredCase | None:
    """One case."""
    row = connection.execute(select(watch_cases).where(watch_cases.c.id == case_id)).one_or_none()
    return None if row is None else StoredCase(*row)


def newest_on(connection: Connection, topics: Collection[str]) -> dict[str, StoredCase]:
    """The newest case on each topic, closed or not."""
    newest = select(func.max(watch_cases.c.id)).where(watch_cases.c.topic.in_(topics)).group_by(watch_cases.c.topic)
    rows = connection.execute(select(watch_cases).where(watch_cases.c.id.in_(newest)))
    return {case.topic: case for case in (StoredCase(*row) for row in rows)}


def list_cases(
    connection: Connection, state: str | None, partner_id: str | None, phone_hash: bytes | None, after: str, limit: int
) -> list[StoredCase]:
    """Cases in the order in which they were opened."""
    found = select(watch_cases).where(watch_cases.c.id > after)
    for column, value in (("state", state), ("partner_id", partner_id), ("phone_hash", phone_hash)):
        if value is not None:
            found = found.where(watch_cases.c[column] == value)
    return _page(connection, found, limit)


def list_own(connection: Connection, partner_id: str, after: str, limit: int) -> list[StoredCase]:
    """The cases about a partner that are not closed, in the order in which they were opened."""
    own = select(watch_cases).where(watch_cases.c.partner_id == partner_id, watch_cases.c.id > after, is_unclosed)
    return _page(connection, own, limit)


def _page(connection: Connection, found: Select[Any], limit: int) -> list[StoredCase]:
    return [StoredCase(*row) for row in connection.execute(found.order_by(watch_cases.c.id).limit(limit))]


def steps(connection: Connection, case_id: str) -> list[Row[Any]]:
    """The steps of a case, oldest first: four at most."""
    found = select(watch_case_steps).where(watch_case_steps.c.case_id == case_id)
    return [*connection.execute(found.order_by(watch_case_steps.c.seq))]


def evidence(connection: Connection, case_id: str, begin: int, limit: int) -> list[Row[Any]]:
    """Up to `limit` pieces of evidence from piece `begin` on."""
    found = select(watch_evidence).where(watch_evidence.c.case_id == case_id, watch_evidence.c.seq >= begin)
    return [*connection.execute(found.order_by(watch_evidence.c.seq).limit(limit))]


def offsets(connection: Connection, partner_id: str, month: str, limit: int) -> tuple[int, list[tuple[str, int]]]:
    """(fen in all, (case, fen) of up to `limit` cases) set off against the partner's settlement of a month."""
    of_month = (
        watch_cases.c.partner_id == partner_id, watch_cases.c.month == month, watch_cases.c.state.in_(_OFFSET),
    )  # fmt: skip
    total = connection.scalar(select(func.coalesce(func.sum(watch_cases.c.owed_fen), 0)).where(*of_month))
    listed = select(watch_cases.c.id, watch_cases.c.owed_fen).where(*of_month).order_by(watch_cases.c.id).limit(limit)
    return int(total or 0), [(row.id, row.owed_fen) for row in connection.execute(listed)]


def known_orders(connection: Connection, order_ids: Collection[str]) -> set[str]:
    """Those of the orders that there are."""
    return {*connection.scalars(select(orders.c.id).where(orders.c.id.in_(order_ids)))}


def known_complaints(connection: Connection, complaint_ids: Collection[str]) -> set[str]:
    """Those of the complaints that there are."""
    return {*connection.scalars(select(complaints.c.id).where(complaints.c.id.in_(complaint_ids)))}


def bad_orders(connection: Connection, partner_id: str, since: datetime, limit: int) -> list[str]:
    """The partner's newest orders that came to nothing."""
    found: list[tuple[datetime, str]] = []
    for state in ("failed", "expired", "cancelled"):  # one walk along the index for each
        of_state = select(orders.c.created_at, orders.c.id).where(
            orders.c.partner_id == partner_id, orders.c.state == state, orders.c.created_at >= since
        )
        newest = of_state.order_by(orders.c.created_at.desc(), orders.c.id.desc()).limit(limit)
        found += [(row.created_at, row.id) for row in connection.execute(newest)]
    return [order_id for _, order_id in sorted(found, reverse=True)[:limit]]


def newest_complaints(connection: Connection, partner_id: str, since: datetime, limit: int) -> list[str]:
    """The newest complaints about the partner."""
    about = select(complaints.c.id).where(complaints.c.partner_id == partner_id, complaints.c.at >= since)
    return [*connection.scalars(about.order_by(complaints.c.id.desc()).limit(limit))]


def refused_with(connection: Connection, order_ids: Collection[str], reasons: Collection[str]) -> set[str]:
    """Those of the orders that the back end refused with one of the reasons."""
    return {
        *connection.scalars(
            select(order_transitions.c.order_id).where(order_transitions.c.order_id.in_(order_ids), _refused(reasons))
        )
    }


def _refused(reasons: Collection[str]) -> Any:
    words = [REFUSED + reason for reason in reasons]
    return and_(order_transitions.c.to_state == "failed", order_transitions.c.reason.in_(words))


def pushed_alike(
    connection: Connection, order_ids: Collection[str], since: datetime, reasons: Collection[str]
) -> dict[int, list[NumberOrder]]:
    """Subscriber → what partners ordered for it since then, of the subscribers whom these orders are for."""
    concerned = select(orders.c.subscriber_id).where(orders.c.id.in_(order_ids))
    refusal = and_(order_transitions.c.order_id == orders.c.id, _refused(reasons))
    rows = connection.execute(
        select(
            orders.c.subscriber_id, orders.c.id, orders.c.partner_id, orders.c.created_at, orders.c.updated_at,
            orders.c.state, order_transitions.c.order_id,
        )
        .outerjoin(order_transitions, refusal)
        .where(orders.c.subscriber_id.in_(concerned), orders.c.partner_id.is_not(None), orders.c.created_at >= since)
    )  # fmt: skip
    found: dict[int, list[NumberOrder]] = {}
    for row in rows:
        found.setdefault(row[0], []).append(NumberOrder(*row[1:6], row[6] is not None))
    return found


def phone_hashes(connection: Connection, subscriber_ids: Collection[int]) -> dict[int, bytes]:
    """Subscriber → keyed hash of its number, of those with a number."""
    columns = select(subscribers.c.id, subscribers.c.phone_hash)
    rows = connection.execute(
        columns.where(subscribers.c.id.in_(subscriber_ids), subscribers.c.phone_hash.is_not(None))
    )
    return {row.id: row.phone_hash for row in rows}


def numbers_ordered_for(connection: Connection, partner_id: str, begin: datetime, end: datetime) -> int:
    """For how many subscribers the partner placed orders in that time."""
    placed = (orders.c.partner_id == partner_id, orders.c.created_at >= begin, orders.c.created_at < end)
    return connection.scalar(select(func.count(orders.c.subscriber_id.distinct())).where(*placed)) or 0


def newest_orders(connection: Connection, partner_id: str, begin: datetime, end: datetime, limit: int) -> Sequence[str]:
    """Up to `limit` orders the partner placed in that time, newest first."""
    placed = (orders.c.partner_id == partner_id, orders.c.created_at >= begin, orders.c.created_at < end)
    found = select(orders.c.id).where(*placed).order_by(orders.c.created_at.desc(), orders.c.id.desc()).limit(limit)
    return [*connection.scalars(found)]
