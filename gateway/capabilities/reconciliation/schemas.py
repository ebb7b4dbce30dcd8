"""What reconciliation takes and answers."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from msgspec import Meta, Struct

_Id = Annotated[str, Meta(pattern=r"^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$")]
Day = Annotated[str, Meta(pattern=r"^20[0-9]{2}-[0-9]{2}-[0-9]{2}$", description="A day of the operator, YYYY-MM-DD.")]


class ReconciliationRef(Struct, frozen=True):
    """Name one reconciliation, and a page of its differences."""

    id: Annotated[_Id, Meta(description="Id of a reconciliation.")]
    state: Annotated[Literal["open", "repaired"] | None, Meta(description="Only differences in this state.")] = None
    cursor: Annotated[_Id | None, Meta(description="`next` of the page before.")] = None
    limit: Annotated[int, Meta(ge=1, le=1000, description="Differences on one page.")] = 100


class ListReconciliations(Struct, frozen=True):
    """Page through reconciliations, newest first."""

    day: Annotated[Day | None, Meta(description="Only those of this day.")] = None
    cursor: Annotated[_Id | None, Meta(description="`next` of the page before.")] = None
    limit: Annotated[int, Meta(ge=1, le=100, description="Reconciliations on one page.")] = 20


class RepairDifference(Struct, frozen=True):
    """Mend one difference, and say why."""

    id: Annotated[_Id, Meta(description="Id of a difference.")]
    note: Annotated[
        str,
        Meta(max_length=1000, pattern=r"^[^\x00-\x08\x0b-\x1f]*$", description="Why; for `human`, what was done."),
    ] = ""


class Difference(Struct, frozen=True):
    """One difference and what mends it."""

    id: str
    number: str
    """The order's number."""
    kind: str
    repair: str
    ours: str
    theirs: str
    state: Literal["open", "repaired"]
    partner: str | None = None
    repaired_by: str | None = None
    repaired_at: datetime | None = None
    note: str | None = None


class Reconciliation(Struct, frozen=True):
    """One comparison of a day."""

    id: str
    day: str
    partner: str | None
    state: Literal["running", "done", "failed"]
    compared: int
    """Orders and entries that were looked at."""
    found: int
    """Differences."""
    started_at: datetime
    finished_at: datetime | None = None
    problem: str | None = None


class ReconciliationDetail(Struct, frozen=True):
    """A reconciliation with a page of its differences, in the order of their ids."""

    reconciliation: Reconciliation
    differences: list[Difference]
    next: str | None = None
    """Cursor of the next page; null on the last one."""


class ReconciliationPage(Struct, frozen=True):
    """One page of reconciliations."""

    items: list[Reconciliation]
    next: str | None = None
    """Cursor of the next page; null on the last one."""
