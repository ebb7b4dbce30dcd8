"""Placing, confirming and following orders."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

import msgspec

from gateway.capabilities.interactions import record
from gateway.capabilities.offers import LiveCatalog, Offer, why_not
from gateway.capabilities.orders import repository
from gateway.capabilities.orders.errors import (
    NotCancellable,
    NotConfirmable,
    NotHeld,
    NotOrderable,
    OfferUnknown,
    OrderAlreadyOpen,
    OrderNotFound,
    TermNotOver,
)
from gateway.capabilities.orders.moving import move, record_step
from gateway.capabilities.orders.repository import StoredOrder
from gateway.capabilities.orders.schemas import (
    Attribution,
    ListOrders,
    ListSubscriptions,
    Order,
    OrderPage,
    OrderRef,
    PlaceOrder,
    Subscription,
    SubscriptionPage,
    Transition,
)
from gateway.capabilities.orders.states import CANCELLABLE, OrderState
from gateway.capabilities.orders.tables import orders as order_rows
from gateway.capabilities.subscribers import facts_of
from gateway.capability import CapabilitySet, Context, Effect, Subject
from gateway.store import Store
from gateway.store.outbox import owe

CONFIRM_WITHIN = timedelta(minutes=30)
_CONFIRMED = frozenset({OrderState.ACCEPTED, OrderState.PROVISIONING, OrderState.UNKNOWN, OrderState.COMPLETED})

orders = CapabilitySet("orders")
subscriptions = CapabilitySet("subscriptions")


class OrderJob(msgspec.Struct):
    """Outgoing work on one order."""

    order_id: str


@orders.capability(
    scope="orders:write",
    subject=Subject.REQUIRED,
    effect=Effect.WRITE,
    http="POST /v1/orders",
    title={"zh": "下单", "en": "Place an order"},
    errors=(OfferUnknown, NotOrderable, NotHeld, TermNotOver, OrderAlreadyOpen),
    examples=(PlaceOrder("TM-MUSIC-10"),),
)
async def place(request: PlaceOrder, ctx: Context) -> Order:
    """Take down an order; one that costs, or that a partner pushes, waits for the subscriber's own yes.

    Send an `Idempotency-Key`: the same key with the same body gives the same order for 24 hours.
    """
    offer = _offer(request.offer, ctx)
    await _refuse_unorderable(offer, request.action, ctx)
    waits = ctx.principal.kind == "partner" or request.action == "unsubscribe" or offer.price_fen > 0
    state = OrderState.AWAITING_CONFIRMATION if waits else OrderState.ACCEPTED
    order = _new_order(request, offer, state, ctx)
    ctx.unit.insert(order_rows, **order._asdict())
    actor = f"{ctx.principal.kind}:{ctx.principal.id}"
    step = {"actor": actor, "channel": ctx.channel, "now": ctx.now}
    record_step(ctx.unit, order.id, 0, None, OrderState.ACKNOWLEDGED, reason="placed", **step)  # type: ignore[arg-type] # three keywords of three types
    reason = "second confirmation" if waits else "nothing to confirm"
    record_step(ctx.unit, order.id, 1, OrderState.ACKNOWLEDGED, state, reason=reason, **step)  # type: ignore[arg-type] # as above
    record(ctx, "ordered", [offer.code], impression=request.attribution.impression)
    if not waits:
        _owe(ctx, "orders.provision", order)
        return _view(order, ctx)
    _owe(ctx, "orders.expire", order, after=CONFIRM_WITHIN)
    if ctx.principal.kind == "partner":  # in a conversation or on a page the question is asked on the spot
        _owe(ctx, "orders.ask", order)
    return _view(order, ctx)


@orders.capability(
    scope="orders:confirm",
    subject=Subject.REQUIRED,
    effect=Effect.WRITE,
    http="POST /v1/orders/{id}/confirm",
    title={"zh": "确认订单", "en": "Confirm an order"},
    errors=(OrderNotFound, NotConfirmable, NotOrderable),
    own_voice=True,
)
async def confirm(request: OrderRef, ctx: Context) -> Order:
    """Say yes to an order, in person. Saying it again changes nothing."""
    order = await _visible(request.id, ctx)
    if order.state in _CONFIRMED:
        return _view(order, ctx)
    if order.state is not OrderState.AWAITING_CONFIRMATION or (order.confirm_by or ctx.now) < ctx.now:
        raise NotConfirmable(
            {"zh": "订单已取消、超时或办理失败", "en": f"the order is {order.state.value}"}, state=order.state.value
        )
    if order.action == "subscribe":
        _refuse_ineligible(_offer(order.offer_code, ctx), ctx, besides=order.offer_code)
    actor = f"{ctx.principal.kind}:{ctx.principal.id}"
    accepted = move(
        ctx.unit, order, OrderState.ACCEPTED, actor=actor, channel=ctx.channel, reason="confirmed", now=ctx.now
    )
    _owe(ctx, "orders.provision", accepted)
    return _view(accepted, ctx)


@orders.capability(
    scope="orders:write",
    subject=Subject.REQUIRED,
    effect=Effect.WRITE,
    http="POST /v1/orders/{id}/cancel",
    title={"zh": "取消订单", "en": "Cancel an order"},
    errors=(OrderNotFound, NotCancellable),
)
async def cancel(request: OrderRef, ctx: Context) -> Order:
    """Give up an order that has not been handed to the back end yet. Saying it again changes nothing."""
    order = await _visible(request.id, ctx)
    if order.state is OrderState.CANCELLED:
        return _view(order, ctx)
    if order.state not in CANCELLABLE:
        raise NotCancellable(
            {"zh": "订单已提交办理，不能取消；开通后可以退订", "en": f"the order is {order.state.value}"},
            state=order.state.value,
        )
    actor = f"{ctx.principal.kind}:{ctx.principal.id}"
    cancelled = move(
        ctx.unit, order, OrderState.CANCELLED, actor=actor, channel=ctx.channel, reason="cancelled", now=ctx.now
    )
    return _view(cancelled, ctx)


@orders.capability(
    scope="orders:read",
    subject=Subject.REQUIRED,
    effect=Effect.READ,
    http="GET /v1/orders/{id}",
    title={"zh": "查询订单", "en": "Get an order"},
    errors=(OrderNotFound,),
)
async def get(request: OrderRef, ctx: Context) -> Order:
    """One order with every transition it made."""
    order = await _visible(request.id, ctx)
    history = await ctx.part(Store).read(repository.list_transitions, order.id)
    return _view(order, ctx, history)


@orders.capability(
    scope="orders:read",
    subject=Subject.REQUIRED,
    effect=Effect.READ,
    http="GET /v1/orders",
    title={"zh": "我的订单", "en": "List orders"},
)
async def list(request: ListOrders, ctx: Context) -> OrderPage:
    """The subject's orders, newest first; a partner sees those it placed."""
    found = await ctx.part(Store).read(
        repository.list_visible, ctx.principal, ctx.subscriber.id, request.state, request.cursor, request.limit + 1
    )
    page = found[: request.limit]
    return OrderPage([_view(order, ctx) for order in page], page[-1].id if len(found) > request.limit else None)


@subscriptions.capability(
    scope="subscriptions:read",
    subject=Subject.REQUIRED,
    effect=Effect.READ,
    http="GET /v1/subscriptions",
    title={"zh": "已订业务", "en": "List subscriptions"},
)
async def list_held(request: ListSubscriptions, ctx: Context) -> SubscriptionPage:
    """The offers the subject holds, oldest first, each with how to cancel it."""
    found = await ctx.part(Store).read(repository.list_held, ctx.subscriber.id, request.cursor, request.limit + 1)
    page = found[: request.limit]
    return SubscriptionPage(
        [_subscription(held, ctx) for held in page], page[-1].id if len(found) > request.limit else None
    )


def _offer(code: str, ctx: Context) -> Offer:
    offer = ctx.part(LiveCatalog).current.by_code.get(code)
    if offer is None:
        raise OfferUnknown({"zh": f"没有编码为 {code} 的商品", "en": f"no offer {code}"})
    return offer


async def _refuse_unorderable(offer: Offer, action: str, ctx: Context) -> None:
    subject = ctx.subscriber
    if offer.code in subject.open_orders:
        order_id = await ctx.part(Store).read(repository.get_open, subject.id, offer.code, action)
        if order_id is not None:
            raise OrderAlreadyOpen(order_id=order_id)
    if action == "unsubscribe":
        await _refuse_unsubscribable(offer, ctx)
    else:
        _refuse_ineligible(offer, ctx, besides=None)


async def _refuse_unsubscribable(offer: Offer, ctx: Context) -> None:
    held = await ctx.part(Store).read(repository.get_held, ctx.subscriber.id, offer.code)
    if held is None:
        raise NotHeld
    free_at = held.started_at + timedelta(days=offer.cancel_rule.min_term_days)
    if free_at > ctx.now:
        raise TermNotOver(
            {"zh": f"{free_at.date()} 起可以退订", "en": f"can be unsubscribed from {free_at.date()}"},
            from_date=free_at.date().isoformat(),
        )


def _refuse_ineligible(offer: Offer, ctx: Context, besides: str | None) -> None:
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


def _owe(ctx: Context, kind: str, order: StoredOrder, after: timedelta | None = None) -> None:
    due_at = None if after is None else ctx.now + after
    owe(ctx.unit, kind, OrderJob(order.id), id=ctx.ids(), now=ctx.now, trace_id=ctx.trace_id, due_at=due_at)


async def _visible(order_id: str, ctx: Context) -> StoredOrder:
    order = await ctx.part(Store).read(repository.get_visible, ctx.principal, ctx.subscriber.id, order_id)
    if order is None:
        raise OrderNotFound
    return order


def _name(code: str, ctx: Context) -> str:
    offer = ctx.part(LiveCatalog).current.by_code.get(code)
    return code if offer is None else offer.names.to(ctx.locale)


def _view(order: StoredOrder, ctx: Context, history: Sequence[Transition] = ()) -> Order:
    return Order(
        id=order.id,
        offer=order.offer_code,
        name=_name(order.offer_code, ctx),
        action=order.action,
        price_fen=order.price_fen,
        period=order.period,
        state=str(order.state),
        channel=order.channel,
        created_at=order.created_at,
        updated_at=order.updated_at,
        confirm_by=order.confirm_by if order.state == OrderState.AWAITING_CONFIRMATION else None,
        partner_ref=order.partner_ref,
        attribution=msgspec.json.decode(order.attribution, type=Attribution),
        history=[*history],
    )


def _subscription(held: repository.Held, ctx: Context) -> Subscription:
    offer = ctx.part(LiveCatalog).current.by_code.get(held.offer_code)
    if offer is None:
        return Subscription(held.id, held.offer_code, held.offer_code, 0, "month", held.started_at, "")
    how = offer.cancel_rule.en if ctx.locale.startswith("en") else offer.cancel_rule.zh
    return Subscription(
        held.id, offer.code, offer.names.to(ctx.locale), offer.price_fen, offer.period, held.started_at, how
    )
