"""Mending differences, each once however often it is asked for."""

from __future__ import annotations

from adapters.boss.protocol import Action, Boss, ProvisionOrder
from adapters.errors import UpstreamError
from gateway.capabilities.events import emit
from gateway.capabilities.orders import Fulfilment, OrderJob, OrderState, StoredOrder, get_any
from gateway.capabilities.reconciliation.differences import UNDO_SUFFIX, Repair
from gateway.capabilities.reconciliation.errors import NoteNeeded, NotMendable
from gateway.capabilities.reconciliation.schemas import Difference
from gateway.capability import Context
from gateway.store import Store
from gateway.store.outbox import owe

_ASKING = {OrderState.UNKNOWN: "orders.settle", OrderState.PROVISIONING: "orders.provision"}
"""Work that first asks the back end how far the order is, by the order's state."""


class Repairs:
    """Does what a difference's repair says. All of it may be done again: the back end knows the numbers."""

    def __init__(self, store: Store, boss: Boss, fulfilment: Fulfilment) -> None:
        self._store = store
        self._boss = boss
        self._fulfilment = fulfilment

    async def mend(self, difference: Difference, note: str, ctx: Context) -> None:
        """Mend it; what a person mends is but noted, and a partner is told of what it mends.

        Raises:
            NoteNeeded: a person must say what was done.
            NotMendable: the back end does not let it.
        """
        repair = Repair(difference.repair)
        if repair is Repair.HUMAN and not note.strip():
            raise NoteNeeded
        if repair is Repair.TELL_PARTNER:
            _tell_partner(difference, note, ctx)
        if repair in (Repair.HUMAN, Repair.TELL_PARTNER):
            return
        order = await self._store.read(get_any, difference.number)
        if order is None:
            raise NotMendable({"zh": "订单已不存在", "en": "the order is gone"})
        if repair is Repair.SETTLE:
            _settle(order, ctx)
            return
        done = await self._fulfilment.request(order)
        await self._send(done if repair is Repair.RESEND else _inverse(done))

    async def _send(self, order: ProvisionOrder) -> None:
        try:
            result = await self._boss.provision(order)
        except UpstreamError as error:
            raise NotMendable({"zh": f"后台未能完成：{error}", "en": f"the back end did not do it: {error}"}) from error
        if result.status == "refused":
            raise NotMendable({"zh": f"后台拒绝：{result.reason}", "en": f"the back end refused: {result.reason}"})


def _tell_partner(difference: Difference, note: str, ctx: Context) -> None:
    told = {
        "order": difference.number, "kind": difference.kind, "ours": difference.ours, "theirs": difference.theirs,
        "note": note,
    }  # fmt: skip
    # The event bears the difference's id: two who mend it at once tell of it once.
    emit(
        ctx.unit, "reconciliation.difference", told, id=difference.id, at=ctx.now, key=difference.id,
        partner_id=difference.partner, account=None,
    )  # fmt: skip


def _settle(order: StoredOrder, ctx: Context) -> None:
    kind = _ASKING.get(order.state)
    if kind is not None:  # else it has been settled meanwhile
        owe(ctx.unit, kind, OrderJob(order.id), id=ctx.ids(), now=ctx.now, trace_id=ctx.trace_id)


def _inverse(done: ProvisionOrder) -> ProvisionOrder:
    action: Action = "subscribe" if done.action == "unsubscribe" else "unsubscribe"
    return ProvisionOrder(done.number + UNDO_SUFFIX, done.subscriber_ref, done.phone, done.offer_code, action, "now", 0)
