"""Writing the interaction log."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Literal

import msgspec

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
    subject = ctx.subject
    ctx.unit.insert(
        interactions,
        id=id or ctx.ids(),
        at=ctx.now,
        kind=kind,
        subscriber_id=None if subject is None else subject.id,
        account=ctx.principal.account if subject is None else subject.identity.account,
        channel=ctx.channel,
        place=place,
        impression=impression,
        offers=msgspec.json.encode(offers).decode(),
    )
