"""Booked orders to the back office in a file, and its answers back in: each order handed over once, whatever happens.

A file is recorded before the first order is put in it. An order enters with its own step to `provisioning`, in one
transaction, and an order is in one file ever. When the file is closed its orders stand fast, and only then is it
written: from columns that never change, so that who follows a worker that died writes the same bytes again.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from datetime import datetime
from pathlib import Path
from typing import Literal, NamedTuple
from zoneinfo import ZoneInfo

import pyarrow as pa
from sqlalchemy import Connection, func, select, update

from gateway.bulk.row_files import Line, Manifest, write_file
from gateway.capabilities.orders import (
    Fulfilment,
    OrderState,
    StoredOrder,
    booked_files,
    booked_orders,
    get_any,
    orders,
)
from gateway.capabilities.orders.repository import list_booked
from gateway.capabilities.subscribers import subscribers
from gateway.importing.fields import Field, fit, mapping_for
from gateway.importing.mapping import SourceMapping
from gateway.importing.reading import Source
from gateway.kit.clock import Clock
from gateway.store import Clash, Store, Unit

BookingFormat = Literal["csv", "parquet"]
ZONE = ZoneInfo("Asia/Shanghai")
"""Whose days the files are named after: the operator's."""

_PAGE = 500
_TRIES = 6
_SCHEMA = pa.schema([
    ("order", pa.string()), ("subscriber", pa.string()), ("offer", pa.string()), ("action", pa.string()),
    ("price_fen", pa.int64()), ("period", pa.string()), ("placed_at", pa.timestamp("us", "UTC")),
])  # fmt: skip
_ANSWERS = (
    Field("order", "text", required=True, longest=36),
    Field("outcome", "text", required=True, longest=20),
    Field("reason", "text", longest=150),
)


class BookedFile(NamedTuple):
    """A file as it is recorded."""

    id: str
    name: str
    day: str
    state: str
    form: BookingFormat


class _Closed(Exception):
    """Another worker closed the file meanwhile."""


class Answered(NamedTuple):
    """What a file of answers came to."""

    completed: int
    failed: int
    known: int
    """Answers that were taken in before."""
    wrong: list[tuple[int, str]]
    """Lines that are no answer to an order handed over, with the reason; the first thousand."""


class Bookings:
    """Hands booked orders over to the back office, and takes its answers."""

    def __init__(
        self, store: Store, fulfilment: Fulfilment, folder: Path, *, clock: Clock, ids: Callable[[], str]
    ) -> None:
        """`folder` is where the back office fetches its files."""
        self._store = store
        self._fulfilment = fulfilment
        self._folder = folder
        self._clock = clock
        self._ids = ids

    async def hand_over_daily(self, form: BookingFormat) -> None:
        """Finish what was begun, and hand over what is booked unless a file of this day was."""
        day = self._clock().astimezone(ZONE).date().isoformat()
        if await self._store.read(_open_file) is not None or not await self._store.read(_count, day):
            await self.hand_over(form)

    async def hand_over(self, form: BookingFormat) -> Manifest | None:
        """Put all booked orders into a file; None when there are none. A file begun before is finished first.

        Its manifest appears beside it when it is whole.
        """
        file = await self._store.read(_open_file) or await self._begin(form)
        if file is None:
            return None
        if file.state == "taking":
            await self._take(file)
        return await self._write(file)

    async def _begin(self, form: BookingFormat) -> BookedFile | None:
        if not await self._store.read(list_booked, "", 1):
            return None
        now = self._clock()
        day = now.astimezone(ZONE).date().isoformat()
        number = await self._store.read(_count, day) + 1
        file = BookedFile(self._ids(), f"bookings-{day}-{number}.{form}", day, "taking", form)
        unit = Unit()
        unit.insert(booked_files, **file._asdict(), rows=0, sha256=None, begun_at=now, written_at=None)
        try:
            await self._store.commit(unit)
        except Clash:  # another process began it
            return await self._store.read(_open_file)
        return file

    async def _take(self, file: BookedFile) -> None:
        try:
            for _ in range(_TRIES):
                last = ""
                while page := await self._store.read(list_booked, last, _PAGE):
                    await self._take_page(file, page)
                    last = page[-1].id
                if not await self._store.read(list_booked, "", 1):
                    break
            await self._store.write(_close, file.id)
        except _Closed:
            return

    async def _take_page(self, file: BookedFile, page: Sequence[StoredOrder]) -> None:
        unit = Unit()
        for order in page:
            self._fulfilment.hand_over(unit, order, file.name)
            unit.insert(booked_orders, order_id=order.id, file_id=file.id)
        try:
            await self._store.commit_many(unit, lambda connection: _count_in(connection, file.id, len(page)))
        except Clash:  # one of them was cancelled, or is another worker's: each by itself, then
            if len(page) > 1:
                for order in page:
                    await self._take_page(file, [order])

    async def _write(self, file: BookedFile) -> Manifest:
        await asyncio.to_thread(self._folder.mkdir, parents=True, exist_ok=True, mode=0o700)
        manifest = await write_file(
            self._folder / file.name, file.form, _SCHEMA, self._lines(file.id), f".{self._ids()}"
        )
        await self._store.write(_written, file.id, manifest, self._clock())
        return manifest

    async def _lines(self, file_id: str) -> AsyncIterator[list[Line]]:
        last = ""
        while page := await self._store.read(_page, file_id, last):
            yield page
            last = page[-1][0]

    async def take_answers(self, source: Path) -> Answered:
        """Take in what the back office did: columns order, outcome (`completed` or `failed`), and reason. Again: the same.

        Raises:
            ImportRefused: the file cannot be read.
        """
        counts = {"completed": 0, "failed": 0, "known": 0}
        wrong: list[tuple[int, str]] = []
        answers = _read(source)
        while (page := await asyncio.to_thread(next, answers, None)) is not None:
            for line, number, outcome, reason, problem in page:
                came = problem or await self._take_answer(number, outcome, reason or "")
                if came in counts:
                    counts[came] += 1
                elif len(wrong) < 1000:
                    wrong.append((line, came))
        return Answered(counts["completed"], counts["failed"], counts["known"], wrong)

    async def _take_answer(self, number: str, outcome: str, reason: str) -> str:
        """What became of it: `completed`, `failed`, `known`, or why it is no answer."""
        if outcome not in ("completed", "failed"):
            return f"outcome is completed or failed, not {outcome}"
        for _ in range(_TRIES):
            order = await self._store.read(get_any, number)
            if order is None or not await self._store.read(_was_handed_over, number):
                return "no such order was handed over"
            if order.state is not OrderState.PROVISIONING:
                return "known" if order.state.value == outcome else f"the order is {order.state.value} already"
            unit = Unit()
            refusal = reason if outcome == "failed" else None
            await self._fulfilment.conclude_booked(unit, order, refusal, trace_id=self._ids())
            try:
                await self._store.commit(unit)
            except Clash:
                continue
            return outcome
        return "other requests are changing the order; hand the file in again"


Answer = tuple[int, str, str, str | None, str | None]
"""Line, order, outcome, reason, and why it is none."""


def _read(source: Path) -> Iterator[list[Answer]]:
    given = SourceMapping()
    plain = given.kind_of(source) != "ndjson"
    mapping = mapping_for(_ANSWERS, None, list(Source(source, given, ()).columns) if plain else None)
    wanted = [one.column for one in mapping.fields.values() if one.column is not None]
    for chunk in Source(source, mapping, wanted).chunks(0, _PAGE):
        fitted = fit(_ANSWERS, mapping, chunk.columns, len(chunk.lines))
        number, outcome, reason = (fitted.columns[field.name].to_pylist() for field in _ANSWERS)
        answers: list[Answer] = [
            (line, number[at], outcome[at], reason[at], fitted.problems.get(at)) for at, line in enumerate(chunk.lines)
        ]
        yield answers + [(one.line, "", "", None, one.reason) for one in chunk.broken]


_FILE = [booked_files.c[name] for name in BookedFile._fields]


def _open_file(connection: Connection) -> BookedFile | None:
    open_ones = select(*_FILE).where(booked_files.c.state != "written").order_by(booked_files.c.id).limit(1)
    row = connection.execute(open_ones).one_or_none()
    return None if row is None else BookedFile(*row)


def _count(connection: Connection, day: str) -> int:
    return connection.scalar(select(func.count()).select_from(booked_files).where(booked_files.c.day == day)) or 0


def _count_in(connection: Connection, file_id: str, rows: int) -> None:
    taking = (booked_files.c.id == file_id) & (booked_files.c.state == "taking")
    if connection.execute(update(booked_files).where(taking).values(rows=booked_files.c.rows + rows)).rowcount != 1:
        raise _Closed


def _close(connection: Connection, file_id: str) -> None:
    taking = (booked_files.c.id == file_id) & (booked_files.c.state == "taking")
    connection.execute(update(booked_files).where(taking).values(state="closed"))


def _written(connection: Connection, file_id: str, manifest: Manifest, now: datetime) -> None:
    this = update(booked_files).where(booked_files.c.id == file_id)
    connection.execute(this.values(state="written", sha256=manifest.sha256, written_at=now))


def _page(connection: Connection, file_id: str, last: str) -> list[Line]:
    query = (
        select(
            orders.c.id, subscribers.c.ref, orders.c.offer_code, orders.c.action, orders.c.price_fen, orders.c.period,
            orders.c.created_at,
        )
        .join(booked_orders, booked_orders.c.order_id == orders.c.id)
        .join(subscribers, subscribers.c.id == orders.c.subscriber_id)
        .where(booked_orders.c.file_id == file_id, orders.c.id > last)
        .order_by(orders.c.id)
        .limit(_PAGE)
    )  # fmt: skip
    return [tuple(row) for row in connection.execute(query)]


def _was_handed_over(connection: Connection, order_id: str) -> bool:
    handed = select(booked_orders.c.order_id).where(booked_orders.c.order_id == order_id)
    return connection.scalar(handed) is not None
