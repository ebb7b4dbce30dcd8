"""Reconciliations and the differences they found."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, ForeignKey, Index, String, Table, Text

from gateway.store import Instant, metadata

reconciliations = Table(
    "reconciliations",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("day", String(10), nullable=False),
    Column("partner_id", String(60)),
    Column("by", String(240), nullable=False),
    Column("state", String(10), nullable=False),
    Column("compared", BigInteger, nullable=False),
    Column("found", BigInteger, nullable=False),
    Column("problem", Text),
    Column("started_at", Instant, nullable=False),
    Column("finished_at", Instant),
)
Index("ix_reconciliations_day", reconciliations.c.day)

differences = Table(
    "differences",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("reconciliation_id", String(36), ForeignKey("reconciliations.id"), nullable=False),
    Column("number", String(64), nullable=False),
    Column("kind", String(30), nullable=False),
    Column("repair", String(20), nullable=False),
    Column("partner_id", String(60)),
    Column("ours", String(200), nullable=False),
    Column("theirs", String(200), nullable=False),
    Column("state", String(10), nullable=False),
    Column("repaired_by", String(240)),
    Column("repaired_at", Instant),
    Column("note", Text),
)
Index("ix_differences_reconciliation_id", differences.c.reconciliation_id, differences.c.id)
Index("ix_differences_number", differences.c.number)
