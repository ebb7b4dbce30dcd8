"""TMF637 Product Inventory 4.0.0: what a subscriber holds, read."""

from __future__ import annotations

from datetime import datetime

from gateway.capabilities.orders.schemas import Subscription, SubscriptionPage
from gateway.standards import tmf
from gateway.standards.operation import Asked, Operation, Shape, Standard
from gateway.standards.tmf import Answered, Ref, Term


class Product(Answered, frozen=True, tag_field="@type", tag="Product"):
    """An offer in force."""

    id: str
    href: str
    name: str
    status: str
    start_date: datetime
    product_offering: Ref
    product_price: list[tmf.Charge]
    product_term: list[Term] | None = None
    related_party: list[Ref] | None = None


def product(held: Subscription, asked: Asked) -> Product:
    """A subscription as a product."""
    term = Term(name="cancellation", description=held.how_to_cancel)
    return Product(
        id=held.id,
        href=f"{asked.url}/product/{held.id}",
        name=held.name,
        status="active",
        start_date=held.started_at,
        product_offering=tmf.offering_ref(held.offer, held.name, asked),
        product_price=[tmf.charge(held.price_fen, held.period)],
        product_term=[term] if held.how_to_cancel else None,
        related_party=tmf.customer(asked.user),
    )


def products(page: SubscriptionPage, asked: Asked) -> list[Product]:
    """A page of subscriptions."""
    return [product(held, asked) for held in page.items]


TMF637 = Standard(
    "tmf637",
    tmf.INVENTORY,
    tuple(
        Operation(
            "GET", path, "subscriptions.list_held", products, tmf.greatest_page, shape=shape, resource=Product,
            user=tmf.named_in_query, parameters=frozenset({tmf.PARTY}),
        )
        for path, shape in (("/product", Shape.LIST), ("/product/{id}", Shape.MEMBER))
    ),
    tmf.refusal,
    media_type=tmf.MEDIA_TYPE,
    selects=True,
    unoffered=tmf.NO_HUB,
)  # fmt: skip
