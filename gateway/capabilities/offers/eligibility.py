"""Who may have which offer: one rule for one offer in words, and the same rule for all offers at once."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from typing import Literal

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from gateway.capabilities.offers.catalog import Catalog
from gateway.capabilities.offers.facts import SubscriberFacts
from gateway.capabilities.offers.schemas import Bilingual, Offer

Reason = Literal[
    "not_on_sale",
    "brand",
    "region",
    "device",
    "already_held",
    "open_order",
    "excluded_by",
    "missing_prerequisite",
]

_WORDS: dict[Reason, Bilingual] = {
    "not_on_sale": Bilingual("这项业务目前不办理", "This offer is not on sale now"),
    "brand": Bilingual("您的品牌不能订这项业务", "This offer is not for your brand"),
    "region": Bilingual("您所在的地区不能订这项业务", "This offer is not for your region"),
    "device": Bilingual("您的手机不支持这项业务", "Your device does not support this offer"),
    "already_held": Bilingual("您已经订了这项业务", "You already have this offer"),
    "open_order": Bilingual("这项业务正在办理中", "An order for this offer is already under way"),
    "excluded_by": Bilingual("与您已订的业务不能同时使用", "It cannot be combined with an offer you have"),
    "missing_prerequisite": Bilingual("需要先订另一项业务", "It needs another offer first"),
}


class Refusal(Struct, frozen=True):
    """Why a subscriber may not have an offer.

    Attributes:
        reason: stable code, never renamed.
        offer: code of the refused offer.
        evidence: what stands in the way: offer codes held or missing, abilities missing, brands or regions asked for.
        words: the reason for people.
    """

    reason: Reason
    offer: str
    evidence: tuple[str, ...]
    words: Bilingual


def why_not(offer: Offer, facts: SubscriberFacts, at: datetime) -> Refusal | None:
    """The first reason that keeps this subscriber from this offer at this moment; None when there is none."""
    rules = offer.eligibility
    if not offer.on_sale_at(at):
        return _refusal("not_on_sale", offer)
    if rules.brands and facts.brand not in rules.brands:
        return _refusal("brand", offer, rules.brands)
    if rules.regions and not any(lies_in(facts.region, region) for region in rules.regions):
        return _refusal("region", offer, rules.regions)
    if lacking := [ability for ability in rules.device_abilities if ability not in facts.device_abilities]:
        return _refusal("device", offer, lacking)
    if offer.code in facts.held:
        return _refusal("already_held", offer, (offer.code,))
    if offer.code in facts.open_orders:
        return _refusal("open_order", offer, (offer.code,))
    if clashing := [code for code in rules.excludes if code in facts.held]:
        return _refusal("excluded_by", offer, clashing)
    if missing := [code for code in rules.requires if code not in facts.held]:
        return _refusal("missing_prerequisite", offer, missing)
    return None


def lies_in(region: str, area: str) -> bool:
    """Whether a region path is an area or lies below it: GD/440100/440106 lies in GD/440100, not in GD/4401."""
    return region == area or region.startswith(area + "/")


def _refusal(reason: Reason, offer: Offer, evidence: Iterable[str] = ()) -> Refusal:
    return Refusal(reason, offer.code, tuple(evidence), _WORDS[reason])


class EligibilityIndex:
    """``why_not(...) is None`` for all offers of a catalog at once, in microseconds.

    Offer number i of the catalog is bit i of an integer: for some dozens of offers, integers of Python are several
    times faster than arrays, and a thousand offers still fit in 125 bytes.
    """

    def __init__(self, catalog: Catalog) -> None:
        self._size = len(catalog)
        self._bytes = (self._size + 7) // 8
        self._itself = {code: 1 << at for at, code in enumerate(catalog.codes)}
        self._sale_changes, self._on_sale = _sale_periods(catalog)
        self._any_brand = _bits(catalog, lambda offer: not offer.eligibility.brands)
        self._brand = {
            key: self._any_brand | bits for key, bits in _by(catalog, lambda o: o.eligibility.brands).items()
        }
        self._any_region = _bits(catalog, lambda offer: not offer.eligibility.regions)
        self._region = _by(catalog, lambda offer: offer.eligibility.regions)
        self._ability = tuple(_by(catalog, lambda offer: offer.eligibility.device_abilities).items())
        self._excluded_by = _by(catalog, lambda offer: offer.eligibility.excludes)
        self._required = tuple(_by(catalog, lambda offer: offer.eligibility.requires).items())

    def bits(self, facts: SubscriberFacts, at: datetime) -> int:
        """The offers open to this subscriber at this moment, as an integer whose bit i is offer i of the catalog."""
        allowed = self._on_sale[bisect_right(self._sale_changes, at)] & self._brand.get(facts.brand, self._any_brand)
        if self._region:
            allowed &= self._any_region | self._of_region(facts.region)
        blocked = 0
        for ability, needing in self._ability:
            if ability not in facts.device_abilities:
                blocked |= needing
        for code in facts.held:
            blocked |= self._itself.get(code, 0) | self._excluded_by.get(code, 0)
        for code in facts.open_orders:
            blocked |= self._itself.get(code, 0)
        for code, requiring in self._required:
            if code not in facts.held:
                blocked |= requiring
        return allowed & ~blocked

    def mask(self, facts: SubscriberFacts, at: datetime) -> NDArray[np.bool_]:
        """The same as booleans, shape (n_offers,), in the order of the catalog."""
        packed = np.frombuffer(self.bits(facts, at).to_bytes(self._bytes, "little"), np.uint8)
        return np.unpackbits(packed, count=self._size, bitorder="little").view(np.bool_)

    def _of_region(self, region: str) -> int:
        found = self._region.get(region, 0)
        end = region.find("/")
        while end >= 0:
            found |= self._region.get(region[:end], 0)
            end = region.find("/", end + 1)
        return found


def _bits(catalog: Catalog, holds: Callable[[Offer], bool]) -> int:
    return sum(1 << at for at, offer in enumerate(catalog) if holds(offer))


def _by(catalog: Catalog, keys: Callable[[Offer], Iterable[str]]) -> dict[str, int]:
    """For each key named by some offers, the bits of these offers."""
    named: dict[str, int] = {}
    for at, offer in enumerate(catalog):
        for key in keys(offer):
            named[key] = named.get(key, 0) | 1 << at
    return named


def _sale_periods(catalog: Catalog) -> tuple[list[datetime], list[int]]:
    """The moments at which the set of offers on sale changes, and the set before, between and after them."""
    limits = (limit for offer in catalog for limit in (offer.on_sale_from, offer.on_sale_until))
    changes = sorted({limit for limit in limits if limit is not None})
    begins = [datetime.min.replace(tzinfo=UTC), *changes]
    return changes, [_bits(catalog, lambda offer, at=at: offer.on_sale_at(at)) for at in begins]  # type: ignore[misc] # a default argument has no type of its own
