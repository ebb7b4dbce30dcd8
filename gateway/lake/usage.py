"""Usage in the lake: who used what, when and how much, one folder a day.

    <data_dir>/lake/usage/day=2026-11-24/<run>-<position>.parquet

A file appears whole or not at all, and is named after the import run and the place in its source that it came from: a
run that goes on after a crash writes the same names again, so nothing is in the lake twice.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from pathlib import Path
from typing import Any

import duckdb
import ibis
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

USAGE_SCHEMA = pa.schema(
    [
        ("subscriber_id", pa.int64()),
        ("item", pa.string()),
        ("at", pa.timestamp("us", "UTC")),
        ("weight", pa.float32()),
    ]
)
"""One row: a subscriber used an item at a moment (UTC); weight 0 and up, in the source's own measure."""

_UNFINISHED = ".part"
_NAME = "usage"
_USAGE: Any = ibis.table(ibis.schema(USAGE_SCHEMA), name=_NAME)
_WEIGHTS: Any = _USAGE.group_by("subscriber_id", "item").agg(weight=_USAGE.weight.sum())
"""(subscriber_id, item, weight), one row a pair, over all days."""


class UsageLake:
    """The usage below one data directory."""

    def __init__(self, data_dir: Path) -> None:
        self._folder = data_dir / "lake" / "usage"

    def write(self, rows: pa.Table, *, run: str, position: int) -> None:
        """Keep rows (of `USAGE_SCHEMA`), durably, as the part of an import run that begins at this position."""
        written: list[tuple[Path, Path]] = []
        for day, of_day in _by_day(rows.select(USAGE_SCHEMA.names).cast(USAGE_SCHEMA)):
            folder = self._folder / f"day={day.isoformat()}"
            folder.mkdir(parents=True, exist_ok=True)
            path = folder / f"{run}-{position:012d}.parquet"
            part = path.with_suffix(_UNFINISHED)
            pq.write_table(of_day, part, compression="zstd")
            written.append((part, path))
        _sync([part for part, _ in written])
        for part, path in written:
            part.rename(path)
        if written:
            _sync([*{path.parent for _, path in written}, self._folder])

    def discard(self, run: str, *, since: int = 0) -> None:
        """Drop what a run wrote from a position on, finished or not."""
        for path in self._folder.glob(f"day=*/{run}-*"):
            if int(path.stem.rpartition("-")[2]) >= since:
                path.unlink()

    def is_empty(self) -> bool:
        """Whether no usage was ever kept."""
        return next(self._folder.glob("day=*/*.parquet"), None) is None

    def habits(self, most: int, chunk: int = 10_000) -> Iterator[dict[int, dict[str, float]]]:
        """What each subscriber uses most, at most `most` items: subscriber id → item → weight, strongest first.

        A weight is the sum over all days, relative to the subscriber's strongest item (0..1]. Chunks hold about `chunk`
        subscribers, whole ones.
        """
        strongest = _strongest(_WEIGHTS, most)
        relative = strongest.weight / strongest.weight.max().over(group_by=strongest.subscriber_id)
        asked = strongest.mutate(weight=relative).order_by("subscriber_id", "place")
        found: dict[int, dict[str, float]] = {}
        for batch in self._read(asked.select("subscriber_id", "item", "weight"), chunk * 4):
            columns = [batch.column(name).to_pylist() for name in ("subscriber_id", "item", "weight")]
            for subscriber, item, weight in zip(*columns, strict=True):
                if subscriber not in found:
                    if len(found) >= chunk:
                        yield found
                        found = {}
                    found[subscriber] = {}
                found[subscriber][item] = max(round(weight, 4), 0.0001)
        if found:
            yield found

    def pairs(self, *, every: int, items: int, most: int) -> Iterator[tuple[int, str]]:
        """(subscriber id, item) for every `every`-th subscriber, to learn from.

        Only the `items` items that most subscribers use, and of each subscriber the `most` strongest.
        """
        weights = _WEIGHTS.filter(_WEIGHTS.subscriber_id % every == 0)
        users = weights.group_by("item").agg(users=weights.count())
        common = users.order_by(ibis.desc("users"), "item").limit(items)
        asked = _strongest(weights.semi_join(common, "item"), most).select("subscriber_id", "item")
        for batch in self._read(asked, 100_000):
            yield from zip(batch.column("subscriber_id").to_pylist(), batch.column("item").to_pylist(), strict=True)

    def _read(self, asked: ibis.Table, rows: int) -> Iterator[pa.RecordBatch]:
        """The answer's rows, about `rows` at a time; what does not fit into memory goes to the disk."""
        with duckdb.connect(config={"temp_directory": str(self._folder.parent / ".spilled")}) as engine:
            files = engine.read_parquet(str(self._folder / "*" / "*.parquet"), hive_partitioning=True)
            files.create_view(_NAME)
            yield from engine.sql(ibis.to_sql(asked, dialect="duckdb")).to_arrow_reader(rows)


def _strongest(weights: Any, most: int) -> Any:
    """The `most` strongest items of each subscriber, with their place from 0."""
    order = [ibis.desc("weight"), ibis.asc("item")]
    placed = weights.filter(weights.weight > 0).mutate(
        place=ibis.row_number().over(group_by="subscriber_id", order_by=order)
    )
    return placed.filter(placed.place < most)


def _by_day(rows: pa.Table) -> Iterator[tuple[date, pa.Table]]:
    """The rows of each day (UTC), days in order."""
    if not rows.num_rows:
        return
    days = pc.floor_temporal(rows["at"], unit="day").cast(pa.int64()).to_numpy()
    order = np.argsort(days, kind="stable")
    ordered, days = rows.take(pa.array(order)), days[order]
    starts = np.flatnonzero(np.concatenate(([True], days[1:] != days[:-1])))
    for start, end in zip(starts, [*starts[1:], len(days)], strict=True):
        of_day = ordered.slice(start, end - start)
        yield of_day["at"][0].as_py().date(), of_day


def _sync(paths: Sequence[Path]) -> None:
    """Wait until all are on the disk; asked for at once, the disk does them together."""
    with ThreadPoolExecutor(8) as threads:
        list(threads.map(_sync_one, paths))


def _sync_one(path: Path) -> None:
    number = os.open(path, os.O_RDONLY)
    try:
        os.fsync(number)
    finally:
        os.close(number)
