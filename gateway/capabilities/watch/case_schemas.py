"""What operators ask about cases, and the answers."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

from msgspec import Meta, Struct

from gateway.capabilities.greylist import Phone
from gateway.capabilities.partners import PartnerId
from gateway.capabilities.watch.case_records import MOST_NAMED
from gateway.capabilities.watch.case_states import CaseState, Outcome
from gateway.kit.month import Month

Id = Annotated[str, Meta(pattern=r"^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$")]
Reason = Annotated[str, Meta(min_length=1, max_length=500, pattern=r"^[^\x00-\x1f]*$")]
_Note = Annotated[str, Meta(max_length=5000, pattern=r"^[^\x00]*$", description="In your own words.")]
_Named = Annotated[list[Id], Meta(max_length=MOST_NAMED)]
Cursor = Annotated[Id | None, Meta(description="`next` of the page before.")]
PageSize = Annotated[int, Meta(ge=1, le=100)]


class Case(Struct, frozen=True):
    """A case."""

    id: str
    cause: str
    """`standing`, `burst`, `refusals`, `flooded`, `cycles`, `arrears`, or `operator`."""
    partner: str | None
    number: str | None
    """Keyed hash of the phone number, in hex: the number itself is not kept."""
    reason: str
    state: str
    owed_fen: int | None
    """What the partner owes back, fen."""
    month: str | None
    """The month whose settlement it is set off against."""
    outcome: str | None
    """How it ended: `unfounded`, `repaid`, or `offset`."""
    evidence: int
    """Pieces of evidence."""
    opened_at: datetime
    closed_at: datetime | None


class OpenCase(Struct, frozen=True):
    """Open a case about a partner, a number, or both."""

    reason: Reason
    partner: PartnerId | None = None
    phone: Phone | None = None
    note: _Note = ""
    orders: _Named = []
    complaints: _Named = []


class AddEvidence(Struct, frozen=True):
    """Add a piece of evidence: a note, orders, complaints, or some of them."""

    id: Id
    note: _Note = ""
    orders: _Named = []
    complaints: _Named = []


class ListCases(Struct, frozen=True):
    """Page through the cases."""

    state: CaseState | None = None
    partner: PartnerId | None = None
    phone: Phone | None = None
    cursor: Cursor = None
    limit: PageSize = 50


class CasePage(Struct, frozen=True):
    """One page of cases, in the order in which they were opened."""

    items: list[Case]
    next: str | None = None


class GetCase(Struct, frozen=True):
    """Name a case, and the first piece of evidence to show."""

    id: Id
    evidence_from: Annotated[int, Meta(ge=0, le=10_000)] = 0
    limit: PageSize = 50


class CaseStep(Struct, frozen=True):
    """One step of a case."""

    state: str
    reason: str
    actor: str
    at: datetime


class PieceOfEvidence(Struct, frozen=True):
    """One piece of evidence, as it was when it was added."""

    number: int
    figures: dict[str, Any]
    orders: list[str]
    complaints: list[str]
    note: str
    actor: str
    at: datetime
    digest: str
    """SHA-256 over this piece and the digest of the piece before, in hex."""


class WholeCase(Struct, frozen=True):
    """A case with its steps and a page of its evidence."""

    case: Case
    steps: list[CaseStep]
    evidence: list[PieceOfEvidence]
    intact: bool
    """Whether the digests of this page's pieces are right: false where one was changed, removed or slipped in."""
    next: int | None = None
    """`evidence_from` of the next page."""


class MoveCase(Struct, frozen=True):
    """Take the next step of a case."""

    id: Id
    to: CaseState
    reason: Reason
    owed_fen: Annotated[
        Annotated[int, Meta(ge=1, le=10**15)] | None, Meta(description="With `recovering`: what the partner owes back.")
    ] = None
    month: Annotated[Month | None, Meta(description="With `offsetting`: whose settlement it is set off against.")] = (
        None
    )
    outcome: Annotated[
        Outcome | None,
        Meta(description="With `closed` from `recovering`: `repaid`, or `unfounded` where nothing is owed after all."),
    ] = None
    lift: Annotated[
        bool,
        Meta(description="With `closed`: let the partner order as usual again, and take the number off the grey list."),
    ] = False
