"""Published interfaces of the industry, mapped onto capabilities: tables of routes and pure functions, no surface."""

from gateway.standards.camara_otp import CAMARA_OTP
from gateway.standards.operation import Asked, Operation, Shape, Standard
from gateway.standards.tmf620 import TMF620
from gateway.standards.tmf622 import TMF622
from gateway.standards.tmf637 import TMF637
from gateway.standards.tmf680 import TMF680

STANDARDS: tuple[Standard, ...] = (TMF620, TMF622, TMF637, TMF680, CAMARA_OTP)
"""Every standard that is offered."""

__all__ = ["STANDARDS", "Asked", "Operation", "Shape", "Standard"]
