"""What follows when a rule of ordering is broken: a case with its evidence, and the number on the grey list."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime, timedelta

import structlog

from config.settings import WatchSettings
from gateway.capabilities.events import StoredEvent
from gateway.capabilities.greylist import hold_number, list_held
from gateway.capabilities.watch import case_reads, repository
from gateway.capabilities.watch.case_records import (
    MOST_NAMED,
    MOST_PIECES,
    Evidence,
    StoredCase,
    Writing,
    add_evidence,
    judged,
    open_case,
)
from gateway.capabilities.watch.ordering import NumberOrder, Trip, abuses_arrears, is_burst, judge_number
from gateway.capabilities.watch.rates import Counts
from gateway.capabilities.watch.repository import Hour
from gateway.store import Store, Unit

_ABOUT_NUMBERS = frozenset({"order.acknowledged", "order.cancelled", "order.failed"})
_REASONS = {
    "flooded": "many orders for one number by several partners",
    "cycles": "orders for one number placed and cancelled again and again",
    "arrears": "orders for a number in arrears",
}
ACTOR = "platform:watch"
_log = structlog.get_logger("watch")


class OrderingWatch:
    """Judges the orders for the numbers, and through the partners, that new events concern."""

    def __init__(self, store: Store, settings: WatchSettings, ids: Callable[[], str]) -> None:
        self._store = store
        self._rules = settings.ordering
        self._window = settings.window
        self._ids = ids

    async def in_arrears(self, events: Iterable[StoredEvent]) -> set[str]:
        """The orders among those that failed which the back end refused for want of money."""
        failed = [event.key for event in events if event.type == "order.failed"]
        if not failed:
            return set()
        return await self._store.read(case_reads.refused_with, failed, self._rules.arrears_reasons)

    async def judge_numbers(self, unit: Unit, events: Iterable[StoredEvent], now: datetime) -> None:
        """Open cases for the numbers whose orders break a rule, and put them on the grey list."""
        new = {event.key for event in events if event.partner_id is not None and event.type in _ABOUT_NUMBERS}
        if not new:
            return
        rules = self._rules
        since = now - max(rules.number_span, rules.cycles_span, rules.refusals_span)
        orders = await self._store.read(case_reads.pushed_alike, new, since, rules.arrears_reasons)
        tripped = {one: trips for one, found in orders.items() if (trips := judge_number(found, rules))}
        if not tripped:
            return
        hashes = await self._store.read(case_reads.phone_hashes, tripped.keys())
        held = await self._store.read(list_held, hashes.keys(), now)
        topics = [f"{trip.cause}:{hashes[one].hex()}" for one in hashes for trip in tripped[one]]
        before = await self._store.read(case_reads.newest_on, topics)
        for one in hashes.keys() - held:  # of a number on the list nothing new can be pushed
            for trip in tripped[one]:
                earlier = before.get(f"{trip.cause}:{hashes[one].hex()}")
                new_trips = [trip] if earlier is None else judge_number(_after(orders[one], earlier), rules)
                for broken in new_trips:
                    if broken.cause == trip.cause:
                        self._trip(Writing(unit, ACTOR, now, self._ids), broken, hashes[one], earlier)

    def _trip(self, writing: Writing, trip: Trip, phone_hash: bytes, earlier: StoredCase | None) -> None:
        reason, partners = _REASONS[trip.cause], trip.partners
        figures = {
            "orders": len(trip.orders), "partners": partners[:MOST_NAMED],
            "from": trip.orders[0].placed_at, "to": trip.orders[-1].changed_at,
        }  # fmt: skip
        evidence = Evidence(figures, [order.id for order in trip.orders[-MOST_NAMED:]])
        case = earlier
        if case is None or case.closed_at is not None:
            case = open_case(
                writing, cause=trip.cause, topic=f"{trip.cause}:{phone_hash.hex()}",
                partner_id=partners[0] if len(partners) == 1 else None, phone_hash=phone_hash, reason=reason,
            )  # fmt: skip
        entry = hold_number(
            writing.unit, phone_hash, id=self._ids(), reason=reason, evidence=f"case {case.id}", actor=writing.actor,
            now=writing.now, within=self._rules.grey_for,
        )  # fmt: skip
        case = judged(writing, case, entry)
        if case.pieces < MOST_PIECES:
            add_evidence(writing, case, evidence)
        _log.warning("abnormal ordering", cause=trip.cause, case=case.id, partners=partners[:10])

    async def judge_partners(self, unit: Unit, whole: Mapping[Hour, Counts], now: datetime) -> None:
        """Open cases for the partners whose ordering is out of their habit, or for many numbers in arrears."""
        writing = Writing(unit, ACTOR, now, self._ids)
        newest = dict(sorted(whole))  # the last hour of each
        topics = [f"{cause}:{partner_id}" for partner_id in newest for cause in ("burst", "refusals")]
        before = await self._store.read(case_reads.newest_on, topics) if topics else {}
        for partner_id, hour in newest.items():
            await self._judge_burst(writing, partner_id, hour, whole, before.get(f"burst:{partner_id}"))
            await self._judge_refusals(writing, partner_id, whole, before.get(f"refusals:{partner_id}"))

    async def _judge_burst(
        self,
        writing: Writing,
        partner_id: str,
        hour: datetime,
        whole: Mapping[Hour, Counts],
        earlier: StoredCase | None,
    ) -> None:
        if whole[partner_id, hour].placed < self._rules.burst_numbers or _judged(earlier, hour):
            return
        read, end = self._store.read, hour + timedelta(hours=1)
        numbers = await read(case_reads.numbers_ordered_for, partner_id, hour, end)
        habit = await read(repository.placed_by_hour, partner_id, hour - self._rules.habit, hour)
        if not is_burst(numbers, habit, self._rules):
            return
        figures = {"hour": hour, "numbers": numbers, "busiest_hour_before": max(habit, default=0)}
        orders = await read(case_reads.newest_orders, partner_id, hour, end, MOST_NAMED)
        case = open_case(
            writing, cause="burst", topic=f"burst:{partner_id}", partner_id=partner_id, phone_hash=None,
            reason="orders for more numbers in an hour than the partner's habit",
        )  # fmt: skip
        add_evidence(writing, case, Evidence(figures, [*orders]))

    async def _judge_refusals(
        self, writing: Writing, partner_id: str, whole: Mapping[Hour, Counts], earlier: StoredCase | None
    ) -> None:
        new = {hour: counts for (one, hour), counts in whole.items() if one == partner_id}
        if not any(counts.in_arrears for counts in new.values()) or (earlier and earlier.closed_at is None):
            return
        since = writing.now - self._window
        if earlier is not None:
            since = max(since, earlier.judged_until)
        stored = await self._store.read(repository.hours_since, partner_id, since)
        counts = sum({**stored, **{hour: one for hour, one in new.items() if hour >= since}}.values(), Counts())
        if not abuses_arrears(counts, self._rules):
            return
        case = open_case(
            writing, cause="refusals", topic=f"refusals:{partner_id}", partner_id=partner_id, phone_hash=None,
            reason="many orders for numbers in arrears",
        )  # fmt: skip
        figures = {name: getattr(counts, name) for name in ("in_arrears", "failed", "completed")}
        orders = await self._store.read(case_reads.bad_orders, partner_id, since, MOST_NAMED)
        refused = await self._store.read(case_reads.refused_with, orders, self._rules.arrears_reasons)
        named = [order for order in orders if order in refused]
        add_evidence(writing, case, Evidence({**figures, "from": since, "to": writing.now}, named))


def _after(orders: Iterable[NumberOrder], earlier: StoredCase) -> list[NumberOrder]:
    """The orders that came to their state after the case was last judged."""
    return [order for order in orders if order.changed_at > earlier.judged_until]


def _judged(earlier: StoredCase | None, hour: datetime) -> bool:
    """Whether a case on the same is open, or was about that hour."""
    return earlier is not None and (earlier.closed_at is None or earlier.judged_until >= hour)
