"""The watch over partners: how their orders turn out, what follows when they go wrong too often, and the cases of it."""

from gateway.capabilities.watch import cases as _cases  # noqa: F401 - declares its capabilities
from gateway.capabilities.watch.capability import watch as watch_capabilities
from gateway.capabilities.watch.case_reads import list_own, offsets
from gateway.capabilities.watch.watcher import Watch

__all__ = ["Watch", "list_own", "offsets", "watch_capabilities"]
