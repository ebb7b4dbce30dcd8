"""Months of the statement, as people in Asia/Shanghai count them."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

_ZONE = ZoneInfo("Asia/Shanghai")


def month_of(moment: datetime) -> str:
    """The month a moment lies in, `YYYY-MM`."""
    return moment.astimezone(_ZONE).strftime("%Y-%m")


def bounds(month: str) -> tuple[datetime, datetime]:
    """The first moment of a month `YYYY-MM`, and the first of the next one, in UTC."""
    year, number = int(month[:4]), int(month[5:])
    begins = datetime(year, number, 1, tzinfo=_ZONE)
    ends = datetime(year + number // 12, number % 12 + 1, 1, tzinfo=_ZONE)
    return begins.astimezone(UTC), ends.astimezone(UTC)
