"""The contract of the network's word on a number."""

from datetime import date, datetime
from typing import Protocol

OUT_OF_RANGE = "OUT_OF_RANGE"
"""Refusal: the day lies further back than the network looks. A later day may be answered."""
NOT_FOUND = "IDENTIFIER_NOT_FOUND"
"""Refusal: the number is not this network's; it may be another one's."""
NOT_APPLICABLE = "SERVICE_NOT_APPLICABLE"
"""Refusal: the network never says this of this number."""
INVALID_ARGUMENT = "INVALID_ARGUMENT"
"""Refusal: something in the question cannot be read, such as this number."""
CANNOT_SAY = frozenset({OUT_OF_RANGE, NOT_FOUND, NOT_APPLICABLE})
"""Refusals that are about this number or day: asking the same again will not help. Every other one is about how we ask,
or who we are. Source: CAMARA Number Recycling; CAMARA Commonalities, error codes.
"""


class NumberWatch(Protocol):
    """Tells whether a number changed hands. Sources: CAMARA Number Recycling; CAMARA SIM Swap.

    Raises, both ways:
        UpstreamUnavailable: no answer after the client's own retries; asking again is safe.
        UpstreamRefused: the network's own code: one of `CANNOT_SAY`, or what tells of a mistake of ours.
    """

    async def recycled_since(self, number: str, day: date) -> bool:
        """Whether the number (E.164) has had another subscriber after that day, a calendar day of the network."""

    async def sim_changed_at(self, number: str) -> datetime | None:
        """When the number (E.164) was last put on another SIM card; None where no change is known. UTC."""
