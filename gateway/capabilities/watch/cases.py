"""Cases: opened by the watch or an operator, kept with their evidence, and led to an end."""

from __future__ import annotations

import msgspec

from gateway.capabilities.bindings import PhoneNumberInvalid
from gateway.capabilities.greylist import digest_of_phone, get_entry, release_number
from gateway.capabilities.partners import PartnerNotFound, Partners
from gateway.capabilities.watch import case_reads, case_records, repository
from gateway.capabilities.watch.capability import actor_of, watch
from gateway.capabilities.watch.case_errors import CaseFull, CaseNotFound, CaseStepRefused
from gateway.capabilities.watch.case_records import (
    MOST_PIECES,
    Evidence,
    StoredCase,
    Writing,
    digest_of,
)
from gateway.capabilities.watch.case_schemas import (
    AddEvidence,
    Case,
    CasePage,
    CaseStep,
    GetCase,
    ListCases,
    MoveCase,
    OpenCase,
    PieceOfEvidence,
    WholeCase,
)
from gateway.capabilities.watch.case_states import CaseState, StepRefused
from gateway.capabilities.watch.rates import Counts, Standing
from gateway.capabilities.watch.standing import change_standing
from gateway.capability import Context, Effect
from gateway.errors import MalformedRequest
from gateway.kit.page import cut
from gateway.store import Store


@watch.capability(
    scope="watch:admin",
    effect=Effect.WRITE,
    http="POST /v1/watch/cases",
    title={"zh": "立案", "en": "Open a case"},
    errors=(PartnerNotFound, PhoneNumberInvalid),
)
async def open_case(request: OpenCase, ctx: Context) -> Case:
    """Open a case about a partner, a phone number, or both."""
    if request.partner is None and request.phone is None:
        raise MalformedRequest({"zh": "请指明合作方或号码", "en": "name the partner or the number"})
    if request.partner is not None and await ctx.part(Partners).get(request.partner) is None:
        raise PartnerNotFound
    phone_hash = None if request.phone is None else digest_of_phone(request.phone, ctx)
    evidence = await _evidence(request, ctx)
    case = case_records.open_case(
        _writing(ctx), cause="operator", topic=None, partner_id=request.partner, phone_hash=phone_hash,
        reason=request.reason,
    )  # fmt: skip
    if evidence != Evidence():
        case = case_records.add_evidence(_writing(ctx), case, evidence)
    ctx.audit_detail["case"] = case.id
    return case_view(case)


@watch.capability(
    scope="watch:admin",
    effect=Effect.READ,
    http="GET /v1/watch/cases",
    title={"zh": "案件列表", "en": "List cases"},
    errors=(PhoneNumberInvalid,),
)
async def list_cases(request: ListCases, ctx: Context) -> CasePage:
    """The cases, in the order in which they were opened."""
    phone_hash = None if request.phone is None else digest_of_phone(request.phone, ctx)
    state = None if request.state is None else request.state.value
    found = await ctx.part(Store).read(
        case_reads.list_cases, state, request.partner, phone_hash, request.cursor or "", request.limit + 1
    )
    page, further = cut(found, request.limit, lambda one: one.id)
    return CasePage([case_view(case) for case in page], further)


@watch.capability(
    scope="watch:admin",
    effect=Effect.READ,
    http="GET /v1/watch/cases/{id}",
    title={"zh": "案件详情", "en": "Get a case"},
    errors=(CaseNotFound,),
)
async def get_case(request: GetCase, ctx: Context) -> WholeCase:
    """A case with its steps and its evidence, by pages; whether the evidence is as it was added is checked."""
    store, case, begin = ctx.part(Store), await _case(request.id, ctx), request.evidence_from
    steps = await store.read(case_reads.steps, case.id)
    earlier = await store.read(case_reads.evidence, case.id, begin - 1, 1) if begin else []
    before = earlier[0].digest if earlier else bytes(32)
    rows = await store.read(case_reads.evidence, case.id, begin, request.limit)
    intact = len(rows) == max(0, min(request.limit, case.pieces - begin))
    for number, row in enumerate(rows, begin):
        right = digest_of(before, case.id, number, row.body, row.actor, row.at)
        intact = intact and row.seq == number and row.digest == right
        before = row.digest
    end = begin + len(rows)
    if end >= case.pieces and begin < case.pieces:
        intact = intact and before == case.digest
    return WholeCase(
        case_view(case), [CaseStep(one.to_state, one.reason, one.actor, one.at) for one in steps],
        [_piece(row.seq, row.body, row.actor, row.at, row.digest) for row in rows],
        intact, end if rows and end < case.pieces else None,
    )  # fmt: skip


@watch.capability(
    scope="watch:admin",
    effect=Effect.WRITE,
    http="POST /v1/watch/cases/{id}/evidence",
    title={"zh": "补充证据", "en": "Add evidence to a case"},
    errors=(CaseNotFound, CaseFull),
)
async def add_evidence(request: AddEvidence, ctx: Context) -> Case:
    """Add a piece of evidence to a case that is not closed. It is never changed afterwards."""
    case, evidence = await _case(request.id, ctx), await _evidence(request, ctx)
    if evidence == Evidence():
        raise MalformedRequest({"zh": "请给出证据", "en": "give a note, orders or complaints"})
    if case.closed_at is not None or case.pieces >= MOST_PIECES:
        raise CaseFull
    return case_view(case_records.add_evidence(_writing(ctx), case, evidence))


@watch.capability(
    scope="watch:admin",
    effect=Effect.WRITE,
    http="POST /v1/watch/cases/{id}/move",
    title={"zh": "推进案件", "en": "Move a case"},
    errors=(CaseNotFound, CaseStepRefused),
)
async def move_case(request: MoveCase, ctx: Context) -> Case:
    """Take a case a step on: to `recovering` with what is owed, `offsetting` with the month, `closed`.

    From `open` it can also be closed as unfounded; from `recovering` too, or as repaid: name the `outcome`. What is set off
    appears in the partner's statement of that month.
    """
    case, writing = await _case(request.id, ctx), _writing(ctx)
    if request.lift and request.to is not CaseState.CLOSED:
        raise MalformedRequest({"zh": "只有结案时可以解除限制", "en": "lift belongs to the step to closed"})
    try:
        moved = case_records.move_case(
            writing, case, request.to, owed_fen=request.owed_fen, month=request.month, outcome=request.outcome,
            reason=request.reason,
        )  # fmt: skip
    except StepRefused as refusal:
        raise CaseStepRefused(
            {"zh": f"案件现处于 {case.state}，不能这样推进：{refusal}", "en": str(refusal)}, state=case.state
        ) from refusal
    if request.lift:
        await _lift(writing, moved, request.reason, ctx)
    ctx.audit_detail["case"] = case.id
    return case_view(moved)


async def _lift(writing: Writing, case: StoredCase, reason: str, ctx: Context) -> None:
    """Let the partner order as usual again, and take the number off the grey list."""
    store = ctx.part(Store)
    entry = None if case.grey_entry is None else await store.read(get_entry, case.grey_entry)
    if entry is not None and entry.ended_at is None:
        release_number(writing.unit, entry.id, actor=writing.actor, because=reason, now=ctx.now)
    if case.partner_id is None or case.cause != "standing":
        return
    standing = (await store.read(repository.standings, [case.partner_id])).get(case.partner_id)
    if standing in (None, Standing.NORMAL):
        return
    last = await store.read(repository.changes, case.partner_id, 1)
    change_standing(
        writing.unit, case.partner_id, last[0].seq + 1 if last else 0, Standing.NORMAL,
        reason=reason, evidence=Counts(), actor=writing.actor, now=ctx.now, ids=ctx.ids,
    )  # fmt: skip
    ctx.part(Partners).forget(case.partner_id)


def case_view(case: StoredCase) -> Case:
    """The case as operators see it."""
    return Case(
        case.id, case.cause, case.partner_id, None if case.phone_hash is None else case.phone_hash.hex(), case.reason,
        case.state, case.owed_fen, case.month, case.outcome, case.pieces, case.opened_at, case.closed_at,
    )  # fmt: skip


def _piece(number: int, body: str, actor: str, at: object, digest: bytes) -> PieceOfEvidence:
    evidence = msgspec.json.decode(body, type=Evidence)
    return msgspec.convert(
        {**msgspec.structs.asdict(evidence), "number": number, "actor": actor, "at": at, "digest": digest.hex()},
        PieceOfEvidence,
    )


async def _case(case_id: str, ctx: Context) -> StoredCase:
    case = await ctx.part(Store).read(case_reads.get, case_id)
    if case is None:
        raise CaseNotFound
    return case


async def _evidence(request: OpenCase | AddEvidence, ctx: Context) -> Evidence:
    """What the request names, if there is all of it."""
    for read, named in ((case_reads.known_orders, request.orders), (case_reads.known_complaints, request.complaints)):
        missing = sorted({*named} - (await ctx.part(Store).read(read, named) if named else set()))
        if missing:
            raise MalformedRequest({"zh": f"不存在：{missing[0]}", "en": f"there is no {missing[0]}"})
    return Evidence({}, request.orders, request.complaints, request.note)


def _writing(ctx: Context) -> Writing:
    return Writing(ctx.unit, actor_of(ctx), ctx.now, ctx.ids)
