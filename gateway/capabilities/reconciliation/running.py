"""Comparing a day: three sides read in the order of order numbers and merged, so that memory stays flat."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from datetime import date, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Generic, NamedTuple, TypeVar
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, insert, update

from adapters.boss.protocol import Boss, LedgerEntry
from adapters.errors import UpstreamError
from gateway.capabilities.reconciliation import repository
from gateway.capabilities.reconciliation.differences import (
    UNDO_SUFFIX,
    Found,
    Ours,
    Partners,
    Theirs,
    between_us_and_boss,
    between_us_and_partner,
)
from gateway.capabilities.reconciliation.partner_file import PartnerFile
from gateway.capabilities.reconciliation.tables import differences, reconciliations
from gateway.importing.mapping import SourceMapping
from gateway.importing.refusal import ImportRefused
from gateway.kit.clock import Clock
from gateway.kit.ids import first_id
from gateway.store import Store

T = TypeVar("T")

ZONE = ZoneInfo("Asia/Shanghai")
"""Whose days are compared: the operator's and its back end's."""
_PAGE = 1000
_ASKED_AT_ONCE = 8


class DayRef(NamedTuple):
    """What is compared."""

    day: date
    partner_id: str | None = None
    """Whose file there is; None: only we and the back end are compared."""
    file: Path | None = None
    mapping: SourceMapping | None = None


class _Triple(NamedTuple):
    number: str
    ours: Ours | None
    theirs: Theirs | None
    partners: Partners | None


class Reconciler:
    """Compares days and writes down what differs."""

    def __init__(self, store: Store, boss: Boss, data_dir: Path, *, clock: Clock, ids: Callable[[], str]) -> None:
        self._store = store
        self._boss = boss
        self._data_dir = data_dir
        self._clock = clock
        self._ids = ids

    async def run(self, what: DayRef, by: str) -> str:
        """Compare a day; the id of the reconciliation. An order stands in the day it was placed, an entry in the day it
        was taken; what is missing on one side is looked for on the other whatever its day.

        Raises:
            UpstreamError: the back end did not tell its books.
            ImportRefused: the partner's file cannot be read.
        """
        run, now = self._ids(), self._clock()
        await self._store.write(_begin, {
            "id": run, "day": what.day.isoformat(), "partner_id": what.partner_id, "by": by, "state": "running",
            "compared": 0, "found": 0, "started_at": now,
        })  # fmt: skip
        try:
            compared, found = await self._compare(run, what)
        except (UpstreamError, ImportRefused) as error:
            await self._store.write(_end, run, state="failed", problem=str(error)[:1000], finished_at=self._clock())
            raise
        await self._store.write(_end, run, state="done", compared=compared, found=found, finished_at=self._clock())
        return run

    async def run_yesterday(self) -> None:
        """Compare the day before, if nobody has."""
        day = self._clock().astimezone(ZONE).date() - timedelta(days=1)
        if not await self._store.read(repository.is_done, day.isoformat()):
            await self.run(DayRef(day), "platform:")

    async def _compare(self, id: str, what: DayRef) -> tuple[int, int]:
        begin, end = bounds(what.day)
        with TemporaryDirectory(prefix="reconciliation-", dir=self._data_dir) as folder:
            file = None
            if what.file is not None:
                file = await asyncio.to_thread(PartnerFile, what.file, Path(folder), what.mapping)
            try:
                return await self._merge(id, what, self._ours(begin, end), self._theirs(begin, end), _lines(file))
            finally:
                if file is not None:
                    file.close()

    async def _merge(
        self, id: str, what: DayRef, ours: AsyncIterator[tuple[str, Ours]], theirs: AsyncIterator[tuple[str, Theirs]],
        partners: AsyncIterator[tuple[str, Partners]],
    ) -> tuple[int, int]:  # fmt: skip
        first, second, third = _Side(ours), _Side(theirs), _Side(partners)
        compared = found = 0
        batch: list[_Triple] = []
        while True:
            heads = [head for side in (first, second, third) if (head := await side.head()) is not None]
            if not heads or len(batch) == _PAGE:
                found += await self._write_down(id, what, await self._completed(batch))
                compared += len(batch)
                batch = []
            if not heads:
                return compared, found
            number = min(heads)
            batch.append(_Triple(number, await first.take(number), await second.take(number), await third.take(number)))

    async def _completed(self, batch: Sequence[_Triple]) -> list[_Triple]:
        """With what is missing on a side looked for by number: it may stand in another day there."""
        unknown = [one.number for one in batch if one.ours is None]
        known = await self._store.read(repository.get_ours, unknown) if unknown else {}
        slots = asyncio.Semaphore(_ASKED_AT_ONCE)

        async def complete(one: _Triple) -> _Triple:
            one = one._replace(ours=one.ours or known.get(one.number))
            if one.theirs is not None or one.ours is None or not [*between_us_and_boss(one.ours, None)]:
                return one
            async with slots:
                result = await self._boss.status(one.number)
            return one if result is None else one._replace(theirs=Theirs(result.status))

        return list(await asyncio.gather(*map(complete, batch)))

    async def _write_down(self, id: str, what: DayRef, batch: Sequence[_Triple]) -> int:
        rows: list[dict[str, Any]] = [
            {"id": self._ids(), "reconciliation_id": id, "number": one.number[:64], "kind": found.kind.value,
             "repair": found.repair.value, "ours": found.ours[:200], "theirs": found.theirs[:200], "state": "open",
             "partner_id": one.ours.partner_id if one.ours is not None else what.partner_id}
            for one in batch for found in _found(one, what.partner_id, with_partner=what.file is not None)
        ]  # fmt: skip
        if not rows:
            return 0
        mended = await self._store.read(repository.list_repaired, [row["number"] for row in rows])
        left = [row for row in rows if (row["number"], row["kind"], row["ours"], row["theirs"]) not in mended]
        if left:
            await self._store.write(_insert, left)
        return len(left)

    async def _ours(self, begin: datetime, end: datetime) -> AsyncIterator[tuple[str, Ours]]:
        last, stop = first_id(begin), first_id(end)
        while page := await self._store.read(repository.list_ours, last, stop, _PAGE):
            for one in page:
                yield one
            last = page[-1][0]

    async def _theirs(self, begin: datetime, end: datetime) -> AsyncIterator[tuple[str, Theirs]]:
        after: str | None = None
        while True:
            page = await self._boss.list_taken(begin, end, after, _PAGE)
            for entry in page.entries:
                if not entry.number.endswith(UNDO_SUFFIX):
                    yield entry.number, _entry(entry)
            if page.next is None or page.next == after:
                return
            after = page.next


class _Side(Generic[T]):
    """One side of the merge: what stands at its head, and taking it."""

    def __init__(self, source: AsyncIterator[tuple[str, T]]) -> None:
        self._source = source
        self._next: tuple[str, T] | None = None
        self._ended = False

    async def head(self) -> str | None:
        if self._next is None and not self._ended:
            self._next = await anext(self._source, None)
            self._ended = self._next is None
        return None if self._next is None else self._next[0]

    async def take(self, number: str) -> T | None:
        if await self.head() != number or self._next is None:
            return None
        value, self._next = self._next[1], None
        return value


def _found(one: _Triple, partner_id: str | None, *, with_partner: bool) -> Iterator[Found]:
    if one.ours is not None or one.theirs is not None:  # a partner's line alone is the partner's difference only
        yield from between_us_and_boss(one.ours, one.theirs)
    if with_partner and partner_id is not None:
        yield from between_us_and_partner(one.ours, one.partners, partner_id)


async def _lines(file: PartnerFile | None) -> AsyncIterator[tuple[str, Partners]]:
    if file is None:
        return
    slices = file.lines()
    while (lines := await asyncio.to_thread(next, slices, None)) is not None:
        for line in lines:
            yield line


def _entry(entry: LedgerEntry) -> Theirs:
    return Theirs(entry.status, entry.effects, entry.subscriber_ref, entry.offer_code, entry.action, entry.price_fen)


def bounds(day: date) -> tuple[datetime, datetime]:
    """When a day of the operator begins and ends."""
    begin = datetime(day.year, day.month, day.day, tzinfo=ZONE)
    return begin, begin + timedelta(days=1)


def _begin(connection: Connection, row: dict[str, Any]) -> None:
    connection.execute(insert(reconciliations), row)


def _insert(connection: Connection, rows: list[dict[str, Any]]) -> None:
    connection.execute(insert(differences), rows)


def _end(connection: Connection, /, id: str, **values: Any) -> None:
    connection.execute(update(reconciliations).where(reconciliations.c.id == id).values(values))
