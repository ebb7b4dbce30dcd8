"""How many calls a partner made, by hour, capability and outcome: counted when the audit log is sealed.

A row is counted in the transaction that seals it, so that each call counts once, and no call pays for it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from sqlalchemy import Column, Connection, Integer, Row, String, Table, delete, func, select
from sqlalchemy.dialects import postgresql, sqlite

from gateway.store import Instant, metadata

partner_usage = Table(
    "partner_usage",
    metadata,
    Column("partner_id", String(60), primary_key=True),
    Column("hour", Instant, primary_key=True),
    Column("capability", String(80), primary_key=True),
    Column("outcome", String(60), primary_key=True),
    Column("calls", Integer, nullable=False),
)

_PREFIX = "partner:"

KEPT_FOR = timedelta(days=100)
"""How long the figures are kept."""


def count_calls(connection: Connection, audited: Iterable[Row[Any]]) -> None:
    """Add audit rows to the figures of the partners who made the calls."""
    counted = Counter(
        (row.principal.removeprefix(_PREFIX), _hour(row.at), row.capability, row.outcome)
        for row in audited
        if row.principal.startswith(_PREFIX)
    )
    if not counted:
        return
    insert: Any = postgresql.insert if connection.dialect.name == "postgresql" else sqlite.insert
    row = insert(partner_usage)
    keys = [column.name for column in partner_usage.primary_key]
    adding = row.on_conflict_do_update(index_elements=keys, set_={"calls": partner_usage.c.calls + row.excluded.calls})
    # In one order, so that two who count at once cannot wait for each other.
    rows = [dict(zip(keys, key, strict=True)) | {"calls": calls} for key, calls in sorted(counted.items())]
    connection.execute(adding, rows)


class Hour(NamedTuple):
    """Calls of one hour."""

    at: datetime
    calls: int
    refused: int


class Outcome(NamedTuple):
    """Calls of one capability that ended in one way."""

    capability: str
    outcome: str
    calls: int


def hours(connection: Connection, partner_id: str, since: datetime) -> list[Hour]:
    """The hours with calls, oldest first."""
    refused = func.sum(partner_usage.c.calls).filter(partner_usage.c.outcome != "ok")
    query = (
        select(partner_usage.c.hour, func.sum(partner_usage.c.calls), func.coalesce(refused, 0))
        .where(partner_usage.c.partner_id == partner_id, partner_usage.c.hour >= since)
        .group_by(partner_usage.c.hour)
        .order_by(partner_usage.c.hour)
    )
    return [Hour(at, int(calls), int(wrong)) for at, calls, wrong in connection.execute(query)]


def outcomes(connection: Connection, partner_id: str, since: datetime, limit: int) -> list[Outcome]:
    """Calls by capability and outcome, the most frequent first."""
    calls = func.sum(partner_usage.c.calls)
    query = (
        select(partner_usage.c.capability, partner_usage.c.outcome, calls)
        .where(partner_usage.c.partner_id == partner_id, partner_usage.c.hour >= since)
        .group_by(partner_usage.c.capability, partner_usage.c.outcome)
        .order_by(calls.desc(), partner_usage.c.capability, partner_usage.c.outcome)
        .limit(limit)
    )
    return [Outcome(capability, outcome, int(number)) for capability, outcome, number in connection.execute(query)]


def delete_old(connection: Connection, before: datetime) -> int:
    """Drop figures of hours before a moment; how many rows."""
    return connection.execute(delete(partner_usage).where(partner_usage.c.hour < before)).rowcount


def _hour(at: datetime) -> datetime:
    return at.replace(minute=0, second=0, microsecond=0)
