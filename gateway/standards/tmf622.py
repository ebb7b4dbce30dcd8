"""TMF622 Product Ordering 4.0.0: orders pushed by a partner, followed and cancelled.

An order of ours is one action on one offer: it is a product order of one item, and orders that were placed together are
the items of one product order, named by the first of them. What would change what is done, and is not offered (a later
start, a quantity, another payer), is refused; what only describes is kept or passed over.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Annotated, Any, Literal

from msgspec import Meta, Struct

from gateway.capabilities.orders import OrderNotFound
from gateway.capabilities.orders.schemas import Code, Order, OrderId, OrderPage, Text100, Text1000
from gateway.capabilities.orders.states import OrderState
from gateway.errors import MalformedRequest
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

_ACTIONS = {"add": "subscribe", "modify": "change", "delete": "unsubscribe"}
_ENDED: frozenset[ProductOrderState] = frozenset({"completed", "failed", "cancelled"})
_ITEM_ACTIONS = {
    "subscribe": "add", "unsubscribe": "delete", "change": "modify", "gift": "add", "start_trial": "add",
    "convert_trial": "modify", "renew": "modify", "book": "add",
}  # fmt: skip
_IMPRESSION = "impression"
_ONLY_ITEM = "1"
"""Id of the item of a product order that has one."""
"""Name of the characteristic that tells which recommendation led to an item."""
_PARTY = frozenset({tmf.PARTY})
_REQUIRED = frozenset({"productOrderItem", "productOrder"})


class GivenOffering(Struct, frozen=True):
    """The offering an item is about."""

    id: Code


class GivenCharacteristic(Struct, frozen=True):
    """Something that describes a product."""

    name: str
    value: Any


class GivenProduct(Struct, frozen=True, rename="camel"):
    """A product an item is about: one that is held, by its id in the inventory, or told by its offering."""

    id: tmf.Id | None = None
    product_offering: GivenOffering | None = None
    product_characteristic: list[GivenCharacteristic] | None = None


class GivenNote(Struct, frozen=True):
    """What people should know."""

    text: Text1000


class GivenItem(Struct, frozen=True, rename="camel"):
    """One item of an order to be placed."""

    id: tmf.Id
    action: Literal["add", "modify", "delete", "noChange"]
    quantity: int | None = None
    product_offering: GivenOffering | None = None
    product: GivenProduct | None = None
    product_order_item: list[Any] | None = None
    product_order_item_relationship: list[Any] | None = None
    appointment: Any = None
    billing_account: Any = None
    payment: Any = None


class GivenOrder(Struct, frozen=True, rename="camel"):
    """An order to be placed."""

    product_order_item: Annotated[list[GivenItem], Meta(min_length=1, max_length=100)]
    external_id: Text100 | None = None
    description: Text1000 | None = None
    note: list[GivenNote] | None = None
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
    cancellation_reason: Text1000 | None = None
    requested_cancellation_date: datetime | None = None


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


def is_plain(asked: Asked) -> bool:
    """Whether the product order says no more than an order over any other surface: one item, and nothing remarked.

    It is then placed in the same way, so that one idempotency key names one order wherever it comes in.
    """
    given: GivenOrder = asked.body
    first, *others = given.product_order_item
    remarked = given.description is not None or given.note or first.id != _ONLY_ITEM
    return not (others or remarked) and (first.product is None or first.product.id is None)


def placing_one(asked: Asked) -> dict[str, Any]:
    """A plain product order as an order."""
    asking = placing(asked)
    item = asking["items"][0]
    told = {name: item[name] for name in ("action", "offer", "replaces", "attribution")}
    return {**told, "partner_ref": asking["partner_ref"]}


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
    return _cancellation(page.items, asked)


def cancellations(page: OrderPage, asked: Asked) -> list[CancelProductOrder]:
    """The cancellations among a page of orders."""
    return [_cancellation(orders, asked) for orders in _together(page) if _given_up(orders)]


def _given_up(orders: Sequence[Order]) -> list[Order]:
    return [order for order in orders if order.state == OrderState.CANCELLED]


def _cancellation(orders: Sequence[Order], asked: Asked) -> CancelProductOrder:
    first, given_up = orders[0], _given_up(orders)
    return CancelProductOrder(
        id=first.id,
        href=f"{asked.root}{tmf.ORDERING}/cancelProductOrder/{first.id}",
        state="done",
        cancellation_reason=_reason_given(given_up),
        effective_cancellation_date=max(order.updated_at for order in given_up),
        product_order=Ref(
            id=first.id, href=f"{asked.root}{tmf.ORDERING}/productOrder/{first.id}", referred_type="ProductOrder"
        ),
    )


def placing(asked: Asked) -> dict[str, Any]:
    """What to place.

    Raises:
        MalformedRequest: it asks for what is not offered.
    """
    given: GivenOrder = asked.body
    _refuse_unoffered(given)
    notes = [note.text for note in given.note or ()]
    if len(notes) > 1:
        raise _unoffered("note 只能有一条", "there is one note at most")
    first = {"description": given.description, "note": notes[0] if notes else None}
    items = [_placing(item, first if number == 0 else {}) for number, item in enumerate(given.product_order_item)]
    return {"items": items, "partner_ref": given.external_id}


def _placing(item: GivenItem, remarks: Mapping[str, str | None]) -> dict[str, Any]:
    product = item.product or GivenProduct()
    of_product = None if product.product_offering is None else product.product_offering.id
    of_item = None if item.product_offering is None else item.product_offering.id
    wanted = of_item if item.action == "modify" else of_item or of_product
    if wanted is None and not (item.action == "delete" and product.id):
        raise _unoffered("请用 productOffering.id 指明商品", "name the offering by productOrderItem.productOffering.id")
    if item.action == "modify" and not (product.id or of_product):
        raise _unoffered(
            "modify 请用 product.id 或 product.productOffering.id 指明原有商品",
            "for modify name what is held by product.id or product.productOffering.id",
        )
    return {
        "action": _ACTIONS[item.action],
        "offer": wanted,
        "replaces": of_product if item.action == "modify" else None,
        "held": None if item.action == "add" else product.id,
        "attribution": {"impression": _impression(product)},
        "remarks": {"item": item.id, **remarks},
    }


def _impression(product: GivenProduct) -> Any:
    given = product.product_characteristic or []
    if [one.name for one in given] not in ([], [_IMPRESSION]):
        raise _unoffered(
            f"productCharacteristic 只能是 {_IMPRESSION}", f"the one productCharacteristic there is is {_IMPRESSION}"
        )
    return given[0].value if given else None


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
    return {**_named_in_body(asked), "reason": given.cancellation_reason}


def _refuse_unoffered(given: GivenOrder) -> None:
    if given.requested_start_date is not None:
        raise _unoffered("不能预约办理时间", "an order begins at once: no requestedStartDate, no appointment")
    items = given.product_order_item
    if len({item.id for item in items}) < len(items):
        raise _unoffered("productOrderItem.id 不能重复", "each productOrderItem has an id of its own")
    payers = [(given.payment, given.billing_account), *((item.payment, item.billing_account) for item in items)]
    if any(part is not None for payer in payers for part in payer):
        raise _unoffered(
            "费用记入用户话费，不能另行指定", "what is ordered is on the phone bill: no payment, no billingAccount"
        )
    for item in items:
        if item.product_order_item or item.product_order_item_relationship:
            raise _unoffered("订单项不能嵌套，也不能相互关联", "items hold no items, and do not depend on one another")
        if item.action not in _ACTIONS:
            raise _unoffered("action 只能是 add、modify 或 delete", "action is add, modify or delete")
        if item.quantity not in (None, 1):
            raise _unoffered("quantity 只能是 1", "quantity is 1")
        if item.appointment is not None:
            raise _unoffered("不能预约办理时间", "an order begins at once: no requestedStartDate, no appointment")


def _unoffered(zh: str, en: str) -> MalformedRequest:
    return MalformedRequest({"zh": zh, "en": en})


def _item(order: Order, number: int, asked: Asked) -> OrderItem:
    impression = order.attribution.impression
    product = ItemProduct(
        product_offering=None if order.replaces is None else tmf.offering_ref(order.replaces, None, asked),
        product_characteristic=None if impression is None else [Characteristic(name=_IMPRESSION, value=impression)],
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


def searching(asked: Asked) -> dict[str, Any]:
    """What of the filters the search itself can use. They are applied once more to what it finds."""
    narrowed: dict[str, Any] = {"limit": 100, "user": asked.user, "whole": True}
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


def _cancelled_of_user(asked: Asked) -> dict[str, Any]:
    return {"limit": 100, "state": OrderState.CANCELLED.value, "whole": True, "user": asked.user}


def _by_id(asked: Asked) -> dict[str, Any]:
    return {"limit": 100, "together": asked.path["id"]}


def _named_in_body(asked: Asked) -> dict[str, Any]:
    given: GivenCancellation = asked.body
    return {"id": given.product_order.id}


def _listing(path: str, resource: type[Struct], many: Any, own: Any, placed: Any) -> Operation:
    """A list: for a person its own orders, for a partner those it placed."""
    to_all: dict[str, Any] = {
        "shape": Shape.LIST, "resource": resource, "required": _REQUIRED, "user": tmf.named_in_query, "parameters": _PARTY,
    }  # fmt: skip
    for_partner = Operation("GET", path, "orders.search", many, placed, **to_all)
    return Operation("GET", path, "orders.list", many, own, for_partner=for_partner, **to_all)


def _reading(path: str, resource: type[Struct], many: Any) -> Operation:
    """One of those that a list has."""
    told: dict[str, Any] = {
        "shape": Shape.MEMBER, "resource": resource, "required": _REQUIRED, "absent": OrderNotFound,
    }  # fmt: skip
    for_partner = Operation("GET", path, "orders.search", many, _by_id, **told)
    return Operation("GET", path, "orders.list", many, _by_id, for_partner=for_partner, **told)


TMF622 = Standard(
    "tmf622",
    tmf.ORDERING,
    (
        _listing("/productOrder", ProductOrder, product_orders, tmf.greatest_page, searching),
        _reading("/productOrder/{id}", ProductOrder, product_orders),
        Operation(
            "POST", "/productOrder", "orders.place_together", placed, placing, body=GivenOrder, status=201,
            user=placing_user, plain=(is_plain, Operation("POST", "/productOrder", "orders.place", placed_one, placing_one, status=201)),
        ),
        _listing("/cancelProductOrder", CancelProductOrder, cancellations, tmf.greatest_page, _cancelled_of_user),
        _reading("/cancelProductOrder/{id}", CancelProductOrder, cancellations),
        Operation(
            "POST", "/cancelProductOrder", "orders.cancel_together", cancellation, _cancelling, body=GivenCancellation,
            status=201, user=tmf.named_in_query, whose=("orders.find", _named_in_body),
        ),
        *hub(FORMAT, KINDS),
    ),
    tmf.refusal,
    media_type=tmf.MEDIA_TYPE,
    selects=True,
)  # fmt: skip
