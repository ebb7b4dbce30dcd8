"""Bodies of TMF622 that are sent: what they ask of the capabilities, and what of it is refused."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any, Literal

from msgspec import Meta, Struct

from gateway.capabilities.orders.schemas import Code, OrderId, Text100, Text1000
from gateway.errors import MalformedRequest
from gateway.standards import tmf
from gateway.standards.operation import Asked
from gateway.standards.tmf import GivenParty
from gateway.standards.tmf622_bodies import IMPRESSION

_ACTIONS = {"add": "subscribe", "modify": "change", "delete": "unsubscribe"}
_ONLY_ITEM = "1"
"""Id of the item of a product order that has one."""


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
    if [one.name for one in given] not in ([], [IMPRESSION]):
        raise _unoffered(
            f"productCharacteristic 只能是 {IMPRESSION}", f"the one productCharacteristic there is is {IMPRESSION}"
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


def cancelling(asked: Asked) -> dict[str, Any]:
    """What to cancel.

    Raises:
        MalformedRequest: it asks for a later time.
    """
    given: GivenCancellation = asked.body
    if given.requested_cancellation_date is not None:
        raise MalformedRequest(
            {
                "zh": "取消立即生效，请不要填 requestedCancellationDate",
                "en": "a cancellation takes effect at once: leave out requestedCancellationDate",
            }
        )
    return {**named_in_body(asked), "reason": given.cancellation_reason}


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


def named_in_body(asked: Asked) -> dict[str, Any]:
    """The fields of a request for the order that is to be cancelled."""
    given: GivenCancellation = asked.body
    return {"id": given.product_order.id}
