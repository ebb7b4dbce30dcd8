"""When a failed delivery is tried again, and when an endpoint is given up. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

LONGEST = timedelta(hours=24)
"""However long an endpoint asks us to wait."""

GIVEN_UP_AFTER = timedelta(days=5)
"""An endpoint that took nothing for so long is disabled."""


def next_try(
    waits: Sequence[timedelta], attempt: int, now: datetime, retry_after: str | None, chance: float
) -> datetime | None:
    """When to try again after failed `attempt` (from 1); None: it was the last. `chance` in 0..1 spreads the crowd."""
    if attempt > len(waits):
        return None
    wait = waits[attempt - 1] * (0.9 + 0.2 * chance)
    asked = _asked(retry_after, now)
    return now + (wait if asked is None else min(max(wait, asked), LONGEST))


def _asked(retry_after: str | None, now: datetime) -> timedelta | None:
    """The time a Retry-After header asks for: seconds or a date (RFC 9110 §10.2.3); None if it says nothing of sense."""
    if retry_after is None:
        return None
    if retry_after.isascii() and retry_after.isdigit():
        return timedelta(seconds=min(int(retry_after[:9]), 10**8))
    try:
        when = parsedate_to_datetime(retry_after)
    except (ValueError, TypeError, OverflowError):
        return None
    return (when if when.tzinfo else when.replace(tzinfo=UTC)) - now
