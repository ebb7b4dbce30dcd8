"""Handing in files of orders and following them."""

from __future__ import annotations

import asyncio

import msgspec

from config.settings import Settings
from gateway.capabilities.exchange import repository
from gateway.capabilities.exchange.content import OrderFileFolder
from gateway.capabilities.exchange.errors import (
    ContentAwaited,
    OrderFileBegun,
    OrderFileNotFound,
    OrderFileTooLarge,
    TooManyOrderFiles,
)
from gateway.capabilities.exchange.repository import OPEN, StoredFile
from gateway.capabilities.exchange.schemas import (
    ListOrderFiles,
    OrderFile,
    OrderFilePage,
    OrderFileRef,
    SubmitOrderFile,
)
from gateway.capabilities.exchange.tables import order_files
from gateway.capabilities.partners import PartnerNotFound, Partners
from gateway.capability import CapabilitySet, Context, Effect
from gateway.errors import Forbidden
from gateway.kit.page import cut
from gateway.store import Store
from gateway.store.outbox import owe

RUN = "exchange.run"
_AGAIN = ("failed", "cancelled")

exchange = CapabilitySet("exchange")


@exchange.capability(
    scope="exchange:write",
    effect=Effect.WRITE,
    http="POST /v1/order-files",
    title={"zh": "提交订单文件", "en": "Announce an order file"},
    errors=(OrderFileTooLarge, TooManyOrderFiles, OrderFileBegun, PartnerNotFound),
    examples=(SubmitOrderFile("0" * 63 + "1", 1024, "csv"),),
)
async def submit(request: SubmitOrderFile, ctx: Context) -> OrderFile:
    """Announce a file of orders by its digest; then PUT its content to `content`, and its rows are worked through.

    A content that was handed in before is answered as it stands and orders nothing twice; one that was cancelled or
    failed may be uploaded again and goes on after its last answered line.
    """
    partner = await _partner(request.partner, ctx)
    limits = ctx.part(Settings).exchange
    if request.bytes > limits.file_bytes:
        raise OrderFileTooLarge({"zh": f"最多 {limits.file_bytes} 字节", "en": f"{limits.file_bytes} bytes at most"})
    columns = msgspec.json.encode(request.columns, order="deterministic").decode()
    known = await ctx.part(Store).read(repository.get_by_content, partner, request.sha256)
    if known is not None and known.state not in _AGAIN:
        return _view(known)
    held, today = await ctx.part(Store).read(repository.count_files, partner, ctx.now)
    if held >= limits.open_files or today >= limits.files_per_day:
        raise TooManyOrderFiles(retry_after=60.0)
    ctx.audit_detail["sha256"] = request.sha256
    if known is not None:
        if known.line and (known.format, known.columns) != (request.format, request.columns):
            raise OrderFileBegun
        again = known._replace(
            format=request.format, columns=request.columns, locale=request.locale, state="awaiting_content",
            problem=None, updated_at=ctx.now, finished_at=None,
        )  # fmt: skip
        ctx.unit.update(
            order_files, {"id": known.id}, format=request.format, columns=columns, locale=request.locale,
            state="awaiting_content", problem=None, updated_at=ctx.now, finished_at=None,
        )  # fmt: skip
        return _view(again)
    new = StoredFile(
        ctx.ids(), partner, request.sha256, request.bytes, request.format, request.columns, request.locale,
        "awaiting_content", 0, 0, 0, 0, 0, 0, None, ctx.now, ctx.now, None,
    )  # fmt: skip
    ctx.unit.insert(order_files, **{**new._asdict(), "columns": columns})
    return _view(new)


@exchange.capability(
    scope="exchange:write",
    effect=Effect.WRITE,
    http="POST /v1/order-files/{id}/start",
    title={"zh": "开始处理订单文件", "en": "Start an order file"},
    errors=(OrderFileNotFound, ContentAwaited),
)
async def start(request: OrderFileRef, ctx: Context) -> OrderFile:
    """Begin to work a file through whose content is there. An upload does this by itself; saying it again changes nothing."""
    file = await _visible(request.id, ctx)
    if file.state != "awaiting_content":
        return _view(file)
    if not await asyncio.to_thread(ctx.part(OrderFileFolder).is_whole, file.id, file.format):
        raise ContentAwaited
    ctx.unit.update(order_files, {"id": file.id}, state="submitted", updated_at=ctx.now)
    # The work bears the file's id, so that two who start it at once owe it once.
    owe(ctx.unit, RUN, OrderFileRef(file.id), id=file.id, now=ctx.now, trace_id=ctx.trace_id)
    return _view(file._replace(state="submitted", updated_at=ctx.now))


@exchange.capability(
    scope="exchange:read",
    effect=Effect.READ,
    http="GET /v1/order-files/{id}",
    title={"zh": "查询订单文件", "en": "Get an order file"},
    errors=(OrderFileNotFound,),
)
async def get(request: OrderFileRef, ctx: Context) -> OrderFile:
    """How far a file is."""
    return _view(await _visible(request.id, ctx))


@exchange.capability(
    scope="exchange:read",
    effect=Effect.READ,
    http="GET /v1/order-files",
    title={"zh": "订单文件列表", "en": "List order files"},
)
async def list(request: ListOrderFiles, ctx: Context) -> OrderFilePage:
    """Order files, newest first; a partner sees its own."""
    partner = ctx.principal.id if ctx.principal.kind == "partner" else request.partner
    found = await ctx.part(Store).read(repository.list_files, partner, request.state, request.cursor, request.limit + 1)
    page, further = cut(found, request.limit, lambda one: one.id)
    return OrderFilePage([_view(file) for file in page], further)


@exchange.capability(
    scope="exchange:write",
    effect=Effect.WRITE,
    http="POST /v1/order-files/{id}/cancel",
    title={"zh": "停止订单文件", "en": "Cancel an order file"},
    errors=(OrderFileNotFound,),
)
async def cancel(request: OrderFileRef, ctx: Context) -> OrderFile:
    """Stop a file where it is; orders already placed stay. One that has ended stays as it is."""
    file = await _visible(request.id, ctx)
    if await ctx.part(Store).write(repository.change_state, file.id, OPEN, "cancelled", ctx.now):
        await asyncio.to_thread(ctx.part(OrderFileFolder).drop, file.id)
    return _view(await _visible(request.id, ctx))


async def _partner(named: str | None, ctx: Context) -> str:
    if ctx.principal.kind == "partner":
        if named not in (None, ctx.principal.id):
            raise Forbidden({"zh": "只能提交自己的文件", "en": "a partner hands in its own files only"})
        return ctx.principal.id
    if ctx.principal.kind != "operator":
        raise Forbidden({"zh": "只有合作方和运营方可以提交文件", "en": "only partners and the operator hand in files"})
    if named is None or await ctx.part(Partners).get(named) is None:
        raise PartnerNotFound
    return named


async def _visible(file_id: str, ctx: Context) -> StoredFile:
    owner = None if ctx.principal.kind == "operator" else ctx.principal.partner_id or ctx.principal.id
    file = await ctx.part(Store).read(repository.get_file, file_id, owner)
    if file is None:
        raise OrderFileNotFound
    return file


def _view(file: StoredFile) -> OrderFile:
    done = file.state == "done"
    return OrderFile(
        id=file.id,
        partner=file.partner_id,
        sha256=file.sha256,
        bytes=file.bytes,
        format=file.format,
        state=file.state,
        line=file.line,
        placed=file.placed,
        refused=file.refused,
        progress_pct=100 if done else min(99, file.read_bytes * 100 // file.bytes),
        result_bytes=file.result_bytes,
        content=f"/v1/order-files/{file.id}/content",
        results=f"/v1/order-files/{file.id}/results",
        created_at=file.created_at,
        updated_at=file.updated_at,
        finished_at=file.finished_at,
        problem=file.problem,
    )
