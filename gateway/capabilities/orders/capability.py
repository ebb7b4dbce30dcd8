"""Placing, confirming and following orders."""

from __future__ import annotations

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
from gateway.capabilities.orders.moving import move
from gateway.capabilities.orders.placing import Found, offer_of, owe_job, refuse_ineligible, take_down
from gateway.capabilities.orders.repository import StoredOrder
from gateway.capabilities.orders.schemas import (
    ListOrders,
    ListSubscriptions,
    Order,
    OrderPage,
    OrderRef,
    PlaceOrder,
    SubscriptionPage,
)
from gateway.capabilities.orders.states import CANCELLABLE, OrderState
from gateway.capabilities.orders.views import order_view, subscription_view
from gateway.capability import CapabilitySet, Context, Effect, Subject
from gateway.store import Store

_CONFIRMED = frozenset({OrderState.ACCEPTED, OrderState.PROVISIONING, OrderState.UNKNOWN, OrderState.COMPLETED})

orders = CapabilitySet("orders")
subscriptions = CapabilitySet("subscriptions")


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
    order = take_down(request, await _found(request, ctx), ctx)
    return order_view(order, ctx)


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
    ctx.check_version(order.transitions)
    if order.state in _CONFIRMED:
        return order_view(order, ctx)
    if order.state is not OrderState.AWAITING_CONFIRMATION or (order.confirm_by or ctx.now) < ctx.now:
        raise NotConfirmable(
            {"zh": "订单已取消、超时或办理失败", "en": f"the order is {order.state.value}"}, state=order.state.value
        )
    if order.action == "subscribe":
        refuse_ineligible(offer_of(order.offer_code, ctx), ctx, besides=order.offer_code)
    actor = f"{ctx.principal.kind}:{ctx.principal.id}"
    accepted = move(
        ctx.unit, order, OrderState.ACCEPTED, actor=actor, channel=ctx.channel, reason="confirmed", now=ctx.now
    )
    owe_job(ctx, "orders.provision", accepted)
    return order_view(accepted, ctx)


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
    ctx.check_version(order.transitions)
    if order.state is OrderState.CANCELLED:
        return order_view(order, ctx)
    if order.state not in CANCELLABLE:
        raise NotCancellable(
            {"zh": "订单已提交办理，不能取消；开通后可以退订", "en": f"the order is {order.state.value}"},
            state=order.state.value,
        )
    actor = f"{ctx.principal.kind}:{ctx.principal.id}"
    cancelled = move(
        ctx.unit, order, OrderState.CANCELLED, actor=actor, channel=ctx.channel, reason="cancelled", now=ctx.now
    )
    return order_view(cancelled, ctx)


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
    return order_view(order, ctx, history)


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
    return OrderPage([order_view(order, ctx) for order in page], page[-1].id if len(found) > request.limit else None)


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
        [subscription_view(held, ctx) for held in page], page[-1].id if len(found) > request.limit else None
    )


async def _found(request: PlaceOrder, ctx: Context) -> Found:
    subject, store = ctx.subscriber, ctx.part(Store)
    open_order = held = None
    if request.offer in subject.open_orders:
        open_order = await store.read(repository.get_open, subject.id, request.offer, request.action)
    if request.action == "unsubscribe":
        held = await store.read(repository.get_held, subject.id, request.offer)
    return Found(open_order, held)


async def _visible(order_id: str, ctx: Context) -> StoredOrder:
    order = await ctx.part(Store).read(repository.get_visible, ctx.principal, ctx.subscriber.id, order_id)
    if order is None:
        raise OrderNotFound
    return order
