"""Taking an order down: decided on facts that were read before, so that one request and a whole file decide alike."""

from __future__ import annotations

from datetime import timedelta
from functools import lru_cache

import msgspec

from gateway.capabilities.interactions import record
from gateway.capabilities.offers import Offer
from gateway.capabilities.orders.actions import (
    GIFT_REFUSABLE_FOR,
    Found,
    Recipient,
    after_yes,
    offer_of,
    price_of,
    refuse_impossible,
    refuse_wrong_form,
    waits_for_yes,
)
from gateway.capabilities.orders.errors import NumberOnHold, OrderAlreadyOpen, OrderingStopped, PartnerRefTaken
from gateway.capabilities.orders.moving import record_step
from gateway.capabilities.orders.repository import StoredOrder
from gateway.capabilities.orders.schemas import Attribution, PlaceOrder, Remarks
from gateway.capabilities.orders.states import OrderState
from gateway.capabilities.orders.tables import orders
from gateway.capability import Context
from gateway.errors import MalformedRequest
from gateway.store import Unit, row_of
from gateway.store.outbox import owe
from gateway.subject import SubjectRecord

NO_REMARKS = Remarks()
CONFIRM_WITHIN = timedelta(minutes=30)
_ROW = row_of(orders, StoredOrder._fields)
_STATE = StoredOrder._fields.index("state")


class OrderJob(msgspec.Struct):
    """Outgoing work on one order."""

    order_id: str


def take_down(
    request: PlaceOrder, found: Found, ctx: Context, *,
    id: str | None = None, together: str | None = None, remarks: Remarks = NO_REMARKS,
) -> StoredOrder:  # fmt: skip
    """Record the order on the unit, with what it owes; or raise one of the errors that `orders.place` declares.

    `id`: the one it is to have; `together`: the first of the orders that are placed as one with it.
    """
    if found.stopped:
        raise OrderingStopped
    if found.number_held and ctx.principal.kind == "partner":
        raise NumberOnHold
    offer = offer_of(request.offer, ctx)
    if request.partner_ref is not None:
        _refuse_ref(found, ctx)
    if found.open_order is not None:
        raise OrderAlreadyOpen(order_id=found.open_order)
    refuse_wrong_form(request)
    refuse_impossible(request, offer, found, ctx)
    waits = found.number_held or waits_for_yes(request, offer, ctx)
    state = OrderState.AWAITING_CONFIRMATION if waits else after_yes(request.action)
    order = _new_order(
        request, offer, state, found.recipient, ctx, id=id or ctx.ids(), together=together, remarks=remarks
    )
    _insert(ctx.unit, order)
    _record_placed(ctx, order, "second confirmation" if waits else "nothing to confirm")
    record(ctx, "ordered", [offer.code], impression=request.attribution.impression)
    if not waits:
        owe_after_yes(ctx, order)
        return order
    owe_job(ctx, "orders.expire", order, after=CONFIRM_WITHIN)
    if ctx.principal.kind == "partner":  # in a conversation or on a page the question is asked on the spot
        owe_job(ctx, "orders.ask", order)
    return order


def _insert(unit: Unit, order: StoredOrder) -> None:
    # One shape for every order: another one's rows would be written after the first one's transitions.
    unit.insert_row(_ROW, (*order[:_STATE], str(order.state), *order[_STATE + 1 :]))


def left_by(order: StoredOrder, subject: SubjectRecord) -> SubjectRecord:
    """The subject as the order leaves it, for what is decided next."""
    opened = () if order.action == "gift" else (order.offer_code, *([order.replaces] if order.replaces else ()))
    return msgspec.structs.replace(
        subject, order_count=order.subscriber_seq, open_orders=subject.open_orders.union(opened)
    )


def _refuse_ref(found: Found, ctx: Context) -> None:
    if ctx.principal.kind != "partner":  # else a visitor of a partner's page could use its numbers up
        raise MalformedRequest({"zh": "只有合作方可以给出 partner_ref", "en": "partner_ref is for partners' servers"})
    if found.same_ref is not None:
        raise PartnerRefTaken(order_id=found.same_ref)


def owe_after_yes(ctx: Context, order: StoredOrder) -> None:
    """Owe what an order needs once nothing is left to confirm. What was booked waits for the back office's file, except in
    a sandbox, which has no back office.
    """
    if order.state is OrderState.ACCEPTED or (order.state is OrderState.BOOKED and order.sandbox):
        owe_job(ctx, "orders.provision", order)
    elif order.state is OrderState.AWAITING_RECIPIENT:
        owe_job(ctx, "orders.tell_recipient", order)
        owe_job(ctx, "orders.gift_due", order, after=GIFT_REFUSABLE_FOR)


def owe_job(ctx: Context, kind: str, order: StoredOrder, after: timedelta | None = None) -> None:
    """Owe work on the order: at once, or after a while."""
    due_at = None if after is None else ctx.now + after
    owe(ctx.unit, kind, OrderJob(order.id), id=ctx.ids(), now=ctx.now, trace_id=ctx.trace_id, due_at=due_at)


def _record_placed(ctx: Context, order: StoredOrder, reason: str) -> None:
    """The first two steps of an order, which are taken at once."""
    steps = ((None, OrderState.ACKNOWLEDGED, "placed"), (OrderState.ACKNOWLEDGED, order.state, reason))
    actor = f"{ctx.principal.kind}:{ctx.principal.id}"
    for seq, (before, after, why) in enumerate(steps):
        record_step(
            ctx.unit, order, seq, before, after, actor=actor,
            channel=ctx.channel, reason=why, now=ctx.now, event_id=ctx.ids(),
        )  # fmt: skip


@lru_cache(maxsize=256)
def _written(attribution: Attribution) -> str:
    return msgspec.json.encode(attribution).decode()


def _new_order(
    request: PlaceOrder, offer: Offer, state: OrderState, recipient: Recipient | None, ctx: Context, *,
    id: str, together: str | None, remarks: Remarks,
) -> StoredOrder:  # fmt: skip
    subject = ctx.subscriber
    by_partner = ctx.principal.kind == "partner"
    return StoredOrder(
        id=id,
        subscriber_id=subject.id,
        subscriber_seq=subject.order_count + 1,
        account=subject.identity.account,
        offer_code=offer.code,
        action=request.action,
        price_fen=price_of(offer, request.action),
        period=offer.period,
        state=state,
        transitions=2,
        channel=ctx.channel,
        partner_id=ctx.principal.id if by_partner else ctx.principal.partner_id,
        partner_ref=request.partner_ref,
        attribution=_written(request.attribution),
        created_at=ctx.now,
        updated_at=ctx.now,
        confirm_by=ctx.now + CONFIRM_WITHIN if state is OrderState.AWAITING_CONFIRMATION else None,
        replaces=request.replaces,
        recipient_id=None if recipient is None else recipient.subscriber_id,
        recipient=None if recipient is None else recipient.phone,
        sandbox=subject.identity.sandbox is not None,
        together=together,
        remarks=None if remarks == NO_REMARKS else msgspec.json.encode(remarks).decode(),
    )
