"""Several orders of one subscriber that are placed as one: all of them are taken down, or none."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta, Struct

from gateway.capabilities.orders import repository
from gateway.capabilities.orders.capability import PLACING_REFUSALS, cancelled, facts_for, orders
from gateway.capabilities.orders.errors import NotCancellable, NotHeld, OrderNotFound
from gateway.capabilities.orders.placing import left_by, take_down
from gateway.capabilities.orders.repository import StoredOrder
from gateway.capabilities.orders.schemas import (
    Attribution,
    Code,
    OrderId,
    OrderPage,
    PlaceOrder,
    Remarks,
    Text100,
)
from gateway.capabilities.orders.states import CANCELLABLE, OrderState
from gateway.capabilities.orders.views import order_view
from gateway.capability import Context, Effect, Subject
from gateway.errors import GatewayError, MalformedRequest
from gateway.store import Store

MOST = 20
"""Orders that are placed as one."""


class OrderItem(Struct, frozen=True):
    """One of the orders. What is to end or to be changed is named by its offer or by its subscription."""

    action: Literal["subscribe", "unsubscribe", "change"] = "subscribe"
    offer: Annotated[Code | None, Meta(description="Code of a product offering; may be left out beside `held`.")] = None
    replaces: Annotated[Code | None, Meta(description="For a change: the offer held that is given up.")] = None
    held: Annotated[OrderId | None, Meta(description="Id of the subscription that is to end, or to be changed.")] = None
    attribution: Attribution = Attribution()
    remarks: Remarks = Remarks()


class PlaceTogether(Struct, frozen=True):
    """Take down orders for the subject, all or none."""

    items: Annotated[list[OrderItem], Meta(min_length=1, max_length=MOST, description="The orders, in order.")]
    partner_ref: Annotated[Text100 | None, Meta(description="A partner's own number for them together.")] = None


class CancelTogether(Struct, frozen=True):
    """Name the first of orders that were placed together, or an order that was placed alone."""

    id: OrderId
    reason: Annotated[
        Annotated[str, Meta(max_length=200, pattern=r"^[^\x00-\x1f]*$")] | None,
        Meta(description="Why, in the caller's words."),
    ] = None


@orders.capability(
    scope="orders:write",
    subject=Subject.REQUIRED,
    effect=Effect.WRITE,
    http="POST /v1/orders/together",
    title={"zh": "一并下单", "en": "Place orders together"},
    errors=PLACING_REFUSALS,
    examples=(PlaceTogether([OrderItem(offer="TM-MUSIC-10"), OrderItem(offer="TM-NEWS-3")]),),
    parts=lambda request: len(request.items),
)
async def place_together(request: PlaceTogether, ctx: Context) -> OrderPage:
    """Take down up to 20 orders of one subscriber, or none of them where one is refused. The first names them all.

    Each goes its own way from there. An `Idempotency-Key` holds for all of them. They are one call of your quota per
    second, and each one of your quota per day.
    """
    taken: list[StoredOrder] = []
    touched: set[str] = set()
    several = len(request.items) > 1
    for number, item in enumerate(request.items, 1):
        try:
            wanted = await _wanted(item, request.partner_ref, ctx)
            _refuse_twice(wanted, touched)
            facts, own = await facts_for(wanted, ctx), ctx.ids()
            first = (taken[0].id if taken else own) if several else None
            taken.append(take_down(wanted, facts, ctx, id=own, together=first, remarks=item.remarks))
        except GatewayError as error:
            if several:
                error.extra.setdefault("item", item.remarks.item or str(number))
            raise
        ctx.subject = left_by(taken[-1], ctx.subscriber)
    return OrderPage([order_view(order, ctx) for order in taken])


@orders.capability(
    scope="orders:write",
    subject=Subject.REQUIRED,
    effect=Effect.REMOVE,
    http="POST /v1/orders/{id}/cancel-together",
    title={"zh": "一并取消订单", "en": "Cancel orders placed together"},
    errors=(OrderNotFound, NotCancellable),
)
async def cancel_together(request: CancelTogether, ctx: Context) -> OrderPage:
    """Give up those of the orders that have not been handed to the back end yet. Saying it again changes nothing."""
    found = await ctx.part(Store).read(
        repository.list_visible, ctx.principal, ctx.subscriber.id, None, None, MOST, together=request.id
    )
    if not any(order.id == request.id and order.together in (None, order.id) for order in found):
        raise OrderNotFound
    if not any(order.state in CANCELLABLE or order.state is OrderState.CANCELLED for order in found):
        state = next(order.state for order in found if order.id == request.id).value
        raise NotCancellable(
            {"zh": "订单已提交办理，不能取消；开通后可以退订", "en": f"the order is {state}"}, state=state
        )
    left = [cancelled(order, ctx, request.reason) if order.state in CANCELLABLE else order for order in found]
    return OrderPage([order_view(order, ctx) for order in sorted(left, key=lambda order: order.subscriber_seq)])


async def _wanted(item: OrderItem, partner_ref: str | None, ctx: Context) -> PlaceOrder:
    """The item as the order it would be alone."""
    named, replaces = item.offer, item.replaces
    if item.held is not None:
        held = await ctx.part(Store).read(repository.get_subscription, ctx.subscriber.id, item.held)
        ends = replaces if item.action == "change" else named
        if held is None or ends not in (None, held.offer_code):
            raise NotHeld
        if item.action == "change":
            replaces = held.offer_code
        elif item.action == "unsubscribe":
            named = held.offer_code
        else:
            raise MalformedRequest(
                {"zh": "held 用于 unsubscribe 和 change", "en": "held belongs to actions unsubscribe and change"}
            )
    if named is None:
        raise MalformedRequest({"zh": "请用 offer 指明商品", "en": "name the offer"})
    return PlaceOrder(named, item.action, partner_ref, item.attribution, replaces)


def _refuse_twice(wanted: PlaceOrder, touched: set[str]) -> None:
    """Refuse an offer that another item names: what the two come to would hang on which is carried out first."""
    names = {code for code in (wanted.offer, wanted.replaces) if code is not None}
    if names & touched:
        raise MalformedRequest(
            {
                "zh": f"一并下单时每个商品只能出现一次：{', '.join(sorted(names & touched))}",
                "en": f"an offer is named once among orders placed together: {', '.join(sorted(names & touched))}",
            }
        )
    touched |= names
