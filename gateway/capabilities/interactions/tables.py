"""The interaction log that all channels share."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Index, Integer, String, Table, Text

from gateway.store import Instant, metadata

interactions = Table(
    "interactions",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("at", Instant, nullable=False),
    Column("kind", String(12), nullable=False),
    Column("subscriber_id", BigInteger().with_variant(Integer, "sqlite")),
    Column("account", String(200)),
    Column("channel", String(20), nullable=False),
    Column("place", String(60), nullable=False),
    Column("impression", String(40)),
    Column("offers", Text, nullable=False),
)
Index("ix_interactions_subscriber_id_kind_at", interactions.c.subscriber_id, interactions.c.kind, interactions.c.at)
