"""TMF622 Product Ordering 4.0.0: orders pushed by a partner, followed and cancelled.

An order of ours is one action on one offer, so a product order has one item. What would change what is done, and is not
offered (a later start, a quantity, another payer), is refused; what only describes is passed over.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Annotated, Any, Literal

from msgspec import Meta, Struct

from gateway.capabilities.orders.schemas import Code, Order, OrderId, OrderPage, Text100
from gateway.capabilities.orders.states import OrderState
from gateway.errors import MalformedRequest, NotFound
from gateway.standards import tmf
from gateway.standards.operation import Asked, Operation, Shape, Standard
from gateway.standards.tmf import Answered, GivenParty, Ref
from gateway.standards.tmf630 import moment
from gateway.standards.tmf_hub import hub

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

FORMAT = "tmf622"
"""Name of the delivery format of this interface's events."""

KINDS: Mapping[str, Sequence[str]] = {
    "ProductOrderCreateEvent": (f"order.{OrderState.ACKNOWLEDGED}",),
    "ProductOrderStateChangeEvent": tuple(
        f"order.{state}" for state in OrderState if state is not OrderState.ACKNOWLEDGED
    ),
}
"""The event types that are told, each with those of ours that it is told for."""

_ACTIONS = {"add": "subscribe", "delete": "unsubscribe"}
_ITEM_ACTIONS = {
    "subscribe": "add", "unsubscribe": "delete", "change": "modify", "gift": "add", "start_trial": "add",
    "convert_trial": "modify", "renew": "modify", "book": "add",
}  # fmt: skip
_ITEM_ID = "1"
_PARTY = frozenset({tmf.PARTY})
_REQUIRED = frozenset({"productOrderItem", "productOrder"})


class GivenOffering(Struct, frozen=True):
    """The offering an item is about."""

    id: Code


class GivenProduct(Struct, frozen=True, rename="camel"):
    """A product an item is about, told by its offering."""

    product_offering: GivenOffering | None = None


class GivenItem(Struct, frozen=True, rename="camel"):
    """One item of an order to be placed."""

    id: tmf.Id
    action: Literal["add", "modify", "delete", "noChange"]
    quantity: int | None = None
    product_offering: GivenOffering | None = None
    product: GivenProduct | None = None
    product_order_item: list[Any] | None = None
    appointment: Any = None
    billing_account: Any = None
    payment: Any = None


class GivenOrder(Struct, frozen=True, rename="camel"):
    """An order to be placed."""

    product_order_item: Annotated[list[GivenItem], Meta(min_length=1, max_length=100)]
    external_id: Text100 | None = None
    related_party: list[GivenParty] | None = None
    requested_start_date: datetime | None = None
    billing_account: Any = None
    payment: Any = None


class GivenOrderRef(Struct, frozen=True):
    """The order to be cancelled."""

    id: OrderId


class GivenCancellation(Struct, frozen=True, rename="camel"):
    """A cancellation to be made."""

    product_order: GivenOrderRef
    requested_cancellation_date: datetime | None = None


class OrderItem(Answered, frozen=True, tag_field="@type", tag="ProductOrderItem"):
    """The one thing an order does."""

    id: str
    action: str
    quantity: int
    state: str
    product_offering: Ref
    item_price: list[tmf.Charge]


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
    effective_cancellation_date: datetime | None = None


def product_order(order: Order, asked: Asked) -> ProductOrder:
    """An order as a product order."""
    state = OrderState(order.state)
    ended = state in (OrderState.CANCELLED, OrderState.EXPIRED)
    return ProductOrder(
        id=order.id,
        href=f"{asked.root}{tmf.ORDERING}/productOrder/{order.id}",
        state=STATES[state],
        order_date=order.created_at,
        external_id=order.partner_ref,
        completion_date=order.updated_at if state is OrderState.COMPLETED else None,
        cancellation_date=order.updated_at if ended else None,
        cancellation_reason=_why_cancelled(state, asked.locale) if ended else None,
        channel=[Ref(id=order.channel)],
        note=_notes(order, asked.locale),
        product_order_item=[_item(order, STATES[state], asked)],
        related_party=tmf.customer(order.user or asked.user),
    )


def product_orders(page: OrderPage, asked: Asked) -> list[ProductOrder]:
    """A page of orders."""
    return [product_order(order, asked) for order in page.items]


def cancellation(order: Order, asked: Asked) -> CancelProductOrder:
    """The cancellation of an order. An order is cancelled once, so its id names that too."""
    return CancelProductOrder(
        id=order.id,
        href=f"{asked.root}{tmf.ORDERING}/cancelProductOrder/{order.id}",
        state="done",
        effective_cancellation_date=order.updated_at,
        product_order=Ref(
            id=order.id, href=f"{asked.root}{tmf.ORDERING}/productOrder/{order.id}", referred_type="ProductOrder"
        ),
    )


def cancellations(page: OrderPage, asked: Asked) -> list[CancelProductOrder]:
    """A page of cancellations."""
    return [cancellation(order, asked) for order in page.items]


def placing(asked: Asked) -> dict[str, Any]:
    """What to place.

    Raises:
        MalformedRequest: it asks for what is not offered.
    """
    given: GivenOrder = asked.body
    _refuse_unoffered(given)
    item = given.product_order_item[0]
    by_product = None if item.product is None else item.product.product_offering
    offering = item.product_offering or by_product
    if offering is None:
        raise MalformedRequest(
            {"zh": "请用 productOffering.id 指明商品", "en": "name the offering by productOrderItem.productOffering.id"}
        )
    return {"offer": offering.id, "action": _ACTIONS[item.action], "partner_ref": given.external_id}


def placing_user(asked: Asked) -> str | None:
    """The user who orders: the related party in the role of the customer, or the only one.

    Raises:
        MalformedRequest: it cannot be told who of several is.
    """
    given: GivenOrder = asked.body
    parties = given.related_party or []
    customers = [party for party in parties if (party.role or "").casefold() == "customer"] or parties
    if len(customers) > 1:
        raise MalformedRequest(
            {"zh": "relatedParty 中请只有一个 customer", "en": "name one relatedParty with the role customer"}
        )
    return customers[0].id if customers else None


def _cancelling(asked: Asked) -> dict[str, Any]:
    given: GivenCancellation = asked.body
    if given.requested_cancellation_date is not None:
        raise MalformedRequest(
            {
                "zh": "取消立即生效，请不要填 requestedCancellationDate",
                "en": "a cancellation takes effect at once: leave out requestedCancellationDate",
            }
        )
    return _named_in_body(asked)


def _refuse_unoffered(given: GivenOrder) -> None:
    first = given.product_order_item[0]
    if len(given.product_order_item) > 1 or first.product_order_item:
        raise _unoffered("一个订单只能有一个 productOrderItem", "an order has one productOrderItem")
    if first.action not in _ACTIONS:
        raise _unoffered("action 只能是 add 或 delete", "action is add or delete")
    if first.quantity not in (None, 1):
        raise _unoffered("quantity 只能是 1", "quantity is 1")
    if given.requested_start_date is not None or first.appointment is not None:
        raise _unoffered("不能预约办理时间", "an order begins at once: no requestedStartDate, no appointment")
    if any(part is not None for part in (given.payment, given.billing_account, first.payment, first.billing_account)):
        raise _unoffered(
            "费用记入用户话费，不能另行指定", "what is ordered is on the phone bill: no payment, no billingAccount"
        )


def _unoffered(zh: str, en: str) -> MalformedRequest:
    return MalformedRequest({"zh": zh, "en": en})


def _item(order: Order, state: ProductOrderState, asked: Asked) -> OrderItem:
    return OrderItem(
        id=_ITEM_ID,
        action=_ITEM_ACTIONS[order.action],
        quantity=1,
        state=state,
        product_offering=tmf.offering_ref(order.offer, order.name, asked),
        item_price=[tmf.charge(order.price_fen, order.period)],
    )


def _why_cancelled(state: OrderState, locale: str) -> str:
    english = locale.startswith("en")
    if state is OrderState.EXPIRED:
        return "the subscriber did not confirm in time" if english else "用户未在规定时间内确认"
    return "cancelled before it was carried out" if english else "办理前已取消"


def _notes(order: Order, locale: str) -> list[Note] | None:
    if order.confirm_by is None:
        return None
    until = order.confirm_by.isoformat()
    english = locale.startswith("en")
    return [
        Note(text=f"the subscriber is asked to confirm until {until}" if english else f"等待用户本人确认，至 {until}")
    ]


def searching(asked: Asked) -> dict[str, Any]:
    """What of the filters the search itself can use. They are applied once more to what it finds."""
    narrowed: dict[str, Any] = {"limit": 100, "user": asked.user}
    for name, field in (("externalId", "partner_ref"), ("productOrderItem.productOffering.id", "offer")):
        narrowed[field] = _single(asked, name)
    states = [ours for ours, theirs in STATES.items() if theirs == _single(asked, "state")]
    narrowed["state"] = states[0].value if len(states) == 1 else None
    narrowed["created_from"] = _moment(asked, "orderDate.gt") or _moment(asked, "orderDate.gte")
    narrowed["created_to"] = _moment(asked, "orderDate.lt")
    return narrowed


def _single(asked: Asked, name: str) -> str | None:
    values = asked.query.get(name, ())
    return values[0] if len(values) == 1 and "," not in values[0] else None


def _moment(asked: Asked, name: str) -> datetime | None:
    text = _single(asked, name)
    return None if text is None else moment(text)


def _cancelled(asked: Asked) -> dict[str, Any]:
    return {"limit": 100, "state": OrderState.CANCELLED.value}


def _cancelled_of_user(asked: Asked) -> dict[str, Any]:
    return {**_cancelled(asked), "user": asked.user}


def _named_in_body(asked: Asked) -> dict[str, Any]:
    given: GivenCancellation = asked.body
    return {"id": given.product_order.id}


def _cancelled_order(order: Order, asked: Asked) -> CancelProductOrder:
    if order.state != OrderState.CANCELLED:
        raise NotFound
    return cancellation(order, asked)


def _listing(path: str, resource: type[Struct], many: Any, own: Any, placed: Any) -> Operation:
    """A list: for a person its own orders, for a partner those it placed."""
    to_all: dict[str, Any] = {
        "shape": Shape.LIST, "resource": resource, "required": _REQUIRED, "user": tmf.named_in_query, "parameters": _PARTY,
    }  # fmt: skip
    for_partner = Operation("GET", path, "orders.search", many, placed, **to_all)
    return Operation("GET", path, "orders.list", many, own, for_partner=for_partner, **to_all)


def _reading(path: str, resource: type[Struct], one: Any) -> Operation:
    """One of the orders that a list has."""
    told: dict[str, Any] = {"resource": resource, "required": _REQUIRED}
    for_partner = Operation("GET", path, "orders.find", one, tmf.by_id, **told)
    return Operation("GET", path, "orders.get", one, tmf.by_id, for_partner=for_partner, **told)


TMF622 = Standard(
    "tmf622",
    tmf.ORDERING,
    (
        _listing("/productOrder", ProductOrder, product_orders, tmf.greatest_page, searching),
        _reading("/productOrder/{id}", ProductOrder, product_order),
        Operation(
            "POST", "/productOrder", "orders.place", product_order, placing, body=GivenOrder, status=201,
            user=placing_user,
        ),
        _listing("/cancelProductOrder", CancelProductOrder, cancellations, _cancelled, _cancelled_of_user),
        _reading("/cancelProductOrder/{id}", CancelProductOrder, _cancelled_order),
        Operation(
            "POST", "/cancelProductOrder", "orders.cancel", cancellation, _cancelling, body=GivenCancellation,
            status=201, user=tmf.named_in_query, whose=("orders.find", _named_in_body),
        ),
        *hub(FORMAT, KINDS),
    ),
    tmf.refusal,
    media_type=tmf.MEDIA_TYPE,
    selects=True,
)  # fmt: skip
