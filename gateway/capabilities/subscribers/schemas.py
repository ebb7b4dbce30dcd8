"""What is known of a subscriber's habits, as stored."""

from __future__ import annotations

import msgspec


class Profile(msgspec.Struct, frozen=True):
    """Habits of one subscriber. Absent means unknown, not zero."""

    usage: dict[str, float] = {}
    """Usage item → weight (0 and up; relative within the subscriber)."""
    traffic_used_pct: int | None = None
    """Share of the month's traffic allowance used, percent."""
    device_abilities: list[str] = []
