"""Rows between being read and being written."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray


class Rejection(NamedTuple):
    """A record that was not taken over."""

    line: int
    reason: str
    row: Any


class Rows(NamedTuple):
    """Rows that fit their fields, with what the source wrote, so that they can still be refused by name."""

    lines: NDArray[np.int64]
    fields: pa.Table
    source: pa.Table

    def __len__(self) -> int:
        return len(self.lines)

    def __bool__(self) -> bool:
        return bool(len(self.lines))

    def reject(self, reasons: Mapping[int, str]) -> list[Rejection]:
        """Rejections by place among these rows."""
        found = self.source.take(pa.array(list(reasons), pa.int64())).to_pylist()
        return [
            Rejection(int(self.lines[at]), reason, row)
            for (at, reason), row in zip(reasons.items(), found, strict=True)
        ]

    def without(self, places: Iterable[int]) -> Rows:
        """The other rows, in order."""
        kept = np.ones(len(self.lines), np.bool_)
        kept[list(places)] = False
        mask = pa.array(kept)
        return Rows(self.lines[kept], self.fields.filter(mask), self.source.filter(mask))


def joined(parts: list[Rows]) -> Rows:
    """The rows of all parts, in order; there is at least one part."""
    return Rows(
        np.concatenate([part.lines for part in parts]),
        pa.concat_tables([part.fields for part in parts]).combine_chunks(),
        pa.concat_tables([part.source for part in parts]),
    )
