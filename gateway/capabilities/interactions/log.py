"""Writing the interaction log, and recalling what was shown."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Literal, NamedTuple

import msgspec
from sqlalchemy import Connection, select

from auth.principal import Subject
from gateway.capabilities.events import emit
from gateway.capabilities.interactions.tables import interactions
from gateway.capability import Context
from gateway.store import row_of

Kind = Literal["shown", "clicked", "declined", "ordered", "completed"]

_ROW = row_of(
    interactions, ("id", "at", "kind", "subscriber_id", "account", "channel", "place", "impression", "offers")
)
_encode = msgspec.json.Encoder().encode

DECLINED_FOR = timedelta(days=90)
"""How long a declined offer is not shown again."""


def record(
    ctx: Context, kind: Kind, offers: Sequence[str], *, place: str = "", impression: str | None = None,
    id: str | None = None,
) -> None:  # fmt: skip
    """Note with the call's own transaction that the subject saw, clicked, declined or ordered `offers` (codes)."""
    subject, interaction_id = ctx.subject, id or ctx.ids()
    who = (None, ctx.principal.account) if subject is None else (subject.id, subject.identity.account)
    noted = (interaction_id, ctx.now, kind, *who, ctx.channel, place, impression, _encode(offers).decode())
    ctx.unit.insert_row(_ROW, noted)
    _tell(ctx, kind, offers, place=place, impression=impression or interaction_id)


def _tell(ctx: Context, kind: Kind, offers: Sequence[str], *, place: str, impression: str) -> None:
    """Let the partner whose page it was, and the session, know. Of orders their own events tell."""
    if kind not in ("shown", "clicked", "declined") or (kind == "shown" and ctx.principal.kind == "partner"):
        return  # a partner's server knows what it has just fetched
    emit(
        ctx.unit, f"interaction.{kind}", {"offers": offers, "place": place, "impression": impression},
        id=ctx.ids(), at=ctx.now, key=ctx.account or impression, partner_id=ctx.principal.partner_id,
        account=ctx.account, subscriber_id=None if ctx.subject is None else ctx.subject.id,
    )  # fmt: skip


class Recalled(NamedTuple):
    """Offers that were shown at one time."""

    id: str
    at: datetime
    place: str
    offers: list[str]


def recall(
    connection: Connection, subject: Subject, before: str | None, limit: int, id: str | None = None
) -> list[Recalled]:
    """Up to `limit` showings to the subject through its account, newest first, from the one before `before`; or just `id`."""
    table = interactions.c
    query = select(table.id, table.at, table.place, table.offers).where(
        table.subscriber_id == subject.subscriber_id, table.kind == "shown", table.account == subject.account
    )
    if before is not None:
        query = query.where(table.id < before)
    if id is not None:
        query = query.where(table.id == id)
    rows = connection.execute(query.order_by(table.id.desc()).limit(limit))
    return [Recalled(row.id, row.at, row.place, msgspec.json.decode(row.offers, type=list[str])) for row in rows]
