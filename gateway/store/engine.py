"""The database behind one small interface: run a function on a connection, or commit a unit.

Functions are plain and take a SQLAlchemy `Connection`. On PostgreSQL they run on asyncpg through SQLAlchemy's async
engine; on SQLite on a thread of their own, because there one hop per function is far cheaper than one per statement.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, Concatenate, ParamSpec, Protocol, TypeVar

import asyncpg
import structlog
from sqlalchemy import URL, Connection, Engine, create_engine, event, make_url
from sqlalchemy.exc import DBAPIError, IntegrityError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from gateway.store.bell import Bell
from gateway.store.many import apply_many
from gateway.store.unit import Clash, Statements, Unit, apply, wakes_workers

P = ParamSpec("P")
T = TypeVar("T")

_BATCH = 256
_SOON_SECONDS = 0.05
_EMPTY_EVERY = 100
"""Commits between two emptyings of SQLite's write-ahead log."""
_LONGEST_LOG = 16_384
"""Pages (64 MB) after which the writer empties the log itself, so that it cannot grow for ever under steady load."""
_DISCONNECT_TRIES = 3
# PostgreSQL: deadlock found, serialisation failure. Two batches met; each goes on alone.
_RETRYABLE = {"40P01", "40001"}
# Connection lost, no room for one more, being stopped or started (PostgreSQL, appendix A of its manual).
_AWAY = ("08", "53", "57P")

_log = structlog.get_logger("store")


class StoreUnavailable(Exception):
    """The database (or the hot state's server) did not answer. A commit cut off in the middle may or may not have happened."""


class Lanes(Protocol):
    """How functions reach the database."""

    dialect: str

    async def read(self, run: Callable[[Connection], T]) -> T:
        """Run on a connection that only reads."""

    async def write(self, run: Callable[[Connection], T], *, durable: bool = True) -> T:
        """Run in one transaction, committed if the function returns and rolled back if it raises.

        What is committed outlives this process; with `durable` also the machine's power.
        """

    async def close(self) -> None:
        """Give up every connection."""


class SqliteLanes:
    """One writing thread, because SQLite has one writer, a few reading ones, and one that empties the write-ahead log.

    Emptying it takes the disk a tenth of a second; done by the writer, every commit in that time would wait.
    """

    dialect = "sqlite"

    def __init__(self, url: URL, readers: int = 2) -> None:
        self._engine = create_engine(url, pool_size=readers + 2, max_overflow=0, connect_args={"timeout": 10})
        _configure_sqlite(self._engine)
        self._writer = ThreadPoolExecutor(1, thread_name_prefix="store-write")
        self._readers = ThreadPoolExecutor(readers, thread_name_prefix="store-read")
        self._emptier = ThreadPoolExecutor(1, thread_name_prefix="store-empty")
        self._emptying: Future[None] | None = None
        self._commits = 0
        self._reading = threading.local()
        self._writing: Connection | None = None
        self._syncs = True

    async def read(self, run: Callable[[Connection], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._readers, self._in_read, run)

    async def write(self, run: Callable[[Connection], T], *, durable: bool = True) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._writer, self._in_write, run, durable)

    def _in_read(self, run: Callable[[Connection], T]) -> T:
        connection: Connection | None = getattr(self._reading, "connection", None)
        if connection is None:  # kept by its thread: taking one from the pool costs more than a point read
            connection = self._reading.connection = self._engine.connect()
        try:
            return run(connection)
        finally:
            connection.rollback()

    def _in_write(self, run: Callable[[Connection], T], durable: bool) -> T:
        connection = self._writing
        if connection is None:
            connection = self._writing = self._engine.connect().execution_options(tuila_writes=True)
        if durable is not self._syncs:
            driver: Any = connection.connection.driver_connection
            driver.execute(f"PRAGMA synchronous={'FULL' if durable else 'NORMAL'}")
            self._syncs = durable
            connection.rollback()
        with connection.begin():
            answer = run(connection)
        self._commits += 1
        if self._commits % _EMPTY_EVERY == 0 and (self._emptying is None or self._emptying.done()):
            self._emptying = self._emptier.submit(self._empty_log)
        return answer

    def _empty_log(self) -> None:
        with self._engine.connect() as connection:
            connection.exec_driver_sql("PRAGMA wal_checkpoint(PASSIVE)")

    async def close(self) -> None:
        for lane in (self._writer, self._readers, self._emptier):
            await asyncio.to_thread(lane.shutdown, wait=True)
        if self._writing is not None:
            self._writing.close()
        self._engine.dispose()


def _configure_sqlite(engine: Engine) -> None:
    @event.listens_for(engine, "connect")
    def on_connect(driver: Any, _record: Any) -> None:
        driver.isolation_level = None  # transactions are opened by the event below, not guessed by the driver
        cursor = driver.cursor()
        for pragma in (
            "journal_mode=WAL",
            "synchronous=FULL",
            "foreign_keys=ON",
            "cache_size=-65536",
            f"wal_autocheckpoint={_LONGEST_LOG}",
        ):
            cursor.execute(f"PRAGMA {pragma}")
        cursor.close()

    @event.listens_for(engine, "begin")
    def on_begin(connection: Connection) -> None:
        # A writer takes its lock at the start: one that upgrades later can fail without waiting. A reader needs no
        # transaction, for what belongs together is read by one statement.
        if connection.get_execution_options().get("tuila_writes", False):
            connection.exec_driver_sql("BEGIN IMMEDIATE")


class PostgresLanes:
    """A pool of asyncpg connections."""

    dialect = "postgresql"

    def __init__(self, url: URL, size: int = 8) -> None:
        self._engine: AsyncEngine = create_async_engine(
            url, pool_size=size, max_overflow=0, pool_timeout=10, connect_args={"timeout": 10, "command_timeout": 30}
        )
        # Reads are single statements or ordered so that a guard read first makes a stale later one clash.
        self._reading = self._engine.execution_options(isolation_level="AUTOCOMMIT")

    async def read(self, run: Callable[[Connection], T]) -> T:
        async with self._reading.connect() as connection:
            return await connection.run_sync(run)

    async def write(self, run: Callable[[Connection], T], *, durable: bool = True) -> T:
        async with self._engine.begin() as connection:
            if not durable:
                await connection.exec_driver_sql("SET LOCAL synchronous_commit = off")
            return await connection.run_sync(run)

    async def close(self) -> None:
        await self._engine.dispose()


class Store:
    """The one durable store of the installation."""

    def __init__(self, lanes: Lanes) -> None:
        self._lanes = lanes
        self._statements = Statements(lanes.dialect)
        self._waiting: list[tuple[Unit, asyncio.Future[None]]] = []
        self._soon: list[Unit] = []
        self._timer: asyncio.TimerHandle | None = None
        self._committer: asyncio.Task[None] | None = None
        self.work_arrived = Bell()

    @property
    def dialect(self) -> str:
        """`sqlite` or `postgresql`."""
        return self._lanes.dialect

    async def read(self, fn: Callable[Concatenate[Connection, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        """What `fn(connection, …)` answers. It must only read: it is run again when the connection turns out dead."""
        for attempt in range(1, _DISCONNECT_TRIES + 1):
            try:
                return await self._lanes.read(lambda connection: fn(connection, *args, **kwargs))
            except Exception as error:
                if not _is_away(error):
                    raise
                if attempt == _DISCONNECT_TRIES:
                    raise StoreUnavailable(str(error)) from error
                await asyncio.sleep(random.uniform(0.05, 0.2) * attempt)  # noqa: S311 - jitter, not a secret
        raise AssertionError("unreachable")

    async def write(self, fn: Callable[Concatenate[Connection, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        """What `fn(connection, …)` answers, after its transaction is durable.

        Raises:
            Clash: a unique constraint was violated.
            StoreUnavailable: the database went away.
        """
        return await self._write(lambda connection: fn(connection, *args, **kwargs), durable=True)

    async def _write(self, run: Callable[[Connection], T], *, durable: bool) -> T:
        try:
            return await self._lanes.write(run, durable=durable)
        except IntegrityError as error:
            raise Clash(str(error.orig)) from error
        except Exception as error:
            if _is_away(error):
                raise StoreUnavailable(str(error)) from error
            raise

    async def commit(self, unit: Unit) -> None:
        """Make the unit durable, together with what other callers commit at this moment.

        Raises:
            Clash: this unit (never a neighbour) violates a unique constraint; nothing of it was written.
            StoreUnavailable: the database went away; the unit may have been written.
        """
        if not unit:
            return
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append((unit, future))
        self._begin_committing()
        await future

    async def commit_many(self, unit: Unit, first: Callable[[Connection], None]) -> None:
        """Make a unit of thousands of rows durable in a transaction of its own, after `first` ran in it.

        Raises:
            Clash: a unique constraint was violated; nothing was written.
            StoreUnavailable: the database went away; the unit may have been written.
        """

        def run(connection: Connection) -> None:
            first(connection)
            apply_many(connection, unit, self._statements)

        try:
            await self._write(run, durable=True)
        except (asyncpg.DeadlockDetectedError, asyncpg.SerializationError) as error:
            raise Clash(str(error)) from error
        if unit.wakes_workers:
            self.work_arrived.ring()

    def commit_soon(self, unit: Unit) -> None:
        """Commit the unit with others of its kind, a twentieth of a second later at most; a failure is logged.

        For records of what was merely read: nobody waits for them, and a crash may lose the last moment's.
        """
        unit.durable = False
        self._soon.append(unit)
        if len(self._soon) >= _BATCH:
            self._commit_soon_units()
        elif self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(_SOON_SECONDS, self._commit_soon_units)

    def _commit_soon_units(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        together = Unit(durable=False)  # nobody waits for them, so they stand and fall together
        for unit in self._soon:
            together.extend(unit)
        self._soon.clear()
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        future.add_done_callback(_log_failure)
        self._waiting.append((together, future))
        self._begin_committing()

    def _begin_committing(self) -> None:
        if self._committer is None:
            self._committer = asyncio.create_task(self._commit_waiting())

    async def _commit_waiting(self) -> None:
        try:
            while self._waiting:
                batch, self._waiting = self._waiting[:_BATCH], self._waiting[_BATCH:]
                await self._commit_batch(batch)
        finally:
            self._committer = None

    async def _commit_batch(self, batch: Sequence[tuple[Unit, asyncio.Future[None]]]) -> None:
        units = [unit for unit, _ in batch]
        try:
            await self._write(
                lambda connection: apply(connection, units, self._statements),
                durable=any(unit.durable for unit in units),
            )
        except Exception as error:  # noqa: BLE001 - handed on to each waiting caller
            # A batch that failed wrote nothing (unless the connection was lost): each goes alone, so that one
            # caller's clash or bad value stays its own.
            if len(batch) == 1 or isinstance(error, StoreUnavailable):
                for _, future in batch:
                    _settle(future, Clash(str(error)) if _met_another_batch(error) else error)
                return
            for single in batch:
                await self._commit_batch([single])
            return
        if wakes_workers(units):
            self.work_arrived.ring()
        for _, future in batch:
            _settle(future, None)

    async def close(self) -> None:
        """Finish what is being committed and let go of the database."""
        if self._soon:
            self._commit_soon_units()
        while self._committer is not None:
            with contextlib.suppress(Exception):
                await self._committer
        await self._lanes.close()


def _settle(future: asyncio.Future[None], error: Exception | None) -> None:
    if future.done():
        return
    if error is None:
        future.set_result(None)
    else:
        future.set_exception(error)
        future.exception()  # a caller that went away must not make the loop complain


def _log_failure(future: asyncio.Future[None]) -> None:
    error = None if future.cancelled() else future.exception()
    if error is not None:
        _log.error("records were not written", error=repr(error))


def _met_another_batch(error: Exception) -> bool:
    return isinstance(error, DBAPIError) and getattr(error.orig, "sqlstate", None) in _RETRYABLE


def _is_away(error: Exception) -> bool:
    """Whether the database is at fault and not what it was asked. Connecting raises the driver's own errors."""
    if isinstance(error, DBAPIError):
        if error.connection_invalidated:
            return True
        cause: object = error.orig
    else:
        cause = error
    state = getattr(cause, "sqlstate", None) or ""
    return isinstance(cause, OSError | PoolTimeout) or state.startswith(_AWAY)


def open_store(url: str) -> Store:
    """The store at a database URL: `sqlite:///file` or `postgresql://user@host/name`; the driver is ours to choose.

    Raises:
        ValueError: neither of the two.
    """
    address = make_url(url)
    backend = address.get_backend_name()
    if backend == "sqlite":
        return Store(SqliteLanes(address.set(drivername="sqlite+pysqlite")))
    if backend == "postgresql":
        return Store(PostgresLanes(address.set(drivername="postgresql+asyncpg")))
    raise ValueError(f"database_url: {backend} is not supported; use sqlite:///FILE or postgresql://USER@HOST/NAME")
