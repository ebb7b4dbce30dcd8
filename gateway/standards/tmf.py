"""What the TM Forum documents of version 4 have in common: money, references, periods, errors.

Sources: the published Swagger files of TMF620 4.1.0, TMF622 4.0.0, TMF637 4.0.0 and TMF680 4.0.0.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

import msgspec
from msgspec import Meta, Struct

from gateway.errors import GatewayError
from gateway.standards.operation import Asked, Operation

MEDIA_TYPE = "application/json;charset=utf-8"

CATALOG = "/tmf-api/productCatalogManagement/v4"
ORDERING = "/tmf-api/productOrderingManagement/v4"
INVENTORY = "/tmf-api/productInventory/v4"
RECOMMENDATION = "/tmf-api/recommendation/v4"

PARTY = "relatedParty.id"
"""Query parameter that names the partner's user."""

Id = Annotated[str, Meta(max_length=100)]


class Answered(Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """Base of what is answered: names in camel case, nothing where nothing is known."""


class Money(Answered, frozen=True):
    """An amount of money in a currency of ISO 4217."""

    unit: str
    value: float


class Price(Answered, frozen=True):
    """What is paid, taxes included."""

    tax_included_amount: Money


class Charge(Answered, frozen=True):
    """What is paid, and how often."""

    price_type: str
    price: Price
    recurring_charge_period: str | None = None


class TimePeriod(Answered, frozen=True):
    """From when until when."""

    start_date_time: datetime | None = None
    end_date_time: datetime | None = None


class Duration(Answered, frozen=True):
    """A length of time."""

    amount: int
    units: str


class Term(Answered, frozen=True):
    """A commitment or another condition that lasts."""

    name: str
    description: str
    duration: Duration | None = None
    valid_for: TimePeriod | None = None


class Ref(Answered, frozen=True):
    """A reference to something else, told by its id."""

    id: str
    href: str | None = None
    name: str | None = None
    role: str | None = None
    referred_type: str | None = msgspec.field(name="@referredType", default=None)


class TmfError(Answered, frozen=True, tag_field="@type", tag="Error"):
    """Why a request was not served."""

    code: str
    reason: str
    message: str
    status: str


class GivenRef(Struct, frozen=True, rename="camel"):
    """A reference as a caller gives it."""

    id: Id


class GivenParty(Struct, frozen=True, rename="camel"):
    """Somebody a caller names, by its own id."""

    id: Id
    referred_type: str = msgspec.field(name="@referredType")
    role: str | None = None


def yuan(fen: int) -> Money:
    """An amount in yuan. The quotient by 100 is the float nearest to the two decimals, so the fen come back exactly."""
    return Money(unit="CNY", value=fen / 100)


def price(fen: int) -> Price:
    """What is paid for one period."""
    return Price(tax_included_amount=yuan(fen))


def charge(fen: int, period: str) -> Charge:
    """What is paid for something with a price for a period."""
    return Charge(
        price_type=charge_type(period), price=price(fen), recurring_charge_period="month" if period == "month" else None
    )


def days(amount: int) -> Duration:
    """A length of time in days."""
    return Duration(amount=amount, units="day")


def charge_type(period: str) -> str:
    """The word of TMF for how often the price of a period is paid."""
    return "recurring" if period == "month" else "oneTime"


def offering_ref(code: str, name: str | None, asked: Asked) -> Ref:
    """A reference to an offering of our catalog."""
    return Ref(
        id=code, href=f"{asked.root}{CATALOG}/productOffering/{code}", name=name, referred_type="ProductOffering"
    )


def customer(user: str | None) -> list[Ref] | None:
    """The partner's user as a related party; None where a person speaks for itself."""
    if user is None:
        return None
    return [Ref(id=user, role="customer", referred_type="Individual")]


def by_id(asked: Asked) -> dict[str, Any]:
    """The fields of a request for the one thing that the path names."""
    return {"id": asked.path["id"]}


def greatest_page(asked: Asked) -> dict[str, Any]:
    """The fields of a request for as much as one answer holds."""
    return {"limit": 100}


def named_in_query(asked: Asked) -> str | None:
    """The user whom `relatedParty.id` names."""
    return asked.value(PARTY)


def refusal(error: GatewayError, operation: Operation | None, locale: str) -> tuple[int, TmfError]:
    """The error with a status of the documents.

    A body that names what does not exist is a bad body (400): creating has no 404. A key used for another body is a
    conflict (409).
    """
    status = error.status
    if status == 404 and operation is not None and operation.body is not None:
        status = 400
    elif status == 422:
        status = 409
    language = "en" if locale.startswith("en") else "zh"
    return status, TmfError(
        code=error.code, reason=error.title[language], message=error.words(locale) + _facts(error), status=str(status)
    )


def _facts(error: GatewayError) -> str:
    """What else the error knows: TMF's body has no place of its own for it."""
    facts: dict[str, Any] = error.extra
    return f" ({', '.join(f'{name}={value}' for name, value in facts.items())})" if facts else ""
