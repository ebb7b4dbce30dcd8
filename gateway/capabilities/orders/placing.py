"""Taking an order down: decided on facts that were read before, so that one request and a whole file decide alike."""

from __future__ import annotations

from datetime import timedelta
from typing import NamedTuple

import msgspec

from gateway.capabilities.interactions import record
from gateway.capabilities.offers import LiveCatalog, Offer, why_not
from gateway.capabilities.orders.errors import (
    NotHeld,
    NotOrderable,
    NumberOnHold,
    OfferUnknown,
    OrderAlreadyOpen,
    OrderingStopped,
    PartnerRefTaken,
    TermNotOver,
)
from gateway.capabilities.orders.moving import record_step
from gateway.capabilities.orders.repository import Held, StoredOrder
from gateway.capabilities.orders.schemas import PlaceOrder
from gateway.capabilities.orders.states import OrderState
from gateway.capabilities.orders.tables import orders
from gateway.capabilities.subscribers import facts_of
from gateway.capability import Context
from gateway.errors import MalformedRequest
from gateway.store.outbox import owe

CONFIRM_WITHIN = timedelta(minutes=30)


class OrderJob(msgspec.Struct):
    """Outgoing work on one order."""

    order_id: str


class Found(NamedTuple):
    """What a decision needs to know of the subscriber and this one offer, besides the subject."""

    open_order: str | None = None
    """The order under way for the offer and action."""
    held: Held | None = None
    """The subscription to the offer in force; looked for where something is to end."""
    same_ref: str | None = None
    """The partner's order that its own number names already."""
    stopped: bool = False
    """Whether the ordering of the partner that the order comes through was stopped."""
    number_held: bool = False
    """Whether the subscriber's number is on the grey list."""


def offer_of(code: str, ctx: Context) -> Offer:
    """The offer of that code.

    Raises:
        OfferUnknown: there is none.
    """
    offer = ctx.part(LiveCatalog).current.by_code.get(code)
    if offer is None:
        raise OfferUnknown({"zh": f"没有编码为 {code} 的商品", "en": f"no offer {code}"})
    return offer


def take_down(request: PlaceOrder, found: Found, ctx: Context) -> StoredOrder:
    """Record the order on the unit, with what it owes; or raise one of the errors that `orders.place` declares."""
    if found.stopped:
        raise OrderingStopped
    if found.number_held and ctx.principal.kind == "partner":
        raise NumberOnHold
    offer = offer_of(request.offer, ctx)
    if request.partner_ref is not None:
        _refuse_ref(found, ctx)
    if found.open_order is not None:
        raise OrderAlreadyOpen(order_id=found.open_order)
    if request.action == "unsubscribe":
        _refuse_unsubscribable(offer, found.held, ctx)
    else:
        refuse_ineligible(offer, ctx, besides=None)
    waits = (
        ctx.principal.kind == "partner" or request.action == "unsubscribe" or offer.price_fen > 0 or found.number_held
    )
    state = OrderState.AWAITING_CONFIRMATION if waits else OrderState.ACCEPTED
    order = _new_order(request, offer, state, ctx)
    ctx.unit.insert(orders, **order._asdict())
    _record_placed(ctx, order, "second confirmation" if waits else "nothing to confirm")
    record(ctx, "ordered", [offer.code], impression=request.attribution.impression)
    if not waits:
        owe_job(ctx, "orders.provision", order)
        return order
    owe_job(ctx, "orders.expire", order, after=CONFIRM_WITHIN)
    if ctx.principal.kind == "partner":  # in a conversation or on a page the question is asked on the spot
        owe_job(ctx, "orders.ask", order)
    return order


def _refuse_ref(found: Found, ctx: Context) -> None:
    if ctx.principal.kind != "partner":  # else a visitor of a partner's page could use its numbers up
        raise MalformedRequest({"zh": "只有合作方可以给出 partner_ref", "en": "partner_ref is for partners' servers"})
    if found.same_ref is not None:
        raise PartnerRefTaken(order_id=found.same_ref)


def refuse_ineligible(offer: Offer, ctx: Context, besides: str | None) -> None:
    """Refuse what the rules forbid. `besides` is the order being decided on, which must not stand in its own way."""
    subject = ctx.subscriber
    others = subject.open_orders - {besides}
    refusal = why_not(offer, msgspec.structs.replace(facts_of(subject), open_orders=others), ctx.now)
    if refusal is not None:
        raise NotOrderable(
            {"zh": refusal.words.zh, "en": refusal.words.en}, reason=refusal.reason, evidence=[*refusal.evidence]
        )
    if clashing := others.intersection(offer.eligibility.excludes):
        raise NotOrderable(
            {"zh": "与办理中的另一项业务不能同时使用", "en": "it cannot be combined with an order under way"},
            reason="excluded_by", evidence=sorted(clashing),
        )  # fmt: skip


def owe_job(ctx: Context, kind: str, order: StoredOrder, after: timedelta | None = None) -> None:
    """Owe work on the order: at once, or after a while."""
    due_at = None if after is None else ctx.now + after
    owe(ctx.unit, kind, OrderJob(order.id), id=ctx.ids(), now=ctx.now, trace_id=ctx.trace_id, due_at=due_at)


def _record_placed(ctx: Context, order: StoredOrder, reason: str) -> None:
    """The first two steps of an order, which are taken at once."""
    steps = ((None, OrderState.ACKNOWLEDGED, "placed"), (OrderState.ACKNOWLEDGED, order.state, reason))
    for seq, (before, after, why) in enumerate(steps):
        record_step(
            ctx.unit, order, seq, before, after, actor=f"{ctx.principal.kind}:{ctx.principal.id}",
            channel=ctx.channel, reason=why, now=ctx.now, event_id=ctx.ids(),
        )  # fmt: skip


def _refuse_unsubscribable(offer: Offer, held: Held | None, ctx: Context) -> None:
    if held is None:
        raise NotHeld
    free_at = held.started_at + timedelta(days=offer.cancel_rule.min_term_days)
    if free_at > ctx.now:
        raise TermNotOver(
            {"zh": f"{free_at.date()} 起可以退订", "en": f"can be unsubscribed from {free_at.date()}"},
            from_date=free_at.date().isoformat(),
        )


def _new_order(request: PlaceOrder, offer: Offer, state: OrderState, ctx: Context) -> StoredOrder:
    subject = ctx.subscriber
    by_partner = ctx.principal.kind == "partner"
    return StoredOrder(
        id=ctx.ids(),
        subscriber_id=subject.id,
        subscriber_seq=subject.order_count + 1,
        account=subject.identity.account,
        offer_code=offer.code,
        action=request.action,
        price_fen=offer.price_fen,
        period=offer.period,
        state=state,
        transitions=2,
        channel=ctx.channel,
        partner_id=ctx.principal.id if by_partner else ctx.principal.partner_id,
        partner_ref=request.partner_ref,
        attribution=msgspec.json.encode(request.attribution).decode(),
        created_at=ctx.now,
        updated_at=ctx.now,
        confirm_by=ctx.now + CONFIRM_WITHIN if state is OrderState.AWAITING_CONFIRMATION else None,
    )
