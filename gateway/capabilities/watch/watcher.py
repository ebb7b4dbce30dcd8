"""Counts what became of partners' orders as it is told in the event feed, and slows or stops those whose orders go wrong."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable
from datetime import datetime, timedelta

import structlog

from config.settings import WatchSettings
from gateway.capabilities.events import StoredEvent
from gateway.capabilities.watch import case_reads, repository
from gateway.capabilities.watch.case_records import (
    MOST_NAMED,
    MOST_PIECES,
    Evidence,
    Writing,
    add_evidence,
    open_case,
)
from gateway.capabilities.watch.rates import Counts, Limits, Standing, judge
from gateway.capabilities.watch.repository import Hour, Progress
from gateway.capabilities.watch.standing import change_standing
from gateway.capabilities.watch.tables import watch_hours, watch_progress
from gateway.capabilities.watch.tripping import ACTOR, OrderingWatch
from gateway.kit.clock import Clock
from gateway.store import Clash, Store, Unit

_BATCH = 2000
_SETTLED = timedelta(seconds=60)
"""What ended later than this ago may still be on its way to the database."""
_ADDS = {
    "order.acknowledged": Counts(placed=1),
    "order.accepted": Counts(confirmed=1),
    "order.expired": Counts(unconfirmed=1),
    "order.cancelled": Counts(unconfirmed=1),
    "order.completed": Counts(completed=1),
    "order.failed": Counts(failed=1),
    "partner.complained": Counts(complained=1),
}
_log = structlog.get_logger("watch")


class Watch:
    """Looks at what is new. Several processes may: one of two that count the same clashes, and nothing is counted twice."""

    def __init__(self, store: Store, settings: WatchSettings, clock: Clock, ids: Callable[[], str]) -> None:
        self._store = store
        self._settings = settings
        self._clock = clock
        self._ids = ids
        self._ordering = OrderingWatch(store, settings, ids)

    async def look(self) -> None:
        """Count all that is new, and judge whom it concerns."""
        while await self.step():
            pass

    async def step(self) -> bool:
        """Count up to 2,000 events; whether there may be more."""
        now, store = self._clock(), self._store
        done = await store.read(repository.progress) or Progress(0, 0, now - _SETTLED)
        events = await store.read(repository.new_events, done.event_seq, _BATCH)
        until = max(done.ended_until, now - _SETTLED)
        early = await store.read(repository.ended_early, done.ended_until, until, self._settings.early)
        fresh = await self._of_live(tally(events, early, await self._ordering.in_arrears(events)))
        unit = Unit()
        before = await store.read(repository.hours, fresh.keys())
        whole = {key: counts + before.get(key, Counts()) for key, counts in fresh.items()}
        for (partner_id, hour), counts in whole.items():
            unit.upsert(watch_hours, partner_id=partner_id, hour=hour, **_columns(counts))
        await self._judge_all(unit, fresh, now)
        await self._ordering.judge_partners(unit, whole, now)
        live = {partner_id for partner_id, _ in whole}
        await self._ordering.judge_numbers(unit, [one for one in events if one.partner_id in live], now)
        if not (events or early or unit):
            return False
        reached = events[-1].seq if events else done.event_seq
        unit.insert(watch_progress, step=done.step + 1, event_seq=reached, ended_until=until)
        unit.delete(watch_progress, step=done.step)
        try:
            await store.commit(unit)
        except Clash:  # another process counted these
            return False
        return len(events) == _BATCH

    async def _of_live(self, fresh: dict[Hour, Counts]) -> dict[Hour, Counts]:
        """Without sandbox partners: what they try out says nothing about them."""
        sandboxes = await self._store.read(repository.list_sandboxes, {name for name, _ in fresh}) if fresh else set()
        return {hour: counts for hour, counts in fresh.items() if hour[0] not in sandboxes}

    async def _judge_all(self, unit: Unit, fresh: dict[Hour, Counts], now: datetime) -> None:
        concerned = {partner_id for partner_id, _ in fresh}
        for partner_id, standing in (await self._store.read(repository.standings, concerned)).items():
            added = [(hour, counts) for (one, hour), counts in fresh.items() if one == partner_id]
            await self._judge(unit, partner_id, standing, added, now)

    async def _judge(
        self, unit: Unit, partner_id: str, standing: Standing, added: Iterable[tuple[datetime, Counts]], now: datetime
    ) -> None:
        changes = await self._store.read(repository.changes, partner_id, 1)
        since = self.judged_since(changes[0] if changes else None, now)
        counts = await self._store.read(repository.counts_since, partner_id, since)
        for hour, one in added:
            counts = counts + one if hour >= since else counts
        slow, stop = await self.limits(partner_id)
        verdict = judge(counts, slow, stop, standing, self._settings.smallest_sample)
        if verdict.standing is standing:
            return
        reason = (
            "the rates are well below the limits again" if verdict.because is None else f"{verdict.because} too often"
        )
        _log.warning("partner's standing", partner=partner_id, standing=verdict.standing.value, reason=reason)
        change_standing(
            unit, partner_id, changes[0].seq + 1 if changes else 0, verdict.standing,
            reason=reason, evidence=counts, actor=ACTOR, now=now, ids=self._ids,
        )  # fmt: skip
        if verdict.standing is not Standing.NORMAL:
            await self.keep_evidence(Writing(unit, ACTOR, now, self._ids), partner_id, reason, counts, since)

    async def keep_evidence(
        self, writing: Writing, partner_id: str, reason: str, counts: Counts, since: datetime
    ) -> None:
        """Open a case about a partner that is slowed or stopped, or add to the open one: figures, orders, complaints."""
        read, topic = self._store.read, f"standing:{partner_id}"
        case = (await read(case_reads.newest_on, [topic])).get(topic)
        if case is None or case.closed_at is not None:
            case = open_case(
                writing, cause="standing", topic=topic, partner_id=partner_id, phone_hash=None, reason=reason
            )
        if case.pieces >= MOST_PIECES:
            return
        figures = {**_columns(counts), "from": since, "to": writing.now}
        orders = await read(case_reads.bad_orders, partner_id, since, MOST_NAMED)
        complaints = await read(case_reads.newest_complaints, partner_id, since, MOST_NAMED)
        add_evidence(writing, case, Evidence(figures, orders, complaints, reason))

    def judged_since(self, last: repository.StandingChange | None, now: datetime) -> datetime:
        """From which hour on counts are judged: those of the window, but none from before an operator's last word."""
        start = _hour(now - self._settings.window)
        if last is None or not last.actor.startswith("operator:"):
            return start
        return max(start, _hour(last.at) + timedelta(hours=1))

    async def limits(self, partner_id: str) -> tuple[Limits, Limits]:
        """The limits that slow this partner, and those that stop it."""
        own = await self._store.read(repository.own_limits, partner_id)
        usual = {"slow": self._settings.slow.model_dump(), "stop": self._settings.stop.model_dump()}
        slow, stop = ({**usual[name], **own.get(name, {})} for name in ("slow", "stop"))
        return slow, stop


def tally(
    events: Iterable[StoredEvent], early: Iterable[Hour], in_arrears: Collection[str] = frozenset()
) -> dict[Hour, Counts]:
    """What each partner's hours gain. `in_arrears`: the orders that failed for want of money."""
    gained: defaultdict[Hour, Counts] = defaultdict(Counts)
    for event in events:
        if event.partner_id is not None and (adds := _ADDS.get(event.type)) is not None:
            gained[event.partner_id, _hour(event.at)] += adds
            if event.type == "order.failed" and event.key in in_arrears:
                gained[event.partner_id, _hour(event.at)] += Counts(in_arrears=1)
    for partner_id, at in early:
        gained[partner_id, _hour(at)] += Counts(ended_early=1)
    return dict(gained)


def _columns(counts: Counts) -> dict[str, int]:
    return {name: getattr(counts, name) for name in counts.__struct_fields__}


def _hour(at: datetime) -> datetime:
    return at.replace(minute=0, second=0, microsecond=0)
