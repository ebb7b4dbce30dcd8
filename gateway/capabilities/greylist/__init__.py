"""The grey list: phone numbers that no partner may push orders for, for a time and with a reason."""

from gateway.capabilities.greylist.capability import GreyEntryNotFound
from gateway.capabilities.greylist.capability import greylist as greylist_capabilities
from gateway.capabilities.greylist.repository import GreyList, list_held

__all__ = ["GreyEntryNotFound", "GreyList", "greylist_capabilities", "list_held"]
