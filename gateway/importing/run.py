"""One import: read, fit, write in batches, remember how far it came.

The place reached is committed in the transaction that writes a batch's rows. After a crash the same command goes on
from there; after the end it does nothing unless told to begin again.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from time import monotonic
from typing import Any, NamedTuple, Protocol

import numpy as np
import pyarrow as pa
from msgspec import Struct
from sqlalchemy import Connection, delete, insert, inspect, select, update

from gateway.importing.fields import Field, fit, mapping_for
from gateway.importing.mapping import SourceMapping
from gateway.importing.reading import CHUNK, Chunk, Source
from gateway.importing.refusal import ImportRefused
from gateway.importing.report import RejectReport
from gateway.importing.rows import Rejection, Rows, joined
from gateway.importing.tables import import_runs
from gateway.kit.clock import Clock
from gateway.store import Store

Conclude = Callable[[Connection, list[Rejection]], None]
"""Counts a batch and moves the run's place, in the transaction of the batch's rows."""


class Figures(Struct, frozen=True):
    """What became of a file's records so far, over all attempts."""

    taken: int = 0
    left_out: int = 0
    """Left out by the mapping's own wish."""
    rejected: int = 0
    seconds: float = 0.0
    """Of this attempt."""
    already_done: bool = False
    """Whether an earlier attempt had finished and this one did nothing."""
    resumed_at: int = 0
    """Records that earlier attempts were done with."""


class Batch(NamedTuple):
    """What an importer is given at once."""

    run: str
    position: int
    """Records of the file before this batch; with `run` it names the batch for good."""
    rows: Rows


class Importer(Protocol):
    """Writes the rows of one kind of data."""

    kind: str
    fields: tuple[Field, ...]
    batch_rows: int
    """Rows written in one transaction."""

    async def begin(self, run: str, position: int) -> None:
        """Forget what an interrupted attempt wrote outside the database from this position on."""

    async def take(self, batch: Batch, conclude: Conclude) -> None:
        """Write the rows, calling `conclude` in the same transaction with those that cannot be taken."""


class Import(NamedTuple):
    """What is imported."""

    file: Path
    mapping: SourceMapping | None = None
    """None: the columns are named as our fields are."""
    again: bool = False
    """Begin anew even when it was done."""
    report: Path | None = None
    """Where rejected rows are told; None: beside the file."""
    options: str = ""
    """Whatever else makes another run of it."""

    @property
    def report_path(self) -> Path:
        """Where rejected rows are told."""
        return self.report or self.file.with_name(self.file.name + ".rejected.ndjson")


Progress = Callable[[int, int, Figures], None]
"""Told how much of how much is read, and the figures so far."""


async def run_import(
    store: Store, importer: Importer, job: Import, clock: Clock, progress: Progress = lambda done, size, figures: None
) -> Figures:
    """Bring a file in, or go on where an earlier attempt ended.

    Raises:
        ImportRefused: nothing, or nothing more, can be imported; the message says why.
    """
    mapping, source = _prepared(importer, job)
    run = _Run(store, importer.kind, job, mapping, clock)
    begun = monotonic()
    figures = await run.open()
    if figures.already_done:
        return figures
    await importer.begin(run.id, run.position)
    for chunks in _batched(source.chunks(run.position, min(CHUNK, importer.batch_rows)), importer.batch_rows):
        rows, rejections, left_out = _fitted(importer, mapping, chunks)
        run.counts(sum(chunk.records for chunk in chunks), len(rows), left_out, rejections)
        await importer.take(Batch(run.id, run.position, rows), run.conclude)
        run.advance()
        progress(chunks[-1].done, source.size, run.figures)
    await run.finish()
    return _timed(run.figures, monotonic() - begun)


def _timed(figures: Figures, seconds: float) -> Figures:
    return Figures(figures.taken, figures.left_out, figures.rejected, seconds, False, figures.resumed_at)


def _prepared(importer: Importer, job: Import) -> tuple[SourceMapping, Source]:
    given = job.mapping or SourceMapping()
    kind = given.kind_of(job.file)
    if given.fields or kind == "ndjson":
        mapping = mapping_for(importer.fields, job.mapping, None)
    else:
        columns = list(Source(job.file, given, ()).columns)
        mapping = mapping_for(importer.fields, job.mapping, columns)
    wanted = list(dict.fromkeys(one.column for one in mapping.fields.values() if one.column is not None))
    return mapping, Source(job.file, mapping, wanted)


def _batched(chunks: Iterator[Chunk], rows: int) -> Iterator[list[Chunk]]:
    batch: list[Chunk] = []
    for chunk in chunks:
        batch.append(chunk)
        if sum(one.records for one in batch) >= rows:
            yield batch
            batch = []
    if batch:
        yield batch


def _fitted(importer: Importer, mapping: SourceMapping, chunks: list[Chunk]) -> tuple[Rows, list[Rejection], int]:
    parts, rejections, left_out = [], [], 0
    for chunk in chunks:
        rejections += [Rejection(*one) for one in chunk.broken]
        fitted = fit(importer.fields, mapping, chunk.columns, len(chunk.lines))
        rows = Rows(np.array(chunk.lines, np.int64), pa.table(fitted.columns), pa.table(chunk.columns))
        rejections += rows.reject(fitted.problems)
        out = set(np.flatnonzero(fitted.left_out.to_numpy(zero_copy_only=False)).tolist()) - fitted.problems.keys()
        left_out += len(out)
        parts.append(rows.without(out | fitted.problems.keys()))
    return joined(parts), rejections, left_out


class _Run:
    """The row of `import_runs` and the report that belong to one import."""

    def __init__(self, store: Store, kind: str, job: Import, mapping: SourceMapping, clock: Clock) -> None:
        digest = hashlib.sha256(f"{kind}\0{job.options}\0".encode() + mapping.digest())
        digest.update(_content_digest(job.file))
        self.id = digest.hexdigest()
        self.position = 0
        self.figures = Figures()
        self._store = store
        self._kind = kind
        self._job = job
        self._clock = clock
        self._report: RejectReport
        self._coming: tuple[int, int, int, list[Rejection]] = (0, 0, 0, [])
        self._concluded: tuple[int, Figures] = (0, Figures())

    async def open(self) -> Figures:
        """Where to begin: at the start, or where an earlier attempt ended."""
        row = await self._store.read(_found, self.id)
        if row is not None and row.finished_at is not None and not self._job.again:
            return Figures(row.taken, row.left_out, row.rejected, already_done=True)
        if row is None or (self._job.again and row.finished_at is not None):
            await self._store.write(_begin, self._new_row(self._clock()))
            self._report = RejectReport(self._job.report_path, length=0)
            return self.figures
        self.position = row.position
        self.figures = Figures(row.taken, row.left_out, row.rejected, resumed_at=row.position)
        self._report = RejectReport(self._job.report_path, length=row.report_bytes)
        return self.figures

    def counts(self, records: int, rows: int, left_out: int, rejections: list[Rejection]) -> None:
        """What is known of the coming batch: its records, the rows that fit, and what became of the others."""
        self._coming = records, rows, left_out, rejections

    def conclude(self, connection: Connection, late: list[Rejection]) -> None:
        """Count the batch. Called inside its transaction, which may still fail: `advance` then takes it over."""
        records, rows, left_out, early = self._coming
        rejections = early + late
        self._report.add(sorted(rejections, key=lambda one: one.line))
        before, position = self.figures, self.position + records
        after = Figures(
            before.taken + rows - len(late),
            before.left_out + left_out,
            before.rejected + len(rejections),
            resumed_at=before.resumed_at,
        )
        moved = connection.execute(
            update(import_runs)
            .where(import_runs.c.id == self.id, import_runs.c.position == self.position)
            .values(
                position=position, taken=after.taken, left_out=after.left_out, rejected=after.rejected,
                report_bytes=self._report.length, updated_at=self._clock(),
            )
        )  # fmt: skip
        if moved.rowcount != 1:
            raise ImportRefused(f"another import of {self._job.file.name} is under way")
        self._concluded = position, after

    def advance(self) -> None:
        """The batch last concluded is committed."""
        self.position, self.figures = self._concluded

    async def finish(self) -> None:
        """The whole file is done with."""
        await self._store.write(_finish, self.id, self._clock())

    def _new_row(self, now: datetime) -> dict[str, Any]:
        return {
            "id": self.id, "kind": self._kind, "file": self._job.file.name[-200:], "position": 0, "taken": 0,
            "left_out": 0, "rejected": 0, "report_bytes": 0, "started_at": now, "updated_at": now, "finished_at": None,
        }  # fmt: skip


def _content_digest(file: Path) -> bytes:
    with file.open("rb") as content:
        return hashlib.file_digest(content, "sha256").digest()


def _found(connection: Connection, run: str) -> Any:
    if not inspect(connection).has_table(import_runs.name):
        raise ImportRefused("the database has no tables yet: run `tuila migrate` first")
    return connection.execute(select(import_runs).where(import_runs.c.id == run)).one_or_none()


def _begin(connection: Connection, row: dict[str, Any]) -> None:
    connection.execute(delete(import_runs).where(import_runs.c.id == row["id"]))
    connection.execute(insert(import_runs), row)


def _finish(connection: Connection, run: str, now: datetime) -> None:
    connection.execute(update(import_runs).where(import_runs.c.id == run).values(updated_at=now, finished_at=now))
