"""Whether orders for one number, or through one partner, are out of the ordinary. Pure."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

from config.settings import OrderingRules
from gateway.capabilities.watch.rates import Counts, Rate


class NumberOrder(NamedTuple):
    """One order that a partner pushed for a number."""

    id: str
    partner_id: str
    placed_at: datetime
    changed_at: datetime
    """When it came to its state."""
    state: str
    in_arrears: bool
    """Whether the back end refused it for want of money."""


class Trip(NamedTuple):
    """A rule that was broken, and the orders that broke it, oldest first."""

    cause: str
    orders: list[NumberOrder]

    @property
    def partners(self) -> list[str]:
        """Who pushed them."""
        return sorted({order.partner_id for order in self.orders})


def judge_number(orders: Iterable[NumberOrder], rules: OrderingRules) -> list[Trip]:
    """The rules that the orders for one number break."""
    pushed = sorted(orders, key=lambda order: (order.placed_at, order.id))
    cancelled = [order for order in pushed if order.state == "cancelled"]
    refused = [order for order in pushed if order.in_arrears]

    def many_from_many(window: Sequence[NumberOrder]) -> bool:
        if len(window) < rules.number_orders:
            return False
        return len({order.partner_id for order in window}) >= rules.number_partners

    broken = {
        "flooded": _window(pushed, _placed, rules.number_span, many_from_many),
        "cycles": _window(cancelled, _changed, rules.cycles_span, lambda window: len(window) >= rules.cycles),
        "arrears": _window(refused, _changed, rules.refusals_span, lambda window: len(window) >= rules.refusals),
    }
    return [Trip(cause, found) for cause, found in broken.items() if found]


def is_burst(numbers: int, habit: Iterable[int], rules: OrderingRules) -> bool:
    """Whether a partner ordered for more numbers in an hour than it does: `habit` are its orders in earlier hours."""
    return numbers >= rules.burst_numbers and numbers > rules.burst_factor * max(habit, default=0)


def abuses_arrears(counts: Counts, rules: OrderingRules) -> bool:
    """Whether surely too many of a partner's orders are refused for want of money."""
    rate = Rate(counts.in_arrears, counts.completed + counts.failed)
    return rate.bad >= rules.partner_refusals and rate.at_least() > rules.partner_refused_share


def _window(
    orders: Iterable[NumberOrder],
    moment: Callable[[NumberOrder], datetime],
    span: timedelta,
    enough: Callable[[Sequence[NumberOrder]], bool],
) -> list[NumberOrder]:
    """The first orders within `span` of each other that are enough; none where there are no such."""
    window: deque[NumberOrder] = deque()
    for order in sorted(orders, key=moment):
        window.append(order)
        while moment(order) - moment(window[0]) > span:
            window.popleft()
        if enough(window):
            return [*window]
    return []


def _placed(order: NumberOrder) -> datetime:
    return order.placed_at


def _changed(order: NumberOrder) -> datetime:
    return order.changed_at
