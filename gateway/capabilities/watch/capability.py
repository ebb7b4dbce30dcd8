"""The operator's view of partners: how their orders turn out, complaints, standing."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

import msgspec
from msgspec import Meta, Struct

from gateway.capabilities.events import emit
from gateway.capabilities.orders import OrderNotFound
from gateway.capabilities.partners import PartnerId, PartnerNotFound, Partners
from gateway.capabilities.watch import repository
from gateway.capabilities.watch.case_records import Writing
from gateway.capabilities.watch.rates import Counts, Standing, rates
from gateway.capabilities.watch.standing import change_standing
from gateway.capabilities.watch.tables import complaints, watch_limits
from gateway.capabilities.watch.watcher import Watch
from gateway.capability import CapabilitySet, Context, Effect
from gateway.errors import MalformedRequest
from gateway.kit.page import cut
from gateway.store import Store

watch = CapabilitySet("watch")

_Text = Meta(min_length=1, max_length=5000, pattern=r"^[^\x00]*$")
OrderId = Annotated[str, Meta(pattern=r"^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$")]
Share = Annotated[float, Meta(ge=0, le=1, description="Share of orders, 0 to 1.")]


class ReportComplaint(Struct, frozen=True):
    """A subscriber complained about a partner: name the order, or the partner where it is none in particular."""

    words: Annotated[str, _Text]
    evidence: Annotated[str, _Text]
    order: OrderId | None = None
    partner: PartnerId | None = None


class Complaint(Struct, frozen=True):
    """A complaint on record; it is never changed."""

    id: str
    partner: str
    order: str | None
    at: datetime


class WatchedPartner(Struct, frozen=True):
    """Name a partner."""

    id: PartnerId


class WatchedRate(Struct, frozen=True):
    """One rate of the window."""

    name: str
    bad: int
    of: int
    share: float
    surely: float
    """Lower end of the 95 % interval: what is compared with the limits."""
    slows_beyond: float
    stops_beyond: float


class StandingStep(Struct, frozen=True):
    """One change of a partner's standing."""

    standing: str
    reason: str
    actor: str
    at: datetime
    evidence: Counts


class PartnerWatch(Struct, frozen=True):
    """How a partner's orders turn out."""

    id: str
    standing: str
    since: datetime
    """From when on orders are judged."""
    rates: list[WatchedRate]
    history: list[StandingStep]
    """The last changes of standing, newest first."""


class ListWatched(Struct, frozen=True):
    """Page through the partners that are slowed or stopped."""

    cursor: Annotated[PartnerId | None, Meta(description="`next` of the page before.")] = None
    limit: Annotated[int, Meta(ge=1, le=100)] = 50


class WatchedEntry(Struct, frozen=True):
    """One partner that is slowed or stopped."""

    id: str
    standing: str


class WatchedPage(Struct, frozen=True):
    """One page of them, by id."""

    items: list[WatchedEntry]
    next: str | None = None


class SetStanding(Struct, frozen=True):
    """Slow or stop a partner, or let it order again."""

    id: PartnerId
    standing: Standing
    reason: Annotated[str, Meta(min_length=1, max_length=500, pattern=r"^[^\x00-\x1f]*$")]


class OwnLimits(Struct, frozen=True, omit_defaults=True):
    """Limits that differ from the usual ones; null: as usual."""

    failed: Share | None = None
    unconfirmed: Share | None = None
    complained: Share | None = None
    ended_early: Share | None = None


class SetLimits(Struct, frozen=True):
    """Agree on other limits with a partner."""

    id: PartnerId
    slow: OwnLimits = OwnLimits()
    stop: OwnLimits = OwnLimits()


@watch.capability(
    scope="watch:admin",
    effect=Effect.WRITE,
    http="POST /v1/watch/complaints",
    title={"zh": "登记投诉", "en": "Report a complaint"},
    errors=(OrderNotFound, PartnerNotFound),
)
async def report_complaint(request: ReportComplaint, ctx: Context) -> Complaint:
    """Put a complaint on record with its evidence. It counts against the partner, and is told in its event feed."""
    partner_id = request.partner
    if request.order is not None:
        partner_id = await ctx.part(Store).read(repository.order_partner, request.order)
        if partner_id is None:
            raise OrderNotFound({"zh": "没有这个由合作方提交的订单", "en": "there is no such order of a partner"})
    if partner_id is None:
        raise MalformedRequest({"zh": "请指明订单或合作方", "en": "name the order or the partner"})
    if await ctx.part(Partners).get(partner_id) is None:
        raise PartnerNotFound
    complaint = Complaint(ctx.ids(), partner_id, request.order, ctx.now)
    ctx.unit.insert(
        complaints,
        id=complaint.id, partner_id=partner_id, order_id=request.order, words=request.words,
        evidence=request.evidence, actor=actor_of(ctx), at=ctx.now,
    )  # fmt: skip
    emit(
        ctx.unit, "partner.complained", {"complaint": complaint.id, "order": request.order, "words": request.words},
        id=ctx.ids(), at=ctx.now, key=f"complaint:{complaint.id}", partner_id=partner_id, account=None,
    )  # fmt: skip
    ctx.audit_detail["complaint"] = complaint.id
    return complaint


@watch.capability(
    scope="watch:admin",
    effect=Effect.READ,
    http="GET /v1/watch/partners/{id}",
    title={"zh": "合作方表现", "en": "How a partner's orders turn out"},
    errors=(PartnerNotFound,),
)
async def get(request: WatchedPartner, ctx: Context) -> PartnerWatch:
    """A partner's standing, the rates it rests on, and the last changes."""
    store, watcher = ctx.part(Store), ctx.part(Watch)
    standing = (await store.read(repository.standings, [request.id])).get(request.id)
    if standing is None:
        raise PartnerNotFound
    history = await store.read(repository.changes, request.id, 20)
    since = watcher.judged_since(history[0] if history else None, ctx.now)
    counts = await store.read(repository.counts_since, request.id, since)
    slow, stop = await watcher.limits(request.id)
    return PartnerWatch(
        request.id, standing.value, since,
        [
            WatchedRate(name, rate.bad, rate.of, rate.share, rate.at_least(), slow[name], stop[name])
            for name, rate in rates(counts).items()
        ],
        [
            StandingStep(
                one.standing, one.reason, one.actor, one.at, msgspec.json.decode(one.evidence, type=Counts)
            )
            for one in history
        ],
    )  # fmt: skip


@watch.capability(
    scope="watch:admin",
    effect=Effect.READ,
    http="GET /v1/watch/partners",
    title={"zh": "受限的合作方", "en": "Partners slowed or stopped"},
)
async def list_partners(request: ListWatched, ctx: Context) -> WatchedPage:
    """The partners that are slowed or stopped, by id."""
    found = await ctx.part(Store).read(repository.list_out_of_normal, request.cursor or "", request.limit + 1)
    page, further = cut(found, request.limit, lambda one: one[0])
    return WatchedPage([WatchedEntry(id, standing) for id, standing in page], further)


@watch.capability(
    scope="watch:admin",
    effect=Effect.WRITE,
    http="POST /v1/watch/partners/{id}/standing",
    title={"zh": "设置合作方状态", "en": "Set a partner's standing"},
    errors=(PartnerNotFound,),
)
async def set_standing(request: SetStanding, ctx: Context) -> StandingStep:
    """Slow or stop a partner, which opens a case, or let it order again: from then on it is judged by what comes after."""
    store = ctx.part(Store)
    if await ctx.part(Partners).get(request.id) is None:
        raise PartnerNotFound
    last = await store.read(repository.changes, request.id, 1)
    since = ctx.part(Watch).judged_since(last[0] if last else None, ctx.now)
    counts = await store.read(repository.counts_since, request.id, since)
    change_standing(
        ctx.unit, request.id, last[0].seq + 1 if last else 0, request.standing,
        reason=request.reason, evidence=counts, actor=actor_of(ctx), now=ctx.now, ids=ctx.ids,
    )  # fmt: skip
    if request.standing is not Standing.NORMAL:
        writing = Writing(ctx.unit, actor_of(ctx), ctx.now, ctx.ids)
        await ctx.part(Watch).keep_evidence(writing, request.id, request.reason, counts, since)
    ctx.part(Partners).forget(request.id)
    return StandingStep(request.standing.value, request.reason, actor_of(ctx), ctx.now, counts)


@watch.capability(
    scope="watch:admin",
    effect=Effect.WRITE,
    http="PUT /v1/watch/partners/{id}/limits",
    title={"zh": "设置合作方阈值", "en": "Set a partner's limits"},
    errors=(PartnerNotFound,),
)
async def set_limits(request: SetLimits, ctx: Context) -> SetLimits:
    """Judge a partner by other limits than the usual ones; what is left out is as usual."""
    if await ctx.part(Partners).get(request.id) is None:
        raise PartnerNotFound
    body = msgspec.json.encode({"slow": request.slow, "stop": request.stop}).decode()
    ctx.unit.upsert(watch_limits, partner_id=request.id, body=body, actor=actor_of(ctx), at=ctx.now)
    return request


def actor_of(ctx: Context) -> str:
    """The caller, as records name it."""
    return f"{ctx.principal.kind}:{ctx.principal.id}"
