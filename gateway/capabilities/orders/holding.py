"""What subscribers hold, as it changes: the rows of `subscriptions`, and the events that tell of them."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

import msgspec
from sqlalchemy import Connection, select

from auth.policy import covers
from auth.principal import partner_of, signed_in
from gateway.capabilities.bindings import bindings
from gateway.capabilities.events import emit
from gateway.capabilities.orders.repository import Held
from gateway.capabilities.orders.tables import subscriptions
from gateway.capabilities.partners import partners
from gateway.kit.clock import Clock
from gateway.store import Store, Unit

_SCOPE = "subscriptions:read"
_STARTED, _CHANGED, _ENDED = "subscription.started", "subscription.changed", "subscription.ended"


class Holdings:
    """Records on a unit that a subscription starts, changes or ends, and tells those who may read what the holder has."""

    def __init__(self, store: Store, clock: Clock, ids: Callable[[], str]) -> None:
        self._store = store
        self._clock = clock
        self._ids = ids

    async def start(
        self, unit: Unit, holder: int, offer_code: str, order_id: str, trial_ends_at: datetime | None
    ) -> None:
        """Let the holder have the offer from now on. `trial_ends_at`: when it ends by itself; None: it is no trial."""
        held = Held(self._ids(), offer_code, self._clock(), trial_ends_at)
        unit.insert(
            subscriptions,
            id=held.id, subscriber_id=holder, offer_code=offer_code, order_id=order_id, started_at=held.started_at,
            ended_at=None, trial_ends_at=trial_ends_at,
        )  # fmt: skip
        await self._tell(unit, _STARTED, holder, held)

    async def keep(self, unit: Unit, holder: int, held: Held) -> None:
        """Let what is held go on without an end: a trial is one no more."""
        if held.trial_ends_at is not None:
            unit.update(subscriptions, {"id": held.id}, trial_ends_at=None)
            await self._tell(unit, _CHANGED, holder, held._replace(trial_ends_at=None))

    async def end(self, unit: Unit, holder: int, held: Held) -> None:
        """End a subscription now."""
        unit.update(subscriptions, {"id": held.id}, ended_at=self._clock())
        await self._tell(unit, _ENDED, holder, held)

    async def _tell(self, unit: Unit, type: str, holder: int, held: Held) -> None:
        now = self._clock()
        body = {
            "subscription": held.id,
            "offer": held.offer_code,
            "started_at": held.started_at,
            "trial_ends_at": held.trial_ends_at,
            "ended_at": now if type == _ENDED else None,
        }
        for account in await self._store.read(_readers, holder):
            emit(
                unit, type, body, id=self._ids(), at=now, key=held.id, partner_id=partner_of(account), account=account,
                subscriber_id=holder,
            )  # fmt: skip


def _readers(connection: Connection, subscriber_id: int) -> list[str]:
    """The accounts bound to the subscriber through which somebody may read what they hold.

    Of a partner's users those whose partner has the scope; whoever signed in with the operator granted scopes of their own.
    """
    bound = select(bindings.c.account).where(
        bindings.c.subscriber_id == subscriber_id, bindings.c.ended_at.is_(None), bindings.c.suspended_at.is_(None)
    )
    accounts = list(connection.scalars(bound.order_by(bindings.c.bound_at, bindings.c.id)))
    owners = {partner for account in accounts if (partner := partner_of(account)) is not None}
    rows = (
        connection.execute(select(partners.c.id, partners.c.scopes).where(partners.c.id.in_(owners))) if owners else ()
    )
    allowed = {row.id for row in rows if covers(frozenset(msgspec.json.decode(row.scopes, type=list[str])), _SCOPE)}
    return [one for one in accounts if partner_of(one) is None or (partner_of(one) in allowed and not signed_in(one))]
