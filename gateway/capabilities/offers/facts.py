"""What the rules of the catalog need to know about a subscriber."""

from __future__ import annotations

from msgspec import Struct


class SubscriberFacts(Struct, frozen=True):
    """The facts that decide which offers a subscriber may have.

    Attributes:
        id: the subscriber's number; 0 for a visitor nobody knows yet.
        brand: brand code; empty when unknown.
        region: path ``province/city/county``, e.g. ``GD/440100/440106``; empty when unknown.
        device_abilities: what the device in use can do, e.g. ``{"apps", "4g"}``.
        held: codes of the offers held now.
        open_orders: codes of the offers with an order that is not finished.
    """

    id: int
    brand: str
    region: str
    device_abilities: frozenset[str] = frozenset()
    held: frozenset[str] = frozenset()
    open_orders: frozenset[str] = frozenset()


VISITOR = SubscriberFacts(id=0, brand="", region="")
"""An unbound visitor: only offers that ask for nothing are open to them."""
