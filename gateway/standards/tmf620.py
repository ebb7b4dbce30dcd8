"""TMF620 Product Catalog Management 4.1.0: the offers on sale, read.

An offer of ours has one price and describes one product, so offering, price and specification of one offer share its
code as their id. A service of ours is a category, and there is one catalog.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from msgspec import Struct

from gateway.capabilities.offers.views import OfferPage, OfferView, ServicePage
from gateway.standards import tmf
from gateway.standards.operation import Asked, Operation, Shape, Standard
from gateway.standards.tmf import Answered, Money, Ref, Term, TimePeriod
from gateway.standards.tmf_hub import Kinds, hub

FORMAT = "tmf620"
"""Name of the delivery format of this interface's events."""

KINDS: Kinds = {
    "ProductOfferingCreateEvent": ("offer.created",),
    "ProductOfferingAttributeValueChangeEvent": ("offer.changed",),
    "ProductOfferingStateChangeEvent": ("offer.launched", "offer.retired"),
    "ProductOfferingDeleteEvent": ("offer.removed",),
}
"""The event types that are told. Price and specification of an offer change with it, and services and the catalog with the
program."""

CATALOG_ID = "offers"
_LAUNCHED, _RETIRED = "Launched", "Retired"


class PricePart(Answered, frozen=True, tag_field="@type", tag="ProductOfferingPrice"):
    """The price of an offering, told with the offering."""

    id: str
    href: str
    name: str
    price_type: str
    price: tmf.Price
    recurring_charge_period: str | None = None
    recurring_charge_period_length: int | None = None


class Relationship(Answered, frozen=True):
    """Another offering that this one needs, or cannot be held with."""

    id: str
    href: str
    relationship_type: str


class BundleOption(Answered, frozen=True):
    """How many of a component a bundle holds."""

    number_rel_offer_default: int
    number_rel_offer_lower_limit: int
    number_rel_offer_upper_limit: int


class BundledOffering(Answered, frozen=True):
    """A component of a bundle."""

    id: str
    href: str
    bundled_product_offering_option: BundleOption


class ProductOffering(Answered, frozen=True, tag_field="@type", tag="ProductOffering"):
    """An offer."""

    id: str
    href: str
    name: str
    description: str
    is_bundle: bool
    is_sellable: bool
    lifecycle_status: str
    category: list[Ref]
    product_offering_price: list[PricePart]
    product_specification: Ref
    valid_for: TimePeriod | None = None
    product_offering_term: list[Term] | None = None
    place: list[Ref] | None = None
    market_segment: list[Ref] | None = None
    product_offering_relationship: list[Relationship] | None = None
    bundled_product_offering: list[BundledOffering] | None = None


class ProductOfferingPrice(Answered, frozen=True, tag_field="@type", tag="ProductOfferingPrice"):
    """The price of an offer, as a resource of its own."""

    id: str
    href: str
    name: str
    is_bundle: bool
    lifecycle_status: str
    price_type: str
    price: Money
    valid_for: TimePeriod | None = None
    recurring_charge_period_type: str | None = None
    recurring_charge_period_length: int | None = None
    product_offering_term: list[Term] | None = None


class CharacteristicValue(Answered, frozen=True):
    """The value of a characteristic."""

    is_default: bool
    value: int
    unit_of_measure: str
    value_type: str


class Characteristic(Answered, frozen=True):
    """What one period of a product includes."""

    id: str
    name: str
    configurable: bool
    value_type: str
    product_spec_characteristic_value: list[CharacteristicValue]


class ProductSpecification(Answered, frozen=True, tag_field="@type", tag="ProductSpecification"):
    """What an offer gives."""

    id: str
    href: str
    name: str
    product_number: str
    is_bundle: bool
    lifecycle_status: str
    product_spec_characteristic: list[Characteristic] | None = None


class Category(Answered, frozen=True, tag_field="@type", tag="Category"):
    """A service of the operator."""

    id: str
    href: str
    name: str
    is_root: bool
    lifecycle_status: str


class Catalog(Answered, frozen=True, tag_field="@type", tag="Catalog"):
    """The one catalog."""

    id: str
    href: str
    name: str
    catalog_type: str
    lifecycle_status: str
    category: list[Ref]


def offering(view: OfferView, asked: Asked) -> ProductOffering:
    """An offer as a product offering."""
    return ProductOffering(
        id=view.code,
        href=f"{asked.url}/productOffering/{view.code}",
        name=view.name,
        description=view.description,
        is_bundle=bool(view.components),
        is_sellable=view.on_sale,
        lifecycle_status=_lifecycle(view),
        valid_for=_period_of_sale(view),
        category=[_category_ref(view.service, None, asked)],
        product_offering_price=[_price_part(view, asked)],
        product_specification=Ref(
            id=view.code,
            href=f"{asked.url}/productSpecification/{view.code}",
            name=view.name,
            referred_type="ProductSpecification",
        ),
        product_offering_term=_terms(view, asked) or None,
        place=[Ref(id=path, referred_type="GeographicArea") for path in view.eligibility.regions] or None,
        market_segment=[Ref(id=code, referred_type="MarketSegment") for code in view.eligibility.brands] or None,
        product_offering_relationship=_relationships(view, asked) or None,
        bundled_product_offering=[_component(code, asked) for code in view.components] or None,
    )


def offering_price(view: OfferView, asked: Asked) -> ProductOfferingPrice:
    """The price of an offer."""
    monthly = view.period == "month"
    return ProductOfferingPrice(
        id=view.code,
        href=f"{asked.url}/productOfferingPrice/{view.code}",
        name=view.name,
        is_bundle=False,
        lifecycle_status=_lifecycle(view),
        price_type=tmf.charge_type(view.period),
        price=tmf.yuan(view.price_fen),
        valid_for=_period_of_sale(view),
        recurring_charge_period_type="month" if monthly else None,
        recurring_charge_period_length=1 if monthly else None,
        product_offering_term=_terms(view, asked) or None,
    )


def specification(view: OfferView, asked: Asked) -> ProductSpecification:
    """What an offer gives."""
    included = view.allowance
    amounts = (("traffic", included.traffic_mb, "MB"), ("sms", included.sms, "SMS"), ("voice", included.minutes, "min"))
    return ProductSpecification(
        id=view.code,
        href=f"{asked.url}/productSpecification/{view.code}",
        name=view.name,
        product_number=view.code,
        is_bundle=bool(view.components),
        lifecycle_status=_lifecycle(view),
        product_spec_characteristic=[_characteristic(*amount) for amount in amounts if amount[1]] or None,
    )


def offerings(page: OfferPage, asked: Asked) -> list[ProductOffering]:
    """A page of offers as product offerings."""
    return [offering(view, asked) for view in page.items]


def prices(page: OfferPage, asked: Asked) -> list[ProductOfferingPrice]:
    """The prices of a page of offers."""
    return [offering_price(view, asked) for view in page.items]


def specifications(page: OfferPage, asked: Asked) -> list[ProductSpecification]:
    """What the offers of a page give."""
    return [specification(view, asked) for view in page.items]


def categories(page: ServicePage, asked: Asked) -> list[Category]:
    """A page of services as categories."""
    return [
        Category(
            id=service.code,
            href=f"{asked.url}/category/{service.code}",
            name=service.name,
            is_root=True,
            lifecycle_status=_LAUNCHED,
        )
        for service in page.items
    ]


def catalogs(page: ServicePage, asked: Asked) -> list[Catalog]:
    """The one catalog, with its categories."""
    return [
        Catalog(
            id=CATALOG_ID,
            href=f"{asked.url}/catalog/{CATALOG_ID}",
            name="Product catalog" if asked.locale.startswith("en") else "商品目录",
            catalog_type="ProductCatalog",
            lifecycle_status=_LAUNCHED,
            category=[_category_ref(service.code, service.name, asked) for service in page.items],
        )
    ]


def _lifecycle(view: OfferView) -> str:
    return _LAUNCHED if view.on_sale else _RETIRED


def _period_of_sale(view: OfferView) -> TimePeriod | None:
    if view.on_sale_from is None and view.on_sale_until is None:
        return None
    return TimePeriod(start_date_time=view.on_sale_from, end_date_time=view.on_sale_until)


def _category_ref(code: str, name: str | None, asked: Asked) -> Ref:
    return Ref(id=code, href=f"{asked.url}/category/{code}", name=name, referred_type="Category")


def _price_part(view: OfferView, asked: Asked) -> PricePart:
    monthly = view.period == "month"
    return PricePart(
        id=view.code,
        href=f"{asked.url}/productOfferingPrice/{view.code}",
        name=view.name,
        price_type=tmf.charge_type(view.period),
        price=tmf.price(view.price_fen),
        recurring_charge_period="month" if monthly else None,
        recurring_charge_period_length=1 if monthly else None,
    )


def _terms(view: OfferView, asked: Asked) -> list[Term]:
    english = asked.locale.startswith("en")
    trial, least = view.trial_days, view.min_term_days
    found = []
    if trial is not None:
        words = f"the first {trial} days are free" if english else f"前{trial}天免费"
        found.append(Term(name="trial", description=words, duration=tmf.days(trial)))
    if view.period == "day":
        words = "good for one day" if english else "一天有效"
        found.append(Term(name="validity", description=words, duration=tmf.days(1)))
    if least:
        found.append(Term(name="commitment", description=view.how_to_cancel, duration=tmf.days(least)))
    return found


def _relationships(view: OfferView, asked: Asked) -> list[Relationship]:
    rules = view.eligibility
    kinds = [*((code, "requires") for code in rules.requires), *((code, "excludes") for code in rules.excludes)]
    return [
        Relationship(id=code, href=f"{asked.url}/productOffering/{code}", relationship_type=kind)
        for code, kind in kinds
    ]


def _component(code: str, asked: Asked) -> BundledOffering:
    once = BundleOption(number_rel_offer_default=1, number_rel_offer_lower_limit=1, number_rel_offer_upper_limit=1)
    return BundledOffering(id=code, href=f"{asked.url}/productOffering/{code}", bundled_product_offering_option=once)


def _characteristic(name: str, amount: int, unit: str) -> Characteristic:
    value = CharacteristicValue(is_default=True, value=amount, unit_of_measure=unit, value_type="number")
    return Characteristic(
        id=name, name=name, configurable=False, value_type="number", product_spec_characteristic_value=[value]
    )


def _code(asked: Asked) -> dict[str, Any]:
    return {"code": asked.path["id"]}


def _of_offers(name: str, resource: type[Struct], many: Any, one: Any) -> Iterable[Operation]:
    yield Operation("GET", f"/{name}", "offers.list", many, tmf.greatest_page, shape=Shape.LIST, resource=resource)
    yield Operation("GET", f"/{name}/{{id}}", "offers.get", one, _code, resource=resource)


def _of_services(name: str, resource: type[Struct], many: Any) -> Iterable[Operation]:
    for path, shape in ((f"/{name}", Shape.LIST), (f"/{name}/{{id}}", Shape.MEMBER)):
        yield Operation("GET", path, "offers.list_services", many, tmf.greatest_page, shape=shape, resource=resource)


TMF620 = Standard(
    "tmf620",
    tmf.CATALOG,
    (
        *_of_offers("productOffering", ProductOffering, offerings, offering),
        *_of_offers("productOfferingPrice", ProductOfferingPrice, prices, offering_price),
        *_of_offers("productSpecification", ProductSpecification, specifications, specification),
        *_of_services("category", Category, categories),
        *_of_services("catalog", Catalog, catalogs),
        *hub(FORMAT, KINDS),
    ),
    tmf.refusal,
    media_type=tmf.MEDIA_TYPE,
    selects=True,
    unoffered=frozenset({"/importJob", "/importJob/{id}", "/exportJob", "/exportJob/{id}"}),
)
