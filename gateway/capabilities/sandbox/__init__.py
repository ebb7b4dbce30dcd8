"""The sandbox: made-up subscribers, a back end inside the platform, and faults to try."""

from gateway.capabilities.sandbox.back_end import SandboxBackEnd
from gateway.capabilities.sandbox.capability import sandbox as sandbox_capabilities
from gateway.capabilities.sandbox.deliveries import SandboxDeliveryFaults
from gateway.capabilities.sandbox.messages import SandboxChannel, SandboxSms
from gateway.capabilities.sandbox.repository import delete_old as delete_old_sandbox_rows

__all__ = [
    "SandboxBackEnd",
    "SandboxChannel",
    "SandboxDeliveryFaults",
    "SandboxSms",
    "delete_old_sandbox_rows",
    "sandbox_capabilities",
]
