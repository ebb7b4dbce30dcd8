"""Usage: who used what and when goes into the lake."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pyarrow as pa

from gateway.bulk import create_subscribers, subscriber_ids
from gateway.importing.fields import Field
from gateway.importing.rows import Rows
from gateway.importing.run import Batch, Conclude
from gateway.kit.clock import Clock
from gateway.lake import USAGE_SCHEMA, UsageLake
from gateway.store import Store

_UNKNOWN = -1


class UsageImporter:
    """Writes the lake. Files are whole and durable before the place reached is committed."""

    kind = "usage"
    fields: tuple[Field, ...] = (
        Field("subscriber", "text", required=True, longest=64),
        Field("item", "text", required=True, longest=120),
        Field("at", "moment", required=True),
        Field("weight", "number"),
    )

    def __init__(
        self, store: Store, lake: UsageLake, clock: Clock, *, create: bool = False, batch_rows: int = 250_000
    ) -> None:
        """`create`: subscribers whose ref is unknown are made instead of refused."""
        self.batch_rows = batch_rows
        self._store = store
        self._lake = lake
        self._clock = clock
        self._create = create

    async def begin(self, run: str, position: int) -> None:
        self._lake.discard(run, since=position)

    async def take(self, batch: Batch, conclude: Conclude) -> None:
        rows = batch.rows
        subscribers = rows.fields["subscriber"].combine_chunks().dictionary_encode()
        refs: list[str] = subscribers.dictionary.to_pylist()
        ids = await self._ids(refs)
        known = np.array([ids.get(ref, _UNKNOWN) for ref in refs], np.int64)
        number = known[subscribers.indices.to_numpy()] if len(rows) else np.zeros(0, np.int64)
        unknown = np.flatnonzero(number == _UNKNOWN).tolist()
        rejections = rows.reject(
            {at: f"there is no subscriber {refs[subscribers.indices[at].as_py()]}" for at in unknown}
        )
        kept = number != _UNKNOWN
        self._lake.write(_as_usage(rows, number).filter(pa.array(kept)), run=batch.run, position=batch.position)
        await self._store.write(conclude, rejections)

    async def _ids(self, refs: Sequence[str]) -> dict[str, int]:
        ids = await self._store.read(subscriber_ids, refs)
        missing = [ref for ref in refs if ref not in ids]
        if not self._create or not missing:
            return ids
        await self._store.write(create_subscribers, missing, self._clock)
        return ids | await self._store.read(subscriber_ids, missing)


def _as_usage(rows: Rows, number: np.ndarray) -> pa.Table:
    weight = rows.fields["weight"].fill_null(1.0)
    columns = [pa.array(number), rows.fields["item"], rows.fields["at"], weight.cast(pa.float32())]
    return pa.table(columns, schema=USAGE_SCHEMA)
