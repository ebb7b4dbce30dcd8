"""Bodies of TMF622 that are answered: orders of ours as product orders and cancellations."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Literal

from gateway.capabilities.orders.schemas import Order, OrderPage
from gateway.capabilities.orders.states import OrderState
from gateway.standards import tmf
from gateway.standards.operation import Asked
from gateway.standards.tmf import Answered, Ref

ProductOrderState = Literal[
    "acknowledged", "rejected", "pending", "held", "inProgress", "cancelled", "completed", "failed", "partial"
]

STATES: Mapping[OrderState, ProductOrderState] = {
    OrderState.ACKNOWLEDGED: "acknowledged",
    OrderState.AWAITING_CONFIRMATION: "pending",  # waits for somebody's action, and is cancelled if none comes
    OrderState.AWAITING_RECIPIENT: "pending",
    OrderState.ACCEPTED: "inProgress",
    OrderState.BOOKED: "inProgress",
    OrderState.PROVISIONING: "inProgress",
    OrderState.UNKNOWN: "held",  # cannot go on until an issue is cleared up
    OrderState.COMPLETED: "completed",
    OrderState.FAILED: "failed",
    OrderState.CANCELLED: "cancelled",
    OrderState.EXPIRED: "cancelled",
}
"""Our states in the words of TMF622. `rejected` is none: an order that is refused is not taken down."""

IMPRESSION = "impression"
"""Name of the characteristic that tells which recommendation led to an item."""

_ENDED: frozenset[ProductOrderState] = frozenset({"completed", "failed", "cancelled"})
_ITEM_ACTIONS = {
    "subscribe": "add", "unsubscribe": "delete", "change": "modify", "gift": "add", "start_trial": "add",
    "convert_trial": "modify", "renew": "modify", "book": "add",
}  # fmt: skip


class Characteristic(Answered, frozen=True):
    """Something that describes a product."""

    name: str
    value: str


class ItemProduct(Answered, frozen=True):
    """The product an item is about, as far as it is no more than its offering."""

    product_offering: Ref | None = None
    product_characteristic: list[Characteristic] | None = None


class OrderItem(Answered, frozen=True, tag_field="@type", tag="ProductOrderItem"):
    """One thing an order does."""

    id: str
    action: str
    quantity: int
    state: str
    product_offering: Ref
    item_price: list[tmf.Charge]
    product: ItemProduct | None = None


class Note(Answered, frozen=True):
    """What people should know."""

    text: str


class ProductOrder(Answered, frozen=True, tag_field="@type", tag="ProductOrder"):
    """An order."""

    product_order_item: list[OrderItem]
    id: str | None = None
    href: str | None = None
    state: ProductOrderState | None = None
    order_date: datetime | None = None
    external_id: str | None = None
    description: str | None = None
    completion_date: datetime | None = None
    cancellation_date: datetime | None = None
    cancellation_reason: str | None = None
    channel: list[Ref] | None = None
    note: list[Note] | None = None
    related_party: list[Ref] | None = None


class CancelProductOrder(Answered, frozen=True, tag_field="@type", tag="CancelProductOrder"):
    """A cancellation that was made."""

    product_order: Ref
    id: str | None = None
    href: str | None = None
    state: str | None = None
    cancellation_reason: str | None = None
    effective_cancellation_date: datetime | None = None


def state_of(items: Sequence[ProductOrderState]) -> ProductOrderState:
    """The state of a product order whose items are in these states; there is at least one."""
    states = set(items)
    if len(states) == 1:
        return items[0]
    if states <= _ENDED:
        return "partial" if "completed" in states else "failed"  # what did not fail was cancelled
    if "held" in states:
        return "held"
    if states & {"inProgress", "completed"}:
        return "inProgress"
    return "pending" if "pending" in states else "acknowledged"


def product_order(orders: Sequence[Order], asked: Asked) -> ProductOrder:
    """Orders that were placed together, the first one first, as a product order."""
    first, state = orders[0], state_of([STATES[OrderState(order.state)] for order in orders])
    completed = [order.updated_at for order in orders if order.state == OrderState.COMPLETED]
    ended = [order for order in orders if STATES[OrderState(order.state)] == "cancelled"]
    return ProductOrder(
        id=first.id,
        href=f"{asked.root}{tmf.ORDERING}/productOrder/{first.id}",
        state=state,
        order_date=first.created_at,
        external_id=first.partner_ref,
        description=first.remarks.description,
        completion_date=max(completed) if state in ("completed", "partial") else None,
        cancellation_date=max(order.updated_at for order in ended) if state == "cancelled" else None,
        cancellation_reason=_why_cancelled(ended, asked.locale) if state == "cancelled" else None,
        channel=[Ref(id=first.channel)],
        note=_notes(orders, asked.locale),
        product_order_item=[_item(order, number, asked) for number, order in enumerate(orders, 1)],
        related_party=tmf.customer(first.user or asked.user),
    )


def placed_one(order: Order, asked: Asked) -> ProductOrder:
    """What was placed alone."""
    return product_order([order], asked)


def placed(page: OrderPage, asked: Asked) -> ProductOrder:
    """What was placed as one."""
    return product_order(page.items, asked)


def product_orders(page: OrderPage, asked: Asked) -> list[ProductOrder]:
    """The product orders of a page of orders."""
    return [product_order(orders, asked) for orders in _together(page)]


def _together(page: OrderPage) -> list[list[Order]]:
    """The orders of a page that were placed together, the first one first.

    Orders come newest first, so those whose first order is missing were cut off where the page ends.
    """
    groups: dict[str, list[Order]] = {}
    for order in page.items:
        groups.setdefault(order.together or order.id, []).insert(0, order)
    return [orders for first, orders in groups.items() if orders[0].id == first]


def cancellation(page: OrderPage, asked: Asked) -> CancelProductOrder:
    """The cancellation of a product order. It is cancelled once, so its id names that too."""
    return cancellation_of(page.items, "done", asked)


def cancellations(page: OrderPage, asked: Asked) -> list[CancelProductOrder]:
    """The cancellations among a page of orders."""
    return [cancellation_of(orders, "done", asked) for orders in _together(page) if _given_up(orders)]


def _given_up(orders: Sequence[Order]) -> list[Order]:
    return [order for order in orders if order.state == OrderState.CANCELLED]


def cancellation_of(
    orders: Sequence[Order], state: Literal["acknowledged", "done"], asked: Asked
) -> CancelProductOrder:
    """The cancellation of those of the orders that were given up; there is at least one. Its date is told when it is done."""
    first, given_up = orders[0], _given_up(orders)
    return CancelProductOrder(
        id=first.id,
        href=f"{asked.root}{tmf.ORDERING}/cancelProductOrder/{first.id}",
        state=state,
        cancellation_reason=_reason_given(given_up),
        effective_cancellation_date=max(order.updated_at for order in given_up) if state == "done" else None,
        product_order=Ref(
            id=first.id, href=f"{asked.root}{tmf.ORDERING}/productOrder/{first.id}", referred_type="ProductOrder"
        ),
    )


def _item(order: Order, number: int, asked: Asked) -> OrderItem:
    impression = order.attribution.impression
    product = ItemProduct(
        product_offering=None if order.replaces is None else tmf.offering_ref(order.replaces, None, asked),
        product_characteristic=None if impression is None else [Characteristic(name=IMPRESSION, value=impression)],
    )
    return OrderItem(
        id=order.remarks.item or str(number),
        action=_ITEM_ACTIONS[order.action],
        quantity=1,
        state=STATES[OrderState(order.state)],
        product_offering=tmf.offering_ref(order.offer, order.name, asked),
        item_price=[tmf.charge(order.price_fen, order.period)],
        product=None if product == ItemProduct() else product,
    )


def _reason_given(orders: Sequence[Order]) -> str | None:
    return next((order.cancel_reason for order in orders if order.cancel_reason is not None), None)


def _why_cancelled(orders: Sequence[Order], locale: str) -> str:
    english = locale.startswith("en")
    if (given := _reason_given(orders)) is not None:
        return given
    if all(order.state == OrderState.EXPIRED for order in orders):
        return "the subscriber did not confirm in time" if english else "用户未在规定时间内确认"
    return "cancelled before it was carried out" if english else "办理前已取消"


def _notes(orders: Sequence[Order], locale: str) -> list[Note] | None:
    given = orders[0].remarks.note
    notes = [] if given is None else [Note(text=given)]
    times = [order.confirm_by for order in orders if order.confirm_by is not None]
    if times:
        until = min(times).isoformat()
        english = locale.startswith("en")
        text = f"the subscriber is asked to confirm until {until}" if english else f"等待用户本人确认，至 {until}"
        notes.append(Note(text=text))
    return notes or None
