"""Reading reconciliations and mending what they found."""

from __future__ import annotations

from gateway.capabilities.reconciliation import repository
from gateway.capabilities.reconciliation.errors import (
    DifferenceNotFound,
    NoteNeeded,
    NotMendable,
    ReconciliationNotFound,
)
from gateway.capabilities.reconciliation.repairing import Repairs
from gateway.capabilities.reconciliation.schemas import (
    Difference,
    ListReconciliations,
    ReconciliationDetail,
    ReconciliationPage,
    ReconciliationRef,
    RepairDifference,
)
from gateway.capabilities.reconciliation.tables import differences
from gateway.capability import CapabilitySet, Context, Effect
from gateway.errors import Forbidden
from gateway.kit.page import cut
from gateway.store import Store

reconciliation = CapabilitySet("reconciliation")


@reconciliation.capability(
    scope="reconciliation:read",
    effect=Effect.READ,
    http="GET /v1/reconciliations/{id}",
    title={"zh": "查询对账结果", "en": "Get a reconciliation"},
    errors=(ReconciliationNotFound,),
)
async def get(request: ReconciliationRef, ctx: Context) -> ReconciliationDetail:
    """A day's comparison with its differences; a partner sees those of its own orders."""
    store, partner = ctx.part(Store), _partner(ctx)
    found = await store.read(repository.get_reconciliation, request.id)
    if found is None or (partner is not None and found.partner not in (None, partner)):
        raise ReconciliationNotFound
    rows = await store.read(
        repository.list_differences, request.id, partner, request.state, request.cursor, request.limit + 1
    )
    page, further = cut(rows, request.limit, lambda one: one.id)
    return ReconciliationDetail(found, page, further)


@reconciliation.capability(
    scope="reconciliation:read",
    effect=Effect.READ,
    http="GET /v1/reconciliations",
    title={"zh": "对账列表", "en": "List reconciliations"},
)
async def list(request: ListReconciliations, ctx: Context) -> ReconciliationPage:
    """Comparisons, newest first; a partner sees those of its own files."""
    rows = await ctx.part(Store).read(
        repository.list_reconciliations, request.day, _partner(ctx), request.cursor, request.limit + 1
    )
    page, further = cut(rows, request.limit, lambda one: one.id)
    return ReconciliationPage(page, further)


@reconciliation.capability(
    scope="reconciliation:repair",
    effect=Effect.WRITE,
    http="POST /v1/differences/{id}/repair",
    title={"zh": "修复差异", "en": "Repair a difference"},
    errors=(DifferenceNotFound, NoteNeeded, NotMendable),
)
async def repair(request: RepairDifference, ctx: Context) -> Difference:
    """Mend a difference as its `repair` says, and keep who did it and why. What is mended stays as it is."""
    if ctx.principal.kind != "operator":
        raise Forbidden({"zh": "只有运营方可以修复差异", "en": "only the operator mends differences"})
    difference = await ctx.part(Store).read(repository.get_difference, request.id)
    if difference is None:
        raise DifferenceNotFound
    if difference.state == "repaired":
        return difference
    await ctx.part(Repairs).mend(difference, request.note, ctx)
    by = f"{ctx.principal.kind}:{ctx.principal.id}"
    ctx.unit.update(
        differences, {"id": difference.id}, state="repaired", repaired_by=by, repaired_at=ctx.now, note=request.note
    )
    ctx.audit_detail.update(number=difference.number, kind=difference.kind)
    return Difference(
        difference.id, difference.number, difference.kind, difference.repair, difference.ours, difference.theirs,
        "repaired", difference.partner, by, ctx.now, request.note,
    )  # fmt: skip


def _partner(ctx: Context) -> str | None:
    """None for the operator, who sees everything."""
    if ctx.principal.kind == "operator":
        return None
    if ctx.principal.kind != "partner":
        raise Forbidden(
            {"zh": "只有合作方和运营方可以查看对账", "en": "reconciliation is for partners and the operator"}
        )
    return ctx.principal.id
