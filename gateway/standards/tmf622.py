"""TMF622 Product Ordering 4.0.0: orders pushed by a partner, followed and cancelled.

An order of ours is one action on one offer: it is a product order of one item, and orders that were placed together are
the items of one product order, named by the first of them. What would change what is done, and is not offered (a later
start, a quantity, another payer), is refused; what only describes is kept or passed over.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from msgspec import Struct

from gateway.capabilities.orders import OrderNotFound
from gateway.capabilities.orders.states import OrderState
from gateway.standards import tmf
from gateway.standards.operation import Asked, Operation, Shape, Standard
from gateway.standards.tmf622_bodies import (
    STATES,
    CancelProductOrder,
    ProductOrder,
    cancellation,
    cancellations,
    placed,
    placed_one,
    product_orders,
)
from gateway.standards.tmf622_given import (
    GivenCancellation,
    GivenOrder,
    cancelling,
    is_plain,
    named_in_body,
    placing,
    placing_one,
    placing_user,
)
from gateway.standards.tmf630 import moment
from gateway.standards.tmf_hub import Kinds, hub

FORMAT = "tmf622"
"""Name of the delivery format of this interface's events."""

KINDS: Kinds = {
    "ProductOrderCreateEvent": (f"order.{OrderState.ACKNOWLEDGED}",),
    "ProductOrderStateChangeEvent": tuple(
        f"order.{state}" for state in OrderState if state is not OrderState.ACKNOWLEDGED
    ),
    "CancelProductOrderCreateEvent": ("cancellation.acknowledged",),
    "CancelProductOrderStateChangeEvent": ("cancellation.done",),
}
"""The event types that are told. Of a cancellation nothing more is ever asked, so no `InformationRequired`."""

_PARTY = frozenset({tmf.PARTY})
_REQUIRED = frozenset({"productOrderItem", "productOrder"})


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
            "POST", "/cancelProductOrder", "orders.cancel_together", cancellation, cancelling, body=GivenCancellation,
            status=201, user=tmf.named_in_query, whose=("orders.find", named_in_body),
        ),
        *hub(FORMAT, KINDS),
    ),
    tmf.refusal,
    media_type=tmf.MEDIA_TYPE,
    selects=True,
)  # fmt: skip
