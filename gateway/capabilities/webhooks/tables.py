"""Partners' webhook endpoints, and what became of each event sent to them."""

from __future__ import annotations

from sqlalchemy import BigInteger, Boolean, Column, Index, Integer, LargeBinary, SmallInteger, String, Table, Text

from gateway.store import Instant, metadata

webhook_endpoints = Table(
    "webhook_endpoints",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("partner_id", String(60), nullable=False),
    # The nth endpoint of its partner: two made at once want the same number, so the limit holds.
    Column("partner_seq", Integer, nullable=False),
    Column("url", Text, nullable=False),
    Column("types", Text, nullable=False),
    Column("description", String(200), nullable=False),
    Column("format", String(20), nullable=False),
    Column("enabled", Boolean, nullable=False),
    Column("disabled_because", String(40)),
    Column("secret", LargeBinary, nullable=False),
    Column("previous_secret", LargeBinary),
    Column("previous_until", Instant),
    Column("created_at", Instant, nullable=False),
    Column("updated_at", Instant, nullable=False),
    # Every event up to this number was sent, or has a row in webhook_deliveries.
    Column("cursor", BigInteger, nullable=False),
    # Since when nothing was taken; null while things go well.
    Column("failing_since", Instant),
    Column("leased_by", String(100)),
    Column("leased_until", Instant),
)
Index(
    "uq_webhook_endpoints_partner_seq",
    webhook_endpoints.c.partner_id,
    webhook_endpoints.c.partner_seq,
    unique=True,
)
Index("ix_webhook_endpoints_leased_by", webhook_endpoints.c.leased_by)

webhook_deliveries = Table(
    "webhook_deliveries",
    metadata,
    Column("event_id", String(36), primary_key=True),
    Column("endpoint_id", String(36), primary_key=True),
    Column("seq", BigInteger, nullable=False),
    Column("type", String(60), nullable=False),
    Column("state", String(10), nullable=False),
    Column("attempts", SmallInteger, nullable=False),
    Column("at", Instant, nullable=False),
    Column("tried_at", Instant),
    Column("next_at", Instant),
    Column("status_code", SmallInteger),
    Column("latency_ms", Integer),
    Column("error", String(200)),
    Column("excerpt", String(500)),
)
_pending = webhook_deliveries.c.state == "pending"
Index("ix_webhook_deliveries_endpoint_id", webhook_deliveries.c.endpoint_id, webhook_deliveries.c.event_id)
Index(
    "ix_webhook_deliveries_pending", webhook_deliveries.c.endpoint_id, webhook_deliveries.c.seq,
    sqlite_where=_pending, postgresql_where=_pending,
)  # fmt: skip
