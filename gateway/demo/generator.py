"""Made-up subscribers, the same ones for the same seed, a chunk at a time.

Everyone is a mixture of a few characters; the mixture decides what they use, and use, taste, price and device decide
what they subscribe to. So what they hold can be learnt from what they do, as with real people.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime, time, timedelta
from typing import Literal

import numpy as np
from msgspec import Struct
from numpy.random import Generator, default_rng
from numpy.typing import NDArray

from gateway.capabilities.offers import Catalog, EligibilityIndex, Offer, SubscriberFacts
from gateway.capabilities.recommendations import content_item, service_item
from gateway.demo.habits import BRANDS, CHARACTERS, PHONES, REGIONS

CHUNK = 4096
"""Subscribers drawn together; part of what a seed means, so it never changes."""

State = Literal["completed", "failed", "cancelled"]
Floats = NDArray[np.float64]

_MOST = 10_000_000
_CHANNELS = ("wechat", "sms", "web", "hall", "partner")
_CHANNEL_STEPS = np.cumsum((0.40, 0.25, 0.15, 0.12, 0.08))
_YEAR = 365


class DemoOrder(Struct, frozen=True):
    """One order of the last year; ``placed_at`` is UTC."""

    offer: str
    action: Literal["subscribe", "unsubscribe"]
    placed_at: datetime
    channel: str
    state: State


class DemoSubscriber(Struct, frozen=True):
    """One made-up subscriber.

    Attributes:
        ref: stable name, ``demo-0000001``.
        phone: E.164, unique; in block 172, which serves machines, so no person answers it.
        brand: brand code.
        region: path province/city/county.
        joined_on: first day of the contract.
        device_abilities: what the phone can do, sorted.
        held: codes of the offers held now, in the order they were taken; each was open to the subscriber then.
        usage: weight 0..1 by item, services and contents.
        traffic_used_pct: used part of this month's data, percent.
        orders: the last year's orders, oldest first.
    """

    ref: str
    phone: str
    brand: str
    region: str
    joined_on: date
    device_abilities: tuple[str, ...]
    held: tuple[str, ...]
    usage: dict[str, float]
    traffic_used_pct: int
    orders: tuple[DemoOrder, ...]


def generate(catalog: Catalog, n: int, seed: int, today: date) -> Iterator[list[DemoSubscriber]]:
    """``n`` subscribers as they are on ``today``, in chunks of at most ``CHUNK``; memory does not grow with ``n``.

    Subscriber i is the same person for every n above i.

    Raises:
        ValueError: n is negative or above ten million, where the block of phone numbers ends.
    """
    if not 0 <= n <= _MOST:
        raise ValueError(f"n must be between 0 and {_MOST}")
    population = _Population(catalog, seed, today)
    for first in range(0, n, CHUNK):
        yield population.chunk(first, min(CHUNK, n - first))


class _Population:
    """The world the subscribers are drawn from."""

    def __init__(self, catalog: Catalog, seed: int, today: date) -> None:
        self.catalog = catalog
        self.seed = seed
        self.today = today
        self.noon = datetime.combine(today, time(4), UTC)  # 12:00 in Shanghai
        self.index = EligibilityIndex(catalog)
        self.brands = tuple(BRANDS)
        self.regions = tuple(REGIONS)
        self.services = tuple(catalog.services)
        self.contents = tuple(
            (service, content.code) for service in self.services for content in catalog.services[service].contents
        )
        self.service_taste, self.content_taste = self._tastes()
        self.offers = [offer for offer in catalog if offer.lifecycle == "on_sale"]
        self.of_service = np.array([self._services_of(offer) for offer in self.offers])
        self.of_content = np.array([self._contents_of(offer) for offer in self.offers])
        self.price_yuan = np.array([offer.price_fen / 100 for offer in self.offers])
        self.gives_traffic = np.array([offer.allowance.traffic_mb > 0 for offer in self.offers])
        self.is_bundle = np.array([offer.kind == "bundle" for offer in self.offers])
        # A prerequisite is taken before the offer that asks for it.
        self.is_later = np.array([bool(offer.eligibility.requires) for offer in self.offers])

    def chunk(self, first: int, count: int) -> list[DemoSubscriber]:
        rng = default_rng([self.seed, first // CHUNK])
        brand = rng.choice(len(self.brands), CHUNK, p=_shares([BRANDS[code].share for code in self.brands]))
        region = rng.choice(len(self.regions), CHUNK, p=_shares(list(REGIONS.values())))
        phone = self._phones(rng, brand)
        tenure = np.minimum(rng.exponential(1100, CHUNK) + 5, 5500).astype(int)
        character = self._characters(rng, brand)
        service_use = self._service_use(rng, character)
        content_use = self._content_use(rng, character, service_use)
        wish = self._wishes(rng, brand, character, service_use, content_use)
        traffic = self._traffic_used(rng, service_use)
        wish += 1.4 * np.outer(traffic >= 80, self.gives_traffic)
        wanted = rng.random(wish.shape) < 1 / (1 + np.exp(-wish))
        order = np.argsort(-(wish - 100 * self.is_later), axis=1)
        return [
            self._subscriber(
                rng,
                first + at,
                self.brands[brand[at]],
                self.regions[region[at]],
                PHONES[phone[at]],
                int(tenure[at]),
                [self.offers[i] for i in order[at] if wanted[at, i]],
                self._usage(service_use[at], content_use[at]),
                int(traffic[at]),
            )
            for at in range(count)
        ]

    def _tastes(self) -> tuple[Floats, Floats]:
        """How much each service and each content means to each character, 0..1."""
        services = np.array([[one.services.get(code, 0.03) for code in self.services] for one in CHARACTERS])
        contents = np.array(
            [[1.0 if "/".join(code) in one.contents else 0.08 for code in self.contents] for one in CHARACTERS]
        )
        return services, contents

    def _services_of(self, offer: Offer) -> Floats:
        """The services an offer is about, as weights summing to 1; a bundle is about those of its components."""
        codes = [self.catalog.by_code[code].service for code in offer.components] or [offer.service]
        return np.array([codes.count(service) / len(codes) for service in self.services])

    def _contents_of(self, offer: Offer) -> Floats:
        """1 for the contents an offer is made for: those whose English name is one of its keywords."""
        names = {
            (service.code, content.code): content.names.en
            for service in self.catalog.services.values()
            for content in service.contents
        }
        return np.array([float(names[content] in offer.keywords) for content in self.contents])

    def _phones(self, rng: Generator, brand: NDArray[np.int64]) -> NDArray[np.int64]:
        steps = np.cumsum([_shares(BRANDS[code].phones) for code in self.brands], axis=1)
        drawn: NDArray[np.int64] = (rng.random(CHUNK)[:, None] > steps[brand, :-1]).sum(axis=1)
        return drawn

    def _characters(self, rng: Generator, brand: NDArray[np.int64]) -> Floats:
        """Mixtures of the characters, (CHUNK, n_characters), rows summing to 1; mostly one or two count."""
        weights = np.array([_shares(BRANDS[code].characters) for code in self.brands])
        drawn = rng.gamma(weights[brand]) + 1e-9  # never all zero
        mixture: Floats = drawn / drawn.sum(axis=1, keepdims=True)
        return mixture

    def _service_use(self, rng: Generator, character: Floats) -> Floats:
        """How much of each service is used, 0..1; 0 = not at all."""
        taste = character @ self.service_taste
        used = rng.random(taste.shape) < 0.03 + 1.4 * taste
        return np.where(used, np.clip(taste * rng.uniform(0.6, 1.4, taste.shape) + 0.05, 0.05, 1), 0)

    def _content_use(self, rng: Generator, character: Floats, service_use: Floats) -> Floats:
        """How much of each content is used, 0..1, only in services that are used."""
        taste = character @ self.content_taste
        of_service = service_use[:, [self.services.index(service) for service, _ in self.contents]]
        used = rng.random(taste.shape) < 1.2 * taste
        return np.where(used, of_service * np.clip(taste * rng.uniform(0.6, 1.4, taste.shape), 0.05, 1), 0)

    def _wishes(
        self, rng: Generator, brand: NDArray[np.int64], character: Floats, service_use: Floats, content_use: Floats
    ) -> Floats:
        """Log-odds of wanting each offer on sale, (CHUNK, n_offers)."""
        liking = 0.6 * character @ self.service_taste + 0.6 * service_use
        spending = np.array([BRANDS[code].spending for code in self.brands])[brand] * rng.lognormal(0, 0.35, CHUNK)
        fit = liking @ self.of_service.T
        subject = np.minimum(content_use @ self.of_content.T, 0.5)
        price = np.sqrt(self.price_yuan) / spending[:, None]
        wish: Floats = -4.3 + 5.5 * fit + 6 * subject - 0.32 * price + 0.5 * self.is_bundle
        return wish

    def _traffic_used(self, rng: Generator, service_use: Floats) -> NDArray[np.int64]:
        hungry = [self.services.index(code) for code in ("traffic", "video", "games") if code in self.services]
        mean = np.clip(0.28 + 0.3 * service_use[:, hungry].sum(axis=1), 0.1, 0.9)
        used: NDArray[np.int64] = np.minimum(100 * rng.gamma(6, mean / 6), 100).astype(np.int64)
        return used

    def _usage(self, service_use: Floats, content_use: Floats) -> dict[str, float]:
        usage = {service_item(self.services[i]): round(float(service_use[i]), 2) for i in service_use.nonzero()[0]}
        for i in content_use.nonzero()[0]:
            usage[content_item(*self.contents[i])] = max(round(float(content_use[i]), 2), 0.01)
        return usage

    def _subscriber(
        self,
        rng: Generator,
        number: int,
        brand: str,
        region: str,
        abilities: frozenset[str],
        tenure_days: int,
        wanted: list[Offer],
        usage: dict[str, float],
        traffic_used_pct: int,
    ) -> DemoSubscriber:
        held: list[str] = []
        orders: list[DemoOrder] = []
        ever_open = self._open_to(number, brand, region, abilities, held)
        for offer in wanted:
            bit = 1 << self.catalog.position[offer.code]
            if self._open_to(number, brand, region, abilities, held) & bit:
                if offer.period == "month":
                    held.append(offer.code)
                    orders += self._taken(rng, offer.code, tenure_days)
                else:
                    orders += self._bought(rng, offer.code, tenure_days)
            elif ever_open & bit:
                orders += self._left(rng, offer.code, tenure_days)
        return DemoSubscriber(
            ref=f"demo-{number + 1:07d}",
            phone=f"+86172{(number * 7_368_787 + self.seed) % _MOST:08d}",
            brand=brand,
            region=region,
            joined_on=self.today - timedelta(days=tenure_days),
            device_abilities=tuple(sorted(abilities)),
            held=tuple(held),
            usage=usage,
            traffic_used_pct=traffic_used_pct,
            orders=tuple(sorted(orders, key=lambda order: order.placed_at)),
        )

    def _open_to(self, number: int, brand: str, region: str, abilities: frozenset[str], held: list[str]) -> int:
        return self.index.bits(SubscriberFacts(number + 1, brand, region, abilities, frozenset(held)), self.noon)

    def _taken(self, rng: Generator, code: str, tenure_days: int) -> list[DemoOrder]:
        """The order that led to an offer held now, when it is of the last year; some failed once before."""
        ago = rng.exponential(300)
        if ago > min(tenure_days, _YEAR):
            return []
        taken = self._order(rng, code, ago)
        luck = rng.random()
        if luck > 0.08:
            return [taken]
        earlier = taken.placed_at - timedelta(minutes=40)
        state: State = "failed" if luck < 0.05 else "cancelled"
        return [DemoOrder(code, "subscribe", earlier, taken.channel, state), taken]

    def _left(self, rng: Generator, code: str, tenure_days: int) -> list[DemoOrder]:
        """An offer given up for another one: some kept it for a while, when their time with us allows."""
        ago, kept = rng.uniform(30, _YEAR), rng.uniform(5, 30)
        if ago > tenure_days or rng.random() < 0.7:
            return []
        taken = self._order(rng, code, ago)
        return [
            taken,
            DemoOrder(code, "unsubscribe", taken.placed_at + timedelta(days=kept), taken.channel, "completed"),
        ]

    def _bought(self, rng: Generator, code: str, tenure_days: int) -> list[DemoOrder]:
        """One to five purchases of what is charged once or by the day."""
        days = rng.uniform(0, min(tenure_days, _YEAR), 1 + int(rng.integers(5)))
        return [self._order(rng, code, ago) for ago in days]

    def _order(self, rng: Generator, code: str, days_ago: float) -> DemoOrder:
        placed_at = self.noon - timedelta(seconds=int(days_ago * 86_400))
        channel = _CHANNELS[int(np.searchsorted(_CHANNEL_STEPS, rng.random()))]
        return DemoOrder(code, "subscribe", placed_at, channel, "completed")


def _shares(weights: Sequence[float]) -> Floats:
    total = np.array(weights, np.float64)
    shares: Floats = total / total.sum()
    return shares
