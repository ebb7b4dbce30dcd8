"""Durable state: one database, written in units, read in coalesced batches."""

from gateway.store.columns import Instant, metadata
from gateway.store.engine import Store, StoreUnavailable, open_store
from gateway.store.loader import Loader
from gateway.store.unit import Clash, Unit, row_of

__all__ = ["Clash", "Instant", "Loader", "Store", "StoreUnavailable", "Unit", "metadata", "open_store", "row_of"]
