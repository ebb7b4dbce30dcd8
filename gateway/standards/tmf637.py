"""TMF637 Product Inventory 4.0.0: what a subscriber holds, read, and told of as it changes."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from gateway.capabilities.orders.schemas import Subscription, SubscriptionPage
from gateway.standards import tmf
from gateway.standards.operation import Asked, Operation, Shape, Standard
from gateway.standards.tmf import Answered, Ref, Term, TimePeriod
from gateway.standards.tmf_hub import Kinds, hub

FORMAT = "tmf637"
"""Name of the delivery format of this interface's events."""

KINDS: Kinds = {
    "ProductCreateEvent": ("subscription.started",),
    "ProductAttributeValueChangeEvent": ("subscription.changed",),
    "ProductStateChangeEvent": ("subscription.ended",),
}
"""The event types that are told. What ends is `terminated`: nothing is ever deleted."""


class Product(Answered, frozen=True, tag_field="@type", tag="Product"):
    """An offer in force, or one that has just ended."""

    id: str
    href: str
    name: str
    status: Literal["active", "terminated"]
    start_date: datetime
    product_offering: Ref
    product_price: list[tmf.Charge]
    product_term: list[Term] | None = None
    termination_date: datetime | None = None
    related_party: list[Ref] | None = None


def product(held: Subscription, asked: Asked, ended_at: datetime | None = None) -> Product:
    """A subscription as a product."""
    terms = [Term(name="cancellation", description=held.how_to_cancel)] if held.how_to_cancel else []
    if held.trial_ends_at is not None:
        words = "free until then" if asked.locale.startswith("en") else "在此之前免费"
        terms.append(Term(name="trial", description=words, valid_for=TimePeriod(end_date_time=held.trial_ends_at)))
    return Product(
        id=held.id,
        href=f"{asked.root}{tmf.INVENTORY}/product/{held.id}",
        name=held.name,
        status="active" if ended_at is None else "terminated",
        start_date=held.started_at,
        product_offering=tmf.offering_ref(held.offer, held.name, asked),
        product_price=[tmf.charge(held.price_fen, held.period)],
        product_term=terms or None,
        termination_date=ended_at,
        related_party=tmf.customer(asked.user),
    )


def products(page: SubscriptionPage, asked: Asked) -> list[Product]:
    """A page of subscriptions."""
    return [product(held, asked) for held in page.items]


TMF637 = Standard(
    "tmf637",
    tmf.INVENTORY,
    (
        *(
            Operation(
                "GET", path, "subscriptions.list_held", products, tmf.greatest_page, shape=shape, resource=Product,
                user=tmf.named_in_query, parameters=frozenset({tmf.PARTY}),
            )
            for path, shape in (("/product", Shape.LIST), ("/product/{id}", Shape.MEMBER))
        ),
        *hub(FORMAT, KINDS),
    ),
    tmf.refusal,
    media_type=tmf.MEDIA_TYPE,
    selects=True,
)  # fmt: skip
