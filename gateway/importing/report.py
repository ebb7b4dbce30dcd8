"""The report of rejected rows: one JSON object a line with line, reason and row."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import msgspec

from gateway.importing.rows import Rejection

_encoder = msgspec.json.Encoder(enc_hook=str)


class RejectReport:
    """A file that exists only when something was rejected. Rows may hold phone numbers: only its owner may read it."""

    def __init__(self, path: Path, *, length: int) -> None:
        """Goes on after the first `length` bytes; what an interrupted run wrote beyond them is dropped."""
        self.path = path
        self.length = length
        if length and not path.exists():
            self.length = 0  # the report was taken away meanwhile; its rows stay counted
        if not self.length:
            path.unlink(missing_ok=True)
        else:
            os.truncate(path, self.length)

    def add(self, rejections: Sequence[Rejection]) -> None:
        """Write them down before the transaction that counts them commits."""
        if not rejections:
            return
        lines = [
            _encoder.encode({"line": one.line, "reason": one.reason, "row": one.row}) + b"\n" for one in rejections
        ]
        with open(self.path, "ab", opener=lambda path, flags: os.open(path, flags, 0o600)) as file:
            file.write(b"".join(lines))
            file.flush()
            os.fsync(file.fileno())
            self.length = file.tell()
