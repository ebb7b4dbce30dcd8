"""What a partner sees of itself: its registration, secrets, calls and monthly statement."""

from gateway.capabilities.partner_account.capability import partner as partner_account_capabilities
from gateway.capabilities.partner_account.usage import KEPT_FOR, count_calls, delete_old

__all__ = ["KEPT_FOR", "count_calls", "delete_old", "partner_account_capabilities"]
