"""The subscriber behind an account, as every capability sees it, and the accounts that reach a subscriber."""

from gateway.capabilities.subjects.accounts import SubscriberAccounts
from gateway.capabilities.subjects.resolver import Subjects

__all__ = ["Subjects", "SubscriberAccounts"]
