"""Work owed to the outside, written in the transaction that owes it and done by leased, retrying workers.

A row is leased for a while, handled, and removed in the same transaction as what the handling changed. A worker that
dies lets its lease run out and another takes the row, so a handler may run more than once and must be written so.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, NamedTuple

import msgspec
import structlog
from sqlalchemy import Boolean, Column, Connection, Index, Integer, String, Table, Text, and_, func, select, update

from gateway.kit.clock import Clock
from gateway.store.columns import Instant, metadata
from gateway.store.engine import Store, StoreUnavailable
from gateway.store.unit import Clash, Unit, row_of

outbox = Table(
    "outbox",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("kind", String(60), nullable=False),
    Column("body", Text, nullable=False),
    Column("due_at", Instant, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("created_at", Instant, nullable=False),
    Column("trace_id", String(64), nullable=False),
    Column("dead", Boolean, nullable=False),
    Column("error", Text),
)
Index(
    "ix_outbox_due", outbox.c.due_at, postgresql_where=outbox.c.dead.is_(False), sqlite_where=outbox.c.dead.is_(False)
)

_ROW = row_of(outbox, ("id", "kind", "body", "due_at", "attempts", "created_at", "trace_id", "dead"))
_encode = msgspec.json.Encoder().encode
_log = structlog.get_logger("outbox")


class Job(NamedTuple):
    """One leased row. `attempt` counts from 1; above 1 an earlier attempt may have had its effect."""

    id: str
    kind: str
    body: bytes
    attempt: int
    trace_id: str
    created_at: datetime


class RetryLater(Exception):
    """The handler is not done: lease the row again after `after`, without counting it as a failure."""

    def __init__(self, after: timedelta, reason: str = "") -> None:
        super().__init__(reason)
        self.after = after


class Undeliverable(Exception):
    """Trying again cannot help: park the row in the dead-letter list."""


Handler = Callable[[Job, Unit], Awaitable[None]]
"""Does the work and records what it changed on the unit, which is committed with the removal of the row."""


def owe(
    unit: Unit, kind: str, body: msgspec.Struct | Mapping[str, Any], *, id: str, now: datetime, trace_id: str,
    due_at: datetime | None = None,
) -> None:  # fmt: skip
    """Record work for the workers: at once, or at `due_at`."""
    unit.insert_row(_ROW, (id, kind, _encode(body).decode(), due_at or now, 0, now, trace_id, False))
    unit.wakes_workers = unit.wakes_workers or due_at is None or due_at <= now


@dataclass(frozen=True)
class RetryPolicy:
    """Exponential backoff with full jitter between attempts, and an end."""

    first: timedelta = timedelta(seconds=1)
    longest: timedelta = timedelta(minutes=10)
    attempts: int = 30

    def delay(self, attempt: int, fraction: float) -> timedelta:
        """The wait after failed `attempt` (from 1); `fraction` in 0..1 picks a point in the upper half of the step."""
        ceiling = min(self.first * 2.0 ** min(attempt - 1, 30), self.longest)
        return ceiling * (0.5 + fraction / 2)


class OutboxWorker:
    """Leases due rows and hands them to the handler of their kind, several at a time."""

    def __init__(
        self,
        store: Store,
        handlers: Mapping[str, Handler],
        *,
        clock: Clock,
        policy: RetryPolicy = RetryPolicy(),
        lease: timedelta = timedelta(seconds=60),
        at_once: int = 16,
        poll: timedelta = timedelta(seconds=1),
        chance: Callable[[], float] = random.random,
    ) -> None:
        self._store = store
        self._handlers = handlers
        self._clock = clock
        self._policy = policy
        self._lease = lease
        self._at_once = at_once
        self._poll = poll
        self._chance = chance
        self._running: set[asyncio.Task[None]] = set()
        self._held: dict[str, datetime] = {}  # job id → when its lease runs out

    async def run(self) -> None:
        """Work until cancelled. Cancelling lets the leases run out; nothing is lost by it."""
        renewing = asyncio.create_task(self._renew())
        try:
            with self._store.work_arrived.listening() as arrived:
                while True:
                    arrived.clear()
                    took = await self._lease_logged()
                    if not took:
                        await self._idle(arrived)
        finally:
            renewing.cancel()
            for task in self._running:
                task.cancel()

    async def run_due(self) -> int:
        """Handle what is due now and nothing after; how many rows were handled. For commands and tests."""
        jobs = await self._store.write(lease_due, self._kinds(), self._clock(), self._lease, self._at_once)
        await asyncio.gather(*(self._handle(job) for job in jobs))
        return len(jobs)

    def _kinds(self) -> tuple[str, ...]:
        return tuple(self._handlers)

    async def _lease_logged(self) -> bool:
        free = self._at_once - len(self._running)
        if free == 0:
            await asyncio.wait(self._running, return_when=asyncio.FIRST_COMPLETED)
            return True
        now = self._clock()
        try:
            jobs = await self._store.write(lease_due, self._kinds(), now, self._lease, free)
        except StoreUnavailable as error:
            _log.warning("store unavailable", error=str(error))
            return False
        except Exception:  # noqa: BLE001 - a worker that ends by itself would do nothing for the rest of the process
            _log.exception("leasing failed")
            return False
        for job in jobs:
            self._held[job.id] = now + self._lease
            task = asyncio.create_task(self._handle(job))
            self._running.add(task)
            task.add_done_callback(self._running.discard)
        return bool(jobs)

    async def _idle(self, arrived: asyncio.Event) -> None:
        with contextlib.suppress(TimeoutError):
            timeout = self._poll.total_seconds() * (0.5 + self._chance() / 2)
            await asyncio.wait_for(arrived.wait(), timeout)

    async def _renew(self) -> None:
        """Keep what is being worked on leased, however long it takes: two at one job would do its work twice."""
        while True:
            await asyncio.sleep(self._lease.total_seconds() / 3)
            held, until = dict(self._held), self._clock() + self._lease
            if not held:
                continue
            try:
                await self._store.write(renew_leases, held, until)
            except StoreUnavailable as error:
                _log.warning("store unavailable", error=str(error))
                continue
            except Exception:  # noqa: BLE001 - as above
                _log.exception("renewing leases failed")
                continue
            self._held.update({job: until for job, end in held.items() if self._held.get(job) == end})

    async def _handle(self, job: Job) -> None:
        try:
            await self._try(job)
        finally:
            self._held.pop(job.id, None)

    async def _try(self, job: Job) -> None:
        unit = Unit()
        try:
            await self._handlers[job.kind](job, unit)
            unit.delete(outbox, id=job.id)
            await self._store.commit(unit)
        except asyncio.CancelledError:
            raise
        except RetryLater as later:
            await self._postpone(job, self._clock() + later.after, str(later), attempts=job.attempt - 1)
        except Undeliverable as error:
            await self._bury(job, str(error))
        except (Clash, StoreUnavailable) as error:
            # Somebody else changed what this was decided on, or the store is away: soon again, on fresh facts.
            await self._postpone(job, self._clock() + self._policy.delay(1, self._chance()), repr(error), job.attempt)
        except Exception as error:  # noqa: BLE001 - a handler may fail in any way; the row is retried or parked
            _log.warning("attempt failed", kind=job.kind, job=job.id, attempt=job.attempt, error=repr(error))
            if job.attempt >= self._policy.attempts:
                await self._bury(job, repr(error))
            else:
                due_at = self._clock() + self._policy.delay(job.attempt, self._chance())
                await self._postpone(job, due_at, repr(error), job.attempt)

    async def _postpone(self, job: Job, due_at: datetime, error: str, attempts: int) -> None:
        await self._note(job, due_at=due_at, attempts=attempts, error=error[:2000])

    async def _bury(self, job: Job, error: str) -> None:
        _log.error("job is dead", kind=job.kind, job=job.id, attempt=job.attempt, error=error)
        await self._note(job, dead=True, error=error[:2000])

    async def _note(self, job: Job, **values: Any) -> None:
        unit = Unit()
        unit.update(outbox, {"id": job.id}, **values)
        try:
            await self._store.commit(unit)
        except StoreUnavailable as error:  # the lease will run out and the row come back by itself
            _log.warning("store unavailable", job=job.id, error=str(error))


def lease_due(connection: Connection, kinds: Sequence[str], now: datetime, lease: timedelta, limit: int) -> list[Job]:
    """Take up to `limit` due rows, oldest first, for the time of a lease. A row leased is a row due later."""
    due = (
        select(outbox)
        .where(outbox.c.dead.is_(False), outbox.c.due_at <= now, outbox.c.kind.in_(kinds))
        .order_by(outbox.c.due_at)
        .limit(limit)
        .with_for_update(skip_locked=True)
    )
    rows = connection.execute(due).all()
    if rows:
        taken = update(outbox).where(outbox.c.id.in_([row.id for row in rows]))
        connection.execute(taken.values(due_at=now + lease, attempts=outbox.c.attempts + 1))
    return [Job(row.id, row.kind, row.body.encode(), row.attempts + 1, row.trace_id, row.created_at) for row in rows]


def renew_leases(connection: Connection, held: Mapping[str, datetime], until: datetime) -> None:
    """Move the end of leases to `until`. A row whose lease does not end as `held` says is another's, or done with."""
    for end in set(held.values()):
        ids = [job for job, its_end in held.items() if its_end == end]
        connection.execute(update(outbox).where(outbox.c.id.in_(ids), outbox.c.due_at == end).values(due_at=until))


class DeadLetter(NamedTuple):
    """A parked row, as an operator sees it."""

    id: str
    kind: str
    body: str
    attempts: int
    created_at: datetime
    error: str | None


def list_dead(connection: Connection, after: str = "", limit: int = 100) -> list[DeadLetter]:
    """Parked rows in order of age, from the one after id `after`."""
    rows = connection.execute(
        select(outbox).where(outbox.c.dead.is_(True), outbox.c.id > after).order_by(outbox.c.id).limit(limit)
    )
    return [DeadLetter(row.id, row.kind, row.body, row.attempts, row.created_at, row.error) for row in rows]


def replay(connection: Connection, now: datetime, ids: Sequence[str] | None = None) -> int:
    """Make parked rows (all of them, or those named) due again with a fresh count; how many."""
    chosen = outbox.c.dead.is_(True) if ids is None else and_(outbox.c.dead.is_(True), outbox.c.id.in_(ids))
    return connection.execute(update(outbox).where(chosen).values(dead=False, attempts=0, due_at=now)).rowcount


def depth(connection: Connection, now: datetime) -> tuple[int, int, int]:
    """(waiting, overdue by a minute or more, dead): figures for health and metrics."""
    late = now - timedelta(minutes=1)
    alive = outbox.c.dead.is_(False)
    row = connection.execute(
        select(
            func.count().filter(alive),
            func.count().filter(and_(alive, outbox.c.due_at < late)),
            func.count().filter(outbox.c.dead.is_(True)),
        ).select_from(outbox)
    ).one()
    return row[0], row[1], row[2]
