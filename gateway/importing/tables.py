"""How far each import came."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, String, Table

from gateway.store import Instant, metadata

import_runs = Table(
    "import_runs",
    metadata,
    # Digest of the kind, the file's content and the mapping: the same command finds its run again, a changed file none.
    Column("id", String(64), primary_key=True),
    Column("kind", String(20), nullable=False),
    Column("file", String(200), nullable=False),
    # Records of the file that are done with; moves in the transaction that writes their rows.
    Column("position", BigInteger, nullable=False),
    Column("taken", BigInteger, nullable=False),
    Column("left_out", BigInteger, nullable=False),
    Column("rejected", BigInteger, nullable=False),
    Column("report_bytes", BigInteger, nullable=False),
    Column("started_at", Instant, nullable=False),
    Column("updated_at", Instant, nullable=False),
    Column("finished_at", Instant),
)
