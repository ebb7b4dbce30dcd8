"""Published interfaces of the industry, mapped onto capabilities: tables of routes and pure functions, no surface."""

from gateway.standards.operation import Asked, Operation, Shape, Standard
from gateway.standards.tmf620 import TMF620

STANDARDS: tuple[Standard, ...] = (TMF620,)
"""Every standard that is offered."""

__all__ = ["STANDARDS", "Asked", "Operation", "Shape", "Standard"]
