"""Numbers that changed hands: asking the network, and what follows for bindings and orders."""

from gateway.capabilities.numbers.checking import NumberChecks
from gateway.capabilities.numbers.sweeping import NumberSweep
from gateway.capabilities.numbers.tables import number_checks

__all__ = ["NumberChecks", "NumberSweep", "number_checks"]
