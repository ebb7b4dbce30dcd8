"""How a developer becomes a partner: an application, the operator's answer, and credentials claimed once."""

from gateway.capabilities.onboarding.capability import applications as application_capabilities

__all__ = ["application_capabilities"]
