"""The contract of the network's word on a number."""

from datetime import date, datetime
from typing import Protocol

CANNOT_SAY = frozenset({"OUT_OF_RANGE", "IDENTIFIER_NOT_FOUND", "SERVICE_NOT_APPLICABLE"})
"""Codes of refusals that are about this number or date: asking again will not help."""


class NumberWatch(Protocol):
    """Tells whether a number changed hands. Sources: CAMARA Number Recycling; CAMARA SIM Swap.

    Raises, both ways:
        UpstreamUnavailable: no answer after the client's own retries; asking again is safe.
        UpstreamRefused: the network's own code: one of `CANNOT_SAY`, or what tells of a mistake of ours.
    """

    async def recycled_since(self, number: str, day: date) -> bool:
        """Whether the number (E.164) has had another subscriber after that day."""

    async def sim_changed_at(self, number: str) -> datetime | None:
        """When the number (E.164) was last put on another SIM card; None where no change is known. UTC."""
