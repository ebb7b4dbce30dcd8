"""Changing a partner's standing: the one place that does, with its reason and evidence, and tells the partner."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

import msgspec

from gateway.capabilities.events import emit
from gateway.capabilities.partners import partners
from gateway.capabilities.watch.rates import Counts, Standing
from gateway.capabilities.watch.tables import partner_standings
from gateway.store import Unit


def change_standing(
    unit: Unit, partner_id: str, seq: int, standing: Standing, *,
    reason: str, evidence: Counts, actor: str, now: datetime, ids: Callable[[], str],
) -> None:  # fmt: skip
    """Record change `seq` of the partner's standing. Two who take the same step at once clash."""
    unit.insert(
        partner_standings,
        partner_id=partner_id, seq=seq, standing=standing.value, reason=reason,
        evidence=msgspec.json.encode(evidence).decode(), actor=actor, at=now,
    )  # fmt: skip
    unit.update(partners, {"id": partner_id}, standing=standing.value)
    emit(
        unit, f"partner.{standing.value}", {"standing": standing.value, "reason": reason}, id=ids(), at=now,
        key=f"partner:{partner_id}", step=seq, partner_id=partner_id, account=None,
    )  # fmt: skip
