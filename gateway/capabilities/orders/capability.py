"""Placing, confirming and following orders."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from auth.principal import partner_account
from gateway.capabilities.bindings import PhoneNumberInvalid
from gateway.capabilities.greylist import GreyList
from gateway.capabilities.orders import repository
from gateway.capabilities.orders.actions import (
    GIFT_REFUSABLE_FOR,
    Found,
    Recipient,
    after_yes,
    offer_of,
    phone_of,
    refuse_ineligible,
    refuse_outside_trial,
)
from gateway.capabilities.orders.errors import (
    ActionNotOffered,
    NotCancellable,
    NotConfirmable,
    NotHeld,
    NotOrderable,
    NumberOnHold,
    OfferUnknown,
    OrderAlreadyOpen,
    OrderingStopped,
    OrderNotFound,
    PartnerRefTaken,
    TermNotOver,
    TooManyGifts,
)
from gateway.capabilities.orders.moving import move
from gateway.capabilities.orders.placing import owe_after_yes, owe_job, take_down
from gateway.capabilities.orders.repository import PartnerRefs, StoredOrder
from gateway.capabilities.orders.schemas import (
    AnswerGift,
    FindOrder,
    Gift,
    GiftPage,
    ListGifts,
    ListOrders,
    ListSubscriptions,
    Order,
    OrderPage,
    OrderRef,
    PlaceOrder,
    SearchOrders,
    SubscriptionPage,
)
from gateway.capabilities.orders.states import CANCELLABLE, NOT_TAKEN_UP, OrderState
from gateway.capabilities.orders.views import gift_view, order_view, subscription_view
from gateway.capabilities.partners import Partners
from gateway.capability import CapabilitySet, Context, Effect, Subject
from gateway.errors import MalformedRequest
from gateway.kit.page import cut
from gateway.store import Store

_CONFIRMED = frozenset(
    {
        OrderState.AWAITING_RECIPIENT, OrderState.ACCEPTED, OrderState.BOOKED, OrderState.PROVISIONING,
        OrderState.UNKNOWN, OrderState.COMPLETED,
    }
)  # fmt: skip

PLACING_REFUSALS = (
    OfferUnknown, NotOrderable, NotHeld, TermNotOver, OrderAlreadyOpen, PartnerRefTaken, OrderingStopped, NumberOnHold,
    ActionNotOffered, PhoneNumberInvalid, TooManyGifts,
)  # fmt: skip
"""What placing an order refuses with."""

orders = CapabilitySet("orders")
subscriptions = CapabilitySet("subscriptions")


@orders.capability(
    scope="orders:write",
    subject=Subject.REQUIRED,
    effect=Effect.WRITE,
    http="POST /v1/orders",
    title={"zh": "下单", "en": "Place an order"},
    errors=PLACING_REFUSALS,
    examples=(PlaceOrder("TM-MUSIC-10"),),
)
async def place(request: PlaceOrder, ctx: Context) -> Order:
    """Take down an order; one that costs, or that a partner pushes, waits for the subscriber's own yes.

    Send an `Idempotency-Key`: the same key with the same body gives the same order for 24 hours.
    """
    order = take_down(request, await facts_for(request, ctx), ctx)
    return order_view(order, ctx)


@orders.capability(
    scope="orders:confirm",
    subject=Subject.REQUIRED,
    effect=Effect.WRITE,
    http="POST /v1/orders/{id}/confirm",
    title={"zh": "确认订单", "en": "Confirm an order"},
    errors=(OrderNotFound, NotConfirmable, NotOrderable, ActionNotOffered),
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
    await _refuse_changed(order, ctx)
    to = after_yes(order.action)
    refusable = {"confirm_by": ctx.now + GIFT_REFUSABLE_FOR} if to is OrderState.AWAITING_RECIPIENT else {}
    confirmed = _step(order, to, "confirmed", ctx, **refusable)
    owe_after_yes(ctx, confirmed)
    return order_view(confirmed, ctx)


@orders.capability(
    scope="orders:confirm",
    subject=Subject.REQUIRED,
    effect=Effect.REMOVE,
    http="POST /v1/orders/{id}/refuse",
    title={"zh": "拒绝订单", "en": "Refuse an order"},
    errors=(OrderNotFound, NotConfirmable),
    own_voice=True,
)
async def refuse(request: OrderRef, ctx: Context) -> Order:
    """Say no to an order that waits for a yes, in person. Saying it again changes nothing."""
    order = await _visible(request.id, ctx)
    ctx.check_version(order.transitions)
    if order.state is OrderState.CANCELLED:
        return order_view(order, ctx)
    if order.state is not OrderState.AWAITING_CONFIRMATION:
        raise NotConfirmable(
            {"zh": "订单已不在等待确认", "en": f"the order is {order.state.value}"}, state=order.state.value
        )
    return order_view(_step(order, OrderState.CANCELLED, "refused", ctx), ctx)


@orders.capability(
    scope="orders:write",
    subject=Subject.REQUIRED,
    effect=Effect.REMOVE,
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
    return order_view(cancelled(order, ctx), ctx)


@orders.capability(
    scope="orders:confirm",
    subject=Subject.REQUIRED,
    effect=Effect.WRITE,
    http="POST /v1/gifts/{id}/answer",
    title={"zh": "接受或拒绝赠送", "en": "Take or refuse a gift"},
    errors=(OrderNotFound, NotConfirmable, NotOrderable),
    own_voice=True,
)
async def answer_gift(request: AnswerGift, ctx: Context) -> Gift:
    """Take or refuse what somebody gave the subject. A gift without an answer is carried out after 24 hours."""
    order = await ctx.part(Store).read(repository.get_gift, ctx.principal, ctx.subscriber.id, request.id)
    if order is None:
        raise OrderNotFound
    ctx.check_version(order.transitions)
    wanted = OrderState.ACCEPTED if request.accept else OrderState.CANCELLED
    if order.state is not OrderState.AWAITING_RECIPIENT:
        if order.state is wanted:
            return gift_view(order, ctx)
        raise NotConfirmable({"zh": "该赠送已处理", "en": f"the gift is {order.state.value}"}, state=order.state.value)
    if request.accept:
        refuse_ineligible(offer_of(order.offer_code, ctx), ctx)
    answered = _step(order, wanted, "taken by its recipient" if request.accept else NOT_TAKEN_UP, ctx)
    if request.accept:
        owe_after_yes(ctx, answered)
    else:
        owe_job(ctx, "orders.tell_not_taken_up", answered)
    return gift_view(answered, ctx)


@orders.capability(
    scope="orders:read",
    subject=Subject.REQUIRED,
    effect=Effect.READ,
    http="GET /v1/gifts",
    title={"zh": "收到的赠送", "en": "List gifts"},
    own_voice=True,
)
async def list_gifts(request: ListGifts, ctx: Context) -> GiftPage:
    """The gifts that wait for the subject's answer, newest first."""
    found = await ctx.part(Store).read(
        repository.list_gifts, ctx.principal, ctx.subscriber.id, request.cursor, request.limit + 1
    )
    page, further = cut(found, request.limit, lambda one: one.id)
    return GiftPage([gift_view(order, ctx) for order in page], further)


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
        repository.list_visible, ctx.principal, ctx.subscriber.id, request.state, request.cursor, request.limit + 1,
        together=request.together,
    )  # fmt: skip
    page, further = cut(found, request.limit, lambda one: one.id)
    return OrderPage([order_view(order, ctx) for order in page], further)


@orders.capability(
    scope="orders:read",
    effect=Effect.READ,
    http="GET /v1/orders/find",
    title={"zh": "按单号查询订单", "en": "Find an order by its id or your own number"},
    errors=(OrderNotFound,),
    partner_only=True,
)
async def find(request: FindOrder, ctx: Context) -> Order:
    """One order the partner placed, whoever it is for, with every transition it made."""
    if (request.id is None) == (request.partner_ref is None):
        raise MalformedRequest({"zh": "请给出 id 或 partner_ref 之一", "en": "give one of id and partner_ref"})
    store = ctx.part(Store)
    order = await store.read(repository.find_placed, ctx.principal.id, request.id, request.partner_ref)
    if order is None:
        raise OrderNotFound
    return order_view(order, ctx, await store.read(repository.list_transitions, order.id))


@orders.capability(
    scope="orders:read",
    effect=Effect.READ,
    http="GET /v1/orders/search",
    title={"zh": "查询合作方的订单", "en": "Search your orders"},
    partner_only=True,
)
async def search(request: SearchOrders, ctx: Context) -> OrderPage:
    """The orders the partner placed for all its users, newest first, a page at a time."""
    account = ctx.account if request.user is None else partner_account(ctx.principal.id, request.user)
    conditions = repository.Conditions(request.state, request.offer, request.action, account, request.partner_ref)
    found = await ctx.part(Store).read(
        repository.search_placed, ctx.principal.id, conditions, (request.created_from, request.created_to),
        request.cursor, request.limit + 1, together=request.together, whole=request.whole,
    )  # fmt: skip
    if found is None:
        raise MalformedRequest({"zh": "cursor 不是上一页的 next", "en": "cursor is not the `next` of a page before"})
    page, further = cut(found, request.limit, lambda one: one.id)
    return OrderPage([order_view(order, ctx) for order in page], further)


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
    page, further = cut(found, request.limit, lambda one: one.id)
    return SubscriptionPage([subscription_view(held, ctx) for held in page], further)


async def facts_for(request: PlaceOrder, ctx: Context) -> Found:
    """What a decision on this request needs to know besides the subject."""
    subject, store, action = ctx.subscriber, ctx.part(Store), request.action
    open_order = held = replaced = same_ref = recipient = None
    tried, gifts = False, tuple[datetime, ...]()
    if action == "gift" or not subject.open_orders.isdisjoint((request.offer, request.replaces)):
        open_order = await store.read(repository.get_open, subject.id, request)
    if action in ("unsubscribe", "convert_trial", "renew"):
        held = await store.read(repository.get_held, subject.id, request.offer)
    if action == "change" and request.replaces is not None:
        replaced = await store.read(repository.get_held, subject.id, request.replaces)
    if action == "start_trial":
        tried = await store.read(repository.was_tried, subject.id, request.offer)
    if action == "gift" and (phone := phone_of(request, ctx)) is not None:
        gifts = await store.read(repository.list_gift_times, subject.id, ctx.now - timedelta(hours=24))
        recipient = Recipient(await store.read(repository.get_recipient, phone[0], subject.identity.sandbox), phone[1])
    if request.partner_ref is not None and ctx.principal.kind == "partner":
        same_ref = await ctx.part(PartnerRefs).get(ctx.principal.id, request.partner_ref)
    return Found(
        open_order, held, same_ref, replaced, tried, recipient, gifts,
        stopped=await _is_stopped(ctx), number_held=await ctx.part(GreyList).holds(subject.id, ctx.now),
    )  # fmt: skip


async def _is_stopped(ctx: Context) -> bool:
    partner_id = ctx.principal.partner_id
    partner = None if partner_id is None else await ctx.part(Partners).get(partner_id)
    return partner is not None and partner.standing == "stopped"


async def _refuse_changed(order: StoredOrder, ctx: Context) -> None:
    """Refuse a yes to what became impossible since it was asked."""
    offer = offer_of(order.offer_code, ctx)
    if order.action in ("subscribe", "start_trial", "book", "change"):
        refuse_ineligible(offer, ctx, besides=order.offer_code, giving_up=order.replaces)
    if order.action == "convert_trial":
        refuse_outside_trial(await ctx.part(Store).read(repository.get_held, ctx.subscriber.id, offer.code), ctx)


def cancelled(order: StoredOrder, ctx: Context, reason: str | None = None) -> StoredOrder:
    """Record that the order is given up; `reason` in the caller's words."""
    kept = {} if reason is None else {"cancel_reason": reason}
    return _step(order, OrderState.CANCELLED, "cancelled", ctx, **kept)


def _step(order: StoredOrder, to: OrderState, reason: str, ctx: Context, **changes: Any) -> StoredOrder:
    actor = f"{ctx.principal.kind}:{ctx.principal.id}"
    return move(
        ctx.unit, order, to, actor=actor, channel=ctx.channel, reason=reason, now=ctx.now, ids=ctx.ids, **changes
    )


async def _visible(order_id: str, ctx: Context) -> StoredOrder:
    order = await ctx.part(Store).read(repository.get_visible, ctx.principal, ctx.subscriber.id, order_id)
    if order is None:
        raise OrderNotFound
    return order
