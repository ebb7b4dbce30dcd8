"""The names of the things a subscriber is known by: what is held, used, and shared with others.

An item is a string. An offer held or ordered is its code; everything else has a prefix.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

TRAFFIC_USED = "allowance:traffic"
"""The data of the month is nearly used; its weight is the used part (0.82 = 82 %)."""

NEARLY_USED_PCT = 80
"""Percent of the allowance from which a subscriber has the item ``TRAFFIC_USED``."""


def service_item(service: str) -> str:
    """The item of everyone who uses a service, subscribed or not."""
    return f"service:{service}"


def content_item(service: str, content: str) -> str:
    """The item of everyone who uses a subject of a service."""
    return f"content:{service}/{content}"


def usage_items(usage: Mapping[str, float], traffic_used_pct: int) -> dict[str, float]:
    """Usage weights by item, with ``TRAFFIC_USED`` added when the allowance is nearly used.

    ``usage`` holds service and content items with weights of about 0..1.
    """
    items = dict(usage)
    if traffic_used_pct >= NEARLY_USED_PCT:
        items[TRAFFIC_USED] = traffic_used_pct / 100
    return items


def profile_items(brand: str, region: str) -> Iterator[str]:
    """The items shared by a brand and by a province; none for what is unknown. ``region`` is a path like GD/440100."""
    if brand:
        yield f"brand:{brand}"
    if region:
        yield f"province:{region.partition('/')[0]}"
