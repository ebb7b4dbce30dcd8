"""What recommending takes and answers."""

from __future__ import annotations

from datetime import datetime
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

    id: str
    """Names this answer; each impression is it, a point and a number."""
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


ShownId = Annotated[
    str, Meta(pattern=r"^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$", description="Id of an answer that recommended.")
]


class ListShown(Struct, frozen=True):
    """Page through what was recommended to the subject through the calling account, newest first."""

    cursor: Annotated[ShownId | None, Meta(description="`next` of the page before.")] = None
    limit: Annotated[int, Meta(ge=1, le=100, description="Answers on one page.")] = 20


class ShownRef(Struct, frozen=True):
    """Name one answer that recommended."""

    id: ShownId


class ShownOffer(Struct, frozen=True):
    """One offer that was shown, as the catalog has it now."""

    impression: str
    offer: str
    name: str
    price_fen: int
    """Price of one period, fen."""
    period: str


class Shown(Struct, frozen=True):
    """One answer that recommended. Scores and reasons are not kept."""

    id: str
    at: datetime
    place: str
    items: list[ShownOffer]
    """Best first; offers that have left the catalog are missing."""


class ShownPage(Struct, frozen=True):
    """Answers that recommended, newest first."""

    items: list[Shown]
    next: str | None = None
    """Cursor of the next page; null on the last one."""
