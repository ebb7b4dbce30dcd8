"""Working order files through: batch by batch, each batch one transaction with the place that was reached.

While a batch is written the next one is read and decided. Where that one names a user, a key or a number that is being
written, it waits; where two users turn out to be one subscriber, it clashes and is decided anew.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta
from hashlib import sha256
from typing import Any, NamedTuple

import msgspec
import prometheus_client
from sqlalchemy import Connection, delete, insert, select, update

from auth.principal import Principal, partner_account
from config.settings import ExchangeSettings
from gateway.audit import record_call
from gateway.capabilities.exchange.capability import RUN
from gateway.capabilities.exchange.content import OrderFileFolder
from gateway.capabilities.exchange.repository import StoredFile, change_state, get_file
from gateway.capabilities.exchange.results import result_row, result_text
from gateway.capabilities.exchange.rows import Row, RowBatch, read_rows
from gateway.capabilities.exchange.schemas import ORDER_FIELDS, FileState, OrderFileRef
from gateway.capabilities.exchange.tables import order_file_results, order_files
from gateway.capabilities.orders import PlaceMany
from gateway.capabilities.partners import Partners
from gateway.capability import Context
from gateway.errors import Conflict
from gateway.importing.refusal import ImportRefused
from gateway.invoke import Call, Invoker, Outcome
from gateway.kit.clock import Clock
from gateway.store import Clash, Store, Unit
from gateway.store.outbox import Handler, Job, RetryLater

_PLACE = "orders.place"
_CLASHES = 3
_LATER = timedelta(seconds=2)
_SWEEP = 100
_ROWS = prometheus_client.Counter("tuila_order_file_rows", "Rows of order files by outcome.", ("outcome",))
_NAMES = ("user", "key", "partner_ref")
"""Fields by which one row's order may bear on another's."""
_BUSY = Conflict({"zh": "同时有其他请求在处理，请稍后重试", "en": "other requests are changing this; try again"})
_job = msgspec.json.Decoder(OrderFileRef)


class _Superseded(Exception):
    """The file was cancelled, or another worker has it."""


class _Decided(NamedTuple):
    """Rows and what becomes of each; the context's unit, where there is one, holds what is to be kept of it."""

    rows: Sequence[Row]
    outcomes: Sequence[Outcome]
    context: Context | None = None


class OrderFileRunner:
    """Does what handed-in files ask for, a few files at a time and one batch at a time, in turn."""

    def __init__(
        self, store: Store, invoke: Invoker, partners: Partners, folder: OrderFileFolder, settings: ExchangeSettings,
        clock: Clock,
    ) -> None:  # fmt: skip
        self._store = store
        self._invoke = invoke
        self._partners = partners
        self._folder = folder
        self._settings = settings
        self._clock = clock
        self._files = 0
        self._turn = asyncio.Semaphore(1)  # first come, first served: files take turns, batch by batch

    def handlers(self) -> Mapping[str, Handler]:
        """Outbox kind → handler."""
        return {RUN: self.run}

    async def run(self, job: Job, unit: Unit) -> None:
        """Work a file through, from where it was left."""
        if self._files >= self._settings.files_at_once:
            raise RetryLater(_LATER, "other files are being worked through")
        self._files += 1
        try:
            await self._run(_job.decode(job.body).id)
        finally:
            self._files -= 1

    async def _run(self, file_id: str) -> None:
        now = self._clock()
        await self._store.write(change_state, file_id, ("submitted",), "running", now)
        file = await self._store.read(get_file, file_id)
        if file is None or file.state != "running":
            return
        try:
            await self._work_through(file)
        except _Superseded:
            return
        except (ImportRefused, FileNotFoundError) as error:
            problem = str(error) if isinstance(error, ImportRefused) else "the content is gone"
            await self._end(file_id, "failed", problem)
            return
        await self._end(file_id, "done", None)

    async def _end(self, file_id: str, state: FileState, problem: str | None) -> None:
        now = self._clock()
        await self._store.write(change_state, file_id, ("running",), state, now, problem)
        await asyncio.to_thread(self._folder.drop, file_id)

    async def _work_through(self, file: StoredFile) -> None:
        batches = read_rows(file, self._folder.path(file.id, file.format), self._settings.batch_rows)
        coming = asyncio.create_task(asyncio.to_thread(_next, batches))
        taking = asyncio.create_task(_as_it_is(file))
        ahead = frozenset[tuple[str, str]]()
        try:
            while (batch := await coming) is not None:
                coming = asyncio.create_task(asyncio.to_thread(_next, batches))  # read while this one is placed
                names = _names(batch.rows)
                if not names.isdisjoint(ahead):  # what the batch before leaves is to be decided on
                    await asyncio.wait([taking])
                async with self._turn:
                    decided = await self._decide(file, batch.rows)
                file, ahead = await taking, names
                reached = (file.position + batch.records, batch.read_bytes)
                taking = asyncio.create_task(self._take(file, decided, reached))  # kept while the next one is decided
            await taking
        except ImportRefused:
            await taking  # what was read before it stays
            raise
        finally:
            taking.cancel()
            await asyncio.wait([taking, coming])  # a thread cannot be stopped, and it holds the file

    async def _take(self, file: StoredFile, decided: _Decided, reached: tuple[int, int]) -> StoredFile:
        """Place rows, and answer the file as it is then. Those that clash again and again are taken in halves."""
        rows = decided.rows
        if file.placed + file.refused + len(rows) > self._settings.rows:
            raise ImportRefused(f"there are more than {self._settings.rows} rows; the rest was not taken")
        for _ in range(_CLASHES):
            try:
                return await self._commit(file, decided, reached)
            except Clash:
                decided = await self._decide(file, rows)
        if len(rows) <= 1:
            return await self._commit(file, _Decided(rows, [Outcome(refusal=_BUSY)] * len(rows)), reached)
        half = len(rows) // 2
        middle = (file.position, file.read_bytes)
        file = await self._take(file, await self._decide(file, rows[:half]), middle)
        return await self._take(file, await self._decide(file, rows[half:]), reached)

    async def _decide(self, file: StoredFile, rows: Sequence[Row]) -> _Decided:
        calls = self._calls(file, rows, await self._principal(file))
        if not calls:
            return _Decided(rows, [Outcome()] * len(rows))
        together = await self._invoke.together(list(calls.values()), PlaceMany.read)
        outcomes = dict(zip(calls, together.outcomes, strict=True))
        return _Decided(rows, [outcomes.get(row.line, Outcome()) for row in rows], together.context)

    async def _commit(self, file: StoredFile, decided: _Decided, reached: tuple[int, int]) -> StoredFile:
        rows, context = decided.rows, decided.context
        text = result_text(zip(rows, decided.outcomes, strict=True), file.locale, first=file.result_bytes == 0)
        unit = Unit()
        if context is not None:
            unit.extend(context.unit)
            context.audit_detail.update(
                file=file.id, lines=f"{rows[0].line}-{rows[-1].line}", results_sha256=sha256(text).hexdigest()
            )
            record_call(unit, _PLACE, context, "ok")
        placed = sum(1 for outcome in decided.outcomes if outcome.answer is not None)
        after = file._replace(
            position=reached[0], read_bytes=reached[1], line=rows[-1].line if rows else file.line,
            placed=file.placed + placed, refused=file.refused + len(rows) - placed,
            result_bytes=file.result_bytes + len(text), updated_at=self._clock(),
        )  # fmt: skip
        part = result_row(file.id, rows[0].line if rows else 0, file.result_bytes, text)
        await self._store.commit_many(unit, lambda connection: _move(connection, file, after, part if text else None))
        _ROWS.labels("placed").inc(placed)
        _ROWS.labels("refused").inc(len(rows) - placed)
        return after

    async def _principal(self, file: StoredFile) -> Principal:
        partner = await self._partners.get(file.partner_id)
        if partner is None:
            raise ImportRefused("there is no such partner any more")
        return Principal("partner", partner.id, partner.scopes, partner_id=partner.id, suspended=partner.suspended)

    def _calls(self, file: StoredFile, rows: Sequence[Row], principal: Principal) -> dict[int, Call]:
        trace = file.id.replace("-", "")
        return {
            row.line: Call(
                _PLACE, principal, _request(row.fields), account=partner_account(principal.id, row.fields["user"]),
                channel="file", locale=file.locale, idempotency_key=row.fields.get("key"), trace_id=trace,
            )
            for row in rows if row.problem is None
        }  # fmt: skip

    async def tidy(self) -> None:
        """Let go of files nobody uploaded, and of the results of those that ended long ago."""
        now = self._clock()
        stale = await self._store.read(_list_stale, now - self._settings.upload_within, _SWEEP)
        for file_id in stale:
            await self._store.write(change_state, file_id, ("awaiting_content",), "cancelled", now)
            await asyncio.to_thread(self._folder.drop, file_id)
        await self._store.write(_delete_results, now - self._settings.kept_for, _SWEEP)


def _request(fields: Mapping[str, str]) -> dict[str, Any]:
    order: dict[str, Any] = {}
    for name, value in fields.items():
        if name in ORDER_FIELDS:
            group = ORDER_FIELDS[name]
            (order if group is None else order.setdefault(group, {}))[name] = value
    return order


async def _as_it_is(file: StoredFile) -> StoredFile:
    return file


def _names(rows: Sequence[Row]) -> frozenset[tuple[str, str]]:
    return frozenset((name, row.fields[name]) for row in rows for name in _NAMES if name in row.fields)


def _next(batches: Iterator[RowBatch]) -> RowBatch | None:
    return next(batches, None)


def _move(connection: Connection, before: StoredFile, after: StoredFile, part: dict[str, Any] | None) -> None:
    moved = connection.execute(
        update(order_files)
        .where(
            order_files.c.id == before.id, order_files.c.state == "running",
            order_files.c.position == before.position, order_files.c.line == before.line,
        )
        .values(
            position=after.position, line=after.line, placed=after.placed, refused=after.refused,
            result_bytes=after.result_bytes, read_bytes=after.read_bytes, updated_at=after.updated_at,
        )
    )  # fmt: skip
    if moved.rowcount != 1:
        raise _Superseded
    if part is not None:
        connection.execute(insert(order_file_results), part)


def _list_stale(connection: Connection, before: Any, limit: int) -> list[str]:
    stale = select(order_files.c.id).where(order_files.c.state == "awaiting_content", order_files.c.updated_at < before)
    return list(connection.scalars(stale.limit(limit)))


def _delete_results(connection: Connection, before: Any, limit: int) -> None:
    ended = order_files.c.state.in_(("done", "failed", "cancelled")) & (order_files.c.updated_at < before)
    kept = order_files.c.result_bytes > 0
    ids = list(connection.scalars(select(order_files.c.id).where(ended, kept).limit(limit)))
    if ids:
        connection.execute(delete(order_file_results).where(order_file_results.c.file_id.in_(ids)))
        connection.execute(update(order_files).where(order_files.c.id.in_(ids)).values(result_bytes=0))
