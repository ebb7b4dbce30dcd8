"""The events one endpoint is still to get, and which of them may go now. Pure: it knows no clock, store or network.

Events of one key go one after the other: the next waits until the one before was taken or given up. Other keys pass by.
"""

from __future__ import annotations

import heapq
from bisect import insort
from collections import deque
from collections.abc import Collection, Iterator
from datetime import datetime

from gateway.capabilities.events import StoredEvent


class Delivery:
    """One event on its way to one endpoint."""

    __slots__ = ("attempts", "due_at", "event", "gave_way", "is_under_way", "recorded", "settled")

    def __init__(
        self, event: StoredEvent, *, attempts: int = 0, due_at: datetime | None = None, recorded: bool
    ) -> None:
        """`due_at` None: at once. `recorded`: there is a row of it, so that a crash cannot lose it."""
        self.event = event
        self.attempts = attempts
        self.due_at = due_at
        self.recorded = recorded
        self.settled = False
        self.is_under_way = False
        self.gave_way = 0
        """How often it let others pass, where a sandbox asks for that: once waiting, once behind the next of its key."""


class EndpointQueue:
    """Deliveries in order of their keys."""

    def __init__(self, cursor: int) -> None:
        """`cursor`: every event up to this number was sent or has a row."""
        self.seen = cursor
        """The newest event that was looked at."""
        self._of_key: dict[str, list[Delivery]] = {}  # the first of each is sent, or waits for its time
        # Both may hold what went elsewhere since, such as behind an older one of its key that is sent again.
        self._ready: deque[Delivery] = deque()
        self._waiting: list[tuple[datetime, int, Delivery]] = []
        self._unrecorded: deque[Delivery] = deque()
        self._by_id: dict[str, Delivery] = {}
        self.recorded = 0
        """How many of those held have a row."""

    def __len__(self) -> int:
        return len(self._by_id)

    def get(self, event_id: str) -> Delivery | None:
        """The event's delivery, if it is held."""
        return self._by_id.get(event_id)

    def add(self, delivery: Delivery) -> None:
        """Take an event in, behind those of its key that happened before it."""
        self._by_id[delivery.event.id] = delivery
        if delivery.recorded:
            self.recorded += 1
        else:
            self._unrecorded.append(delivery)
        of_key = self._of_key.get(delivery.event.key)
        if of_key is None:
            self._of_key[delivery.event.key] = [delivery]
            self._schedule(delivery)
        else:
            insort(of_key, delivery, lo=int(of_key[0].is_under_way), key=lambda one: one.event.seq)
            if of_key[0] is delivery:
                self._schedule(delivery)

    def next(self, now: datetime) -> Delivery | None:
        """An event that may be sent now; it is under way until `settle` or `retry` is called."""
        while self._waiting and self._waiting[0][0] <= now:
            due_at, _, delivery = heapq.heappop(self._waiting)
            if delivery.due_at == due_at:  # else it was hurried
                delivery.due_at = None
                self._ready.append(delivery)
        while self._ready:
            delivery = self._ready.popleft()
            if self._may_go(delivery):
                delivery.is_under_way = True
                return delivery
        return None

    def _may_go(self, delivery: Delivery) -> bool:
        if delivery.settled or delivery.is_under_way or delivery.due_at is not None:
            return False
        return self._of_key[delivery.event.key][0] is delivery

    def settle(self, delivery: Delivery) -> None:
        """It was taken, or given up: the next of its key may go."""
        delivery.settled, delivery.is_under_way = True, False
        self.recorded -= delivery.recorded
        del self._by_id[delivery.event.id]
        of_key = self._of_key[delivery.event.key]
        del of_key[0]
        if of_key:
            self._schedule(of_key[0])
        else:
            del self._of_key[delivery.event.key]

    def retry(self, delivery: Delivery, due_at: datetime) -> None:
        """It was not taken: it, and with it its key, waits until then, unless an older one of the key came again meanwhile."""
        delivery.due_at, delivery.is_under_way = due_at, False
        of_key = self._of_key[delivery.event.key]
        insort(of_key, of_key.pop(0), key=lambda one: one.event.seq)
        self._schedule(of_key[0])

    def swap(self, delivery: Delivery) -> bool:
        """Let the next of its key go first, against the order in which they happened; whether there is one."""
        of_key = self._of_key[delivery.event.key]
        if len(of_key) < 2:
            return False
        of_key[0], of_key[1] = of_key[1], of_key[0]
        delivery.is_under_way = False
        of_key[0].gave_way = delivery.gave_way
        self._schedule(of_key[0])
        return True

    def hurry(self, delivery: Delivery) -> None:
        """Send it now, as if it had never been tried; no effect on one that is under way."""
        if delivery.due_at is not None:
            delivery.attempts, delivery.due_at = 0, None
            if self._of_key[delivery.event.key][0] is delivery:
                self._ready.append(delivery)

    def droppable(self, kept: Collection[str]) -> Delivery | None:
        """The newest that can be read again and that no newer one of its key waits for; none of those `kept`."""
        last = (of_key[-1] for of_key in self._of_key.values())
        free = (one for one in last if one.recorded and not one.is_under_way and one.event.id not in kept)
        return max(free, key=lambda one: one.event.seq, default=None)

    def drop(self, delivery: Delivery) -> None:
        """Hold it no longer, as if it had never been read: its row is there."""
        delivery.settled = True
        self.recorded -= 1
        del self._by_id[delivery.event.id]
        of_key = self._of_key[delivery.event.key]
        of_key.remove(delivery)
        if not of_key:
            del self._of_key[delivery.event.key]

    def note_row(self, delivery: Delivery) -> None:
        """There is a row of it now, or will be before the cursor is written."""
        if not delivery.recorded:
            delivery.recorded = True
            self.recorded += not delivery.settled

    def behind(self, delivery: Delivery) -> Iterator[Delivery]:
        """Those that wait for it and have no row yet."""
        return (one for one in self._of_key[delivery.event.key][1:] if not one.recorded)

    def waits(self, delivery: Delivery) -> bool:
        """Whether it stands behind another that waits for its next attempt, and so will stay for long."""
        first = self._of_key[delivery.event.key][0]
        return first is not delivery and first.attempts > 0

    def cursor(self) -> int:
        """Every event up to this number was settled or has a row."""
        while self._unrecorded and (self._unrecorded[0].recorded or self._unrecorded[0].settled):
            self._unrecorded.popleft()
        return self._unrecorded[0].event.seq - 1 if self._unrecorded else self.seen

    def _schedule(self, delivery: Delivery) -> None:
        if delivery.due_at is None:
            self._ready.append(delivery)
        else:
            heapq.heappush(self._waiting, (delivery.due_at, delivery.event.seq, delivery))
