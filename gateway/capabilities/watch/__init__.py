"""The watch over partners: how their orders turn out, and what follows when they go wrong too often."""

from gateway.capabilities.watch.capability import watch as watch_capabilities
from gateway.capabilities.watch.watcher import Watch

__all__ = ["Watch", "watch_capabilities"]
