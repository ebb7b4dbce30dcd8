"""Order files and what became of their rows."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    String,
    Table,
    Text,
    UniqueConstraint,
)

from gateway.store import Instant, metadata

order_files = Table(
    "order_files",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("partner_id", String(60), nullable=False),
    # A partner's file is known by its content: handed in again, it is the same file, and orders nothing twice.
    Column("sha256", String(64), nullable=False),
    Column("bytes", BigInteger, nullable=False),
    Column("format", String(12), nullable=False),
    Column("columns", Text, nullable=False),
    Column("locale", String(5), nullable=False),
    Column("state", String(20), nullable=False),
    # Records of the file before the batch under way, and the last line of it that is answered. Both move in the
    # transaction of the orders that they count.
    Column("position", BigInteger, nullable=False),
    Column("line", BigInteger, nullable=False),
    Column("placed", BigInteger, nullable=False),
    Column("refused", BigInteger, nullable=False),
    Column("result_bytes", BigInteger, nullable=False),
    Column("read_bytes", BigInteger, nullable=False),
    Column("problem", Text),
    Column("created_at", Instant, nullable=False),
    Column("updated_at", Instant, nullable=False),
    Column("finished_at", Instant),
    UniqueConstraint("partner_id", "sha256"),
)
Index("ix_order_files_state", order_files.c.state, order_files.c.updated_at)

order_file_results = Table(
    "order_file_results",
    metadata,
    Column("file_id", String(36), ForeignKey("order_files.id"), primary_key=True),
    Column("first_line", BigInteger, primary_key=True, autoincrement=False),
    # Where this part begins in the whole result file, and how long it is there; kept compressed.
    Column("begins", BigInteger, nullable=False),
    Column("length", Integer, nullable=False),
    Column("body", LargeBinary, nullable=False),
)
Index("ix_order_file_results_begins", order_file_results.c.file_id, order_file_results.c.begins)
