"""Bindings as rows: starting and ending them, with the events that tell of it, and finding the live ones."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from sqlalchemy import Connection, select

from auth.principal import partner_of
from gateway.capabilities.bindings.tables import bindings
from gateway.capabilities.events import emit
from gateway.capability import Context


def start(ctx: Context, account: str, subscriber_id: int, how: str) -> str:
    """Bind an account; whoever binds the same one at the same time clashes. The binding's id."""
    binding_id = ctx.ids()
    ctx.unit.insert(
        bindings,
        id=binding_id, account=account, subscriber_id=subscriber_id, how=how, bound_at=ctx.now, ended_at=None,
        ended_because=None,
    )  # fmt: skip
    _tell(ctx, "binding.created", account, subscriber_id, {"binding": binding_id})
    ctx.audit_detail["binding"] = binding_id
    return binding_id


def end(ctx: Context, binding_id: str, account: str, subscriber_id: int, reason: str) -> None:
    """End a binding."""
    ctx.unit.update(bindings, {"id": binding_id}, ended_at=ctx.now, ended_because=reason)
    _tell(ctx, "binding.ended", account, subscriber_id, {"binding": binding_id, "reason": reason})


def _tell(ctx: Context, type: str, account: str, subscriber_id: int, body: Mapping[str, str]) -> None:
    emit(
        ctx.unit, type, body, id=ctx.ids(), at=ctx.now, key=account, partner_id=partner_of(account), account=account,
        subscriber_id=subscriber_id,
    )  # fmt: skip


def live_of_account(connection: Connection, account: str) -> tuple[str, int] | None:
    """(binding id, subscriber id) of the account now, or None."""
    live = select(bindings.c.id, bindings.c.subscriber_id).where(
        bindings.c.account == account, bindings.c.ended_at.is_(None)
    )
    row = connection.execute(live).one_or_none()
    return None if row is None else (row.id, row.subscriber_id)


def live_of_subscriber(connection: Connection, subscriber_id: int) -> list[tuple[str, str, str, datetime]]:
    """(id, account, how, since when) of each live binding, oldest first."""
    columns = (bindings.c.id, bindings.c.account, bindings.c.how, bindings.c.bound_at)
    live = select(*columns).where(bindings.c.subscriber_id == subscriber_id, bindings.c.ended_at.is_(None))
    return [tuple(row) for row in connection.execute(live.order_by(bindings.c.bound_at))]
