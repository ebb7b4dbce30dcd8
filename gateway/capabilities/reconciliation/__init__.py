"""The daily comparison of our orders with the back end's books and a partner's, and the repair of what differs."""

from gateway.capabilities.reconciliation.capability import reconciliation as reconciliation_capabilities
from gateway.capabilities.reconciliation.repairing import Repairs
from gateway.capabilities.reconciliation.running import Reconciler
from gateway.capabilities.reconciliation.schemas import Difference, Reconciliation

__all__ = ["Difference", "Reconciler", "Reconciliation", "Repairs", "reconciliation_capabilities"]
