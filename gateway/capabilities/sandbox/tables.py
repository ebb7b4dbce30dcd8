"""The sandbox back end's orders, the faults switched on, and the messages that went nowhere."""

from __future__ import annotations

from sqlalchemy import BigInteger, Boolean, Column, Index, Integer, LargeBinary, String, Table, Text

from gateway.store import Instant, metadata

sandbox_orders = Table(
    "sandbox_orders",
    metadata,
    # The key is the guard: a number is taken once.
    Column("number", String(64), primary_key=True),
    Column("partner_id", String(60), nullable=False),
    Column("body", LargeBinary, nullable=False),
    Column("outcome", String(10), nullable=False),
    Column("reason", String(100)),
    # Until then it is "processing".
    Column("ready_at", Instant, nullable=False),
)
Index("ix_sandbox_orders_ready_at", sandbox_orders.c.ready_at)

sandbox_faults = Table(
    "sandbox_faults",
    metadata,
    Column("partner_id", String(60), primary_key=True),
    Column("slow_seconds", Integer, nullable=False),
    Column("lose_answers", Integer, nullable=False),
    Column("refuse_orders", Integer, nullable=False),
    Column("refusal_reason", String(100), nullable=False),
    Column("double_callbacks", Boolean, nullable=False),
    Column("reorder_deliveries", Integer, nullable=False),
)

sandbox_messages = Table(
    "sandbox_messages",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("partner_id", String(60), nullable=False),
    Column("subscriber_id", BigInteger().with_variant(Integer, "sqlite"), nullable=False),
    Column("user", String(100), nullable=False),
    Column("text", Text, nullable=False),
    Column("at", Instant, nullable=False),
)
Index("ix_sandbox_messages_partner_id", sandbox_messages.c.partner_id, sandbox_messages.c.id)
Index("ix_sandbox_messages_at", sandbox_messages.c.at)
