"""The interaction log: what was shown, clicked, accepted and declined, on every channel."""

from gateway.capabilities.interactions.log import DECLINED_FOR, Recalled, recall, record
from gateway.capabilities.interactions.tables import interactions

__all__ = ["DECLINED_FOR", "Recalled", "interactions", "recall", "record"]
