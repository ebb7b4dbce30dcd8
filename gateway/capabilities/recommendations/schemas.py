"""What recommending takes and answers."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta, Struct

Place = Annotated[
    str, Meta(pattern=r"^[a-z0-9_:-]{1,60}$", description="Where it is shown: any, chat, service:music …")
]
Impression = Annotated[
    str, Meta(pattern=r"^[0-9a-f-]{36}\.[0-9]{1,2}$", description="Impression id as given with a recommendation.")
]


class ListRecommendations(Struct, frozen=True):
    """Ask for the best offers for the subject."""

    place: Place = "any"
    limit: Annotated[int, Meta(ge=1, le=20, description="Offers at most; 3 where a person reads them.")] = 3


class Why(Struct, frozen=True):
    """Why an offer is recommended, from evidence."""

    code: str
    words: str


class Recommendation(Struct, frozen=True):
    """One offer worth showing."""

    impression: str
    """Pass it on with the order: it says which showing led to it."""
    offer: str
    name: str
    price_fen: int
    """Price of one period, fen."""
    period: str
    score: float
    """0 to 1, comparable within one answer."""
    reason: Why
    link: str
    """Where the offer can be ordered, carrying the impression."""


class RecommendationList(Struct, frozen=True):
    """Offers, best first; empty when nothing suits."""

    items: list[Recommendation]
    model: str
    """Version of the model that ranked them."""


class GiveFeedback(Struct, frozen=True):
    """Say what the subject did with what they were shown."""

    kind: Annotated[Literal["clicked", "declined"], Meta(description="clicked, or declined: not interested.")]
    offer: Annotated[str, Meta(min_length=1, max_length=60, description="Code of a product offering.")]
    impression: Impression | None = None
    place: Place = "any"


class FeedbackTaken(Struct, frozen=True):
    """The feedback counts from the next answer on, on every channel."""

    kind: str
    offer: str
