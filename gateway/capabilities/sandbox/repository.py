"""Every query of the sandbox, besides those of its back end."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Literal

from sqlalchemy import Connection, delete, func, insert, select, update

from gateway.capabilities.bindings import bindings
from gateway.capabilities.sandbox.schemas import Faults, SandboxMessage
from gateway.capabilities.sandbox.tables import sandbox_faults, sandbox_messages, sandbox_orders
from gateway.capabilities.subscribers import subscribers

MESSAGES_KEPT_FOR = timedelta(days=7)
"""How long messages to sandbox users are kept."""
ORDERS_KEPT_FOR = timedelta(days=30)
"""How long the sandbox's back end knows an order: longer than anybody goes on asking about one."""


def count_users(connection: Connection, partner_id: str) -> tuple[int, int]:
    """(users in the partner's sandbox, lowest id of any subscriber that was made up, 0 before the first)."""
    mine = connection.scalar(select(func.count()).where(subscribers.c.sandbox == partner_id)) or 0
    lowest = connection.scalar(select(func.min(subscribers.c.id)).where(subscribers.c.id < 0)) or 0
    return mine, lowest


def get_faults(connection: Connection, partner_id: str) -> Faults:
    """The faults switched on, with the counts that are left."""
    columns = [sandbox_faults.c[name] for name in Faults.__struct_fields__]
    row = connection.execute(select(*columns).where(sandbox_faults.c.partner_id == partner_id)).one_or_none()
    return Faults() if row is None else Faults(**row._asdict())


def spend(
    connection: Connection, partner_id: str, fault: Literal["refuse_orders", "lose_answers", "reorder_deliveries"]
) -> bool:
    """Use one of the fault's count up; whether there was one."""
    left = sandbox_faults.c[fault]
    one = update(sandbox_faults).where(sandbox_faults.c.partner_id == partner_id, left > 0).values({fault: left - 1})
    return connection.execute(one).rowcount == 1


def keep_message(connection: Connection, subscriber_id: int, text: str, message_id: str, now: datetime) -> None:
    """Keep a message to a sandbox user; the same id again keeps nothing more."""
    if connection.scalar(select(sandbox_messages.c.id).where(sandbox_messages.c.id == message_id)) is not None:
        return
    whose = select(subscribers.c.sandbox).where(subscribers.c.id == subscriber_id)
    made_for = select(bindings.c.account).where(bindings.c.subscriber_id == subscriber_id, bindings.c.how == "sandbox")
    account = connection.scalars(made_for.order_by(bindings.c.bound_at).limit(1)).one()
    connection.execute(
        insert(sandbox_messages).values(
            id=message_id, partner_id=connection.scalars(whose).one(), subscriber_id=subscriber_id,
            user=account.split(":", 2)[2], text=text, at=now,
        )
    )  # fmt: skip


def id_by_phone(connection: Connection, phone_hash: bytes) -> int:
    """The sandbox user of that number."""
    number: int = connection.scalars(select(subscribers.c.id).where(subscribers.c.phone_hash == phone_hash)).one()
    return number


def list_messages(
    connection: Connection, partner_id: str, user: str | None, cursor: str | None, limit: int
) -> list[SandboxMessage]:
    """Up to `limit` messages, newest first, from the one before `cursor`."""
    table = sandbox_messages.c
    query = select(table.id, table.user, table.text, table.at).where(table.partner_id == partner_id)
    if user is not None:
        query = query.where(table.user == user)
    if cursor is not None:
        query = query.where(table.id < cursor)
    return [SandboxMessage(*row) for row in connection.execute(query.order_by(table.id.desc()).limit(limit))]


def delete_old(connection: Connection, now: datetime, limit: int) -> None:
    """Drop up to `limit` messages and as many orders of the back end that are past their time."""
    for key, at, kept_for in (
        (sandbox_messages.c.id, sandbox_messages.c.at, MESSAGES_KEPT_FOR),
        (sandbox_orders.c.number, sandbox_orders.c.ready_at, ORDERS_KEPT_FOR),
    ):
        old = select(key).where(at < now - kept_for).limit(limit)
        connection.execute(delete(key.table).where(key.in_(old)))
