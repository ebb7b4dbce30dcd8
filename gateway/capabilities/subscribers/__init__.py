"""Subscribers: the contract, how it is reached, and what is known of its habits."""

from gateway.capabilities.subscribers.contact import Contact, contact_of
from gateway.capabilities.subscribers.facts import facts_of
from gateway.capabilities.subscribers.schemas import Profile
from gateway.capabilities.subscribers.tables import is_real, profiles, subscribers

__all__ = ["Contact", "Profile", "contact_of", "facts_of", "is_real", "profiles", "subscribers"]
