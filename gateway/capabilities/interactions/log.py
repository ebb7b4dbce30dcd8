"""Writing the interaction log."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Literal

import msgspec

from gateway.capabilities.events import emit
from gateway.capabilities.interactions.tables import interactions
from gateway.capability import Context

Kind = Literal["shown", "clicked", "declined", "ordered", "completed"]

DECLINED_FOR = timedelta(days=90)
"""How long a declined offer is not shown again."""


def record(
    ctx: Context, kind: Kind, offers: Sequence[str], *, place: str = "", impression: str | None = None,
    id: str | None = None,
) -> None:  # fmt: skip
    """Note with the call's own transaction that the subject saw, clicked, declined or ordered `offers` (codes)."""
    subject, interaction_id = ctx.subject, id or ctx.ids()
    ctx.unit.insert(
        interactions,
        id=interaction_id,
        at=ctx.now,
        kind=kind,
        subscriber_id=None if subject is None else subject.id,
        account=ctx.principal.account if subject is None else subject.identity.account,
        channel=ctx.channel,
        place=place,
        impression=impression,
        offers=msgspec.json.encode(offers).decode(),
    )
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
