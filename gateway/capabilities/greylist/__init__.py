"""The grey list: phone numbers that no partner may push orders for, for a time and with a reason."""

from gateway.capabilities.greylist.capability import GreyEntryNotFound, Phone, digest_of_phone
from gateway.capabilities.greylist.capability import greylist as greylist_capabilities
from gateway.capabilities.greylist.repository import GreyList, get_entry, hold_number, list_held, release_number

__all__ = [
    "GreyEntryNotFound",
    "GreyList",
    "Phone",
    "digest_of_phone",
    "get_entry",
    "greylist_capabilities",
    "hold_number",
    "list_held",
    "release_number",
]
