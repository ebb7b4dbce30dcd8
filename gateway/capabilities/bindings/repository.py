"""Bindings as rows: starting and ending them, with the events that tell of it, and finding the live ones."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import Connection, select

from auth.principal import partner_of
from gateway.capabilities.bindings.tables import bindings
from gateway.capabilities.events import emit
from gateway.capability import Context
from gateway.store import Unit


def start(ctx: Context, account: str, subscriber_id: int, how: str) -> str:
    """Bind an account; whoever binds the same one at the same time clashes. The binding's id."""
    binding_id = ctx.ids()
    ctx.unit.insert(
        bindings,
        id=binding_id, account=account, subscriber_id=subscriber_id, how=how, bound_at=ctx.now, ended_at=None,
        ended_because=None,
    )  # fmt: skip
    _tell(ctx.unit, "binding.created", account, subscriber_id, {"binding": binding_id}, ctx.now, ctx.ids)
    ctx.audit_detail["binding"] = binding_id
    return binding_id


def end(ctx: Context, binding_id: str, account: str, subscriber_id: int, reason: str) -> None:
    """End a binding."""
    end_bound(ctx.unit, binding_id, account, subscriber_id, reason, now=ctx.now, ids=ctx.ids)


def end_bound(
    unit: Unit, binding_id: str, account: str, subscriber_id: int, reason: str, *, now: datetime, ids: Callable[[], str]
) -> None:
    """End a binding, for the platform's own work."""
    unit.update(bindings, {"id": binding_id}, ended_at=now, ended_because=reason)
    _tell(unit, "binding.ended", account, subscriber_id, {"binding": binding_id, "reason": reason}, now, ids)


def suspend_bound(
    unit: Unit, binding_id: str, account: str, subscriber_id: int, reason: str, *, now: datetime, ids: Callable[[], str]
) -> None:
    """Let nothing be done by a binding until the number is proved again; what was given out under it stays worthless."""
    unit.update(bindings, {"id": binding_id}, suspended_at=now)
    _tell(unit, "binding.suspended", account, subscriber_id, {"binding": binding_id, "reason": reason}, now, ids)


def _tell(
    unit: Unit, type: str, account: str, subscriber_id: int, body: Mapping[str, str], now: datetime,
    ids: Callable[[], str],
) -> None:  # fmt: skip
    emit(
        unit, type, body, id=ids(), at=now, key=account, partner_id=partner_of(account), account=account,
        subscriber_id=subscriber_id,
    )  # fmt: skip


class LiveBinding(NamedTuple):
    """The binding of an account now."""

    id: str
    subscriber_id: int
    suspended: bool


def live_of_account(connection: Connection, account: str) -> LiveBinding | None:
    """The binding of the account now, or None."""
    live = select(bindings.c.id, bindings.c.subscriber_id, bindings.c.suspended_at).where(
        bindings.c.account == account, bindings.c.ended_at.is_(None)
    )
    row = connection.execute(live).one_or_none()
    return None if row is None else LiveBinding(row.id, row.subscriber_id, row.suspended_at is not None)


def hold(ctx: Context, live: LiveBinding | None, account: str, subscriber_id: int, how: str) -> str:
    """The id of the account's binding to a subscriber that was just proved: the live one if it is that, or a new one."""
    if live is not None and live.subscriber_id == subscriber_id and not live.suspended:
        return live.id
    if live is not None:
        end(ctx, live.id, account, live.subscriber_id, "verified anew" if live.suspended else "bound anew")
    return start(ctx, account, subscriber_id, how)


def withdrawn(connection: Connection, ids: Collection[str], accounts: Collection[str]) -> dict[str, datetime]:
    """Since when nothing can be done by bindings: of `ids` those suspended or ended, of `accounts` those suspended now."""
    of_ids = select(bindings.c.id, bindings.c.suspended_at, bindings.c.ended_at).where(bindings.c.id.in_(ids))
    gone = {row.id: row.suspended_at or row.ended_at for row in connection.execute(of_ids)}
    of_accounts = select(bindings.c.account, bindings.c.suspended_at).where(
        bindings.c.account.in_(accounts), bindings.c.ended_at.is_(None)
    )
    gone |= {row.account: row.suspended_at for row in connection.execute(of_accounts)}
    return {of: since for of, since in gone.items() if since is not None}


def live_of_subscriber(connection: Connection, subscriber_id: int) -> list[tuple[str, str, str, datetime]]:
    """(id, account, how, since when) of each live binding, oldest first."""
    columns = (bindings.c.id, bindings.c.account, bindings.c.how, bindings.c.bound_at)
    live = select(*columns).where(bindings.c.subscriber_id == subscriber_id, bindings.c.ended_at.is_(None))
    return [tuple(row) for row in connection.execute(live.order_by(bindings.c.bound_at))]
