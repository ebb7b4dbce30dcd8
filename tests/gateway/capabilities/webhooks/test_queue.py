"""The order of one endpoint's deliveries, against a plain model of it, and the schedule of attempts."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from config.settings import WebhookSettings
from gateway.capabilities.events import StoredEvent
from gateway.capabilities.webhooks.queue import Delivery, EndpointQueue
from gateway.capabilities.webhooks.schedule import LONGEST, next_try

AFTER = WebhookSettings().waits
START = datetime(2026, 11, 24, tzinfo=UTC)


def event(seq: int, key: str) -> StoredEvent:
    return StoredEvent(seq, f"e{seq:05}", START, "t", "shop", None, key, "{}")


class Queues(RuleBasedStateMachine):
    """Events come in the order of their numbers, old ones come again, attempts end one way or another, time goes by."""

    def __init__(self) -> None:
        super().__init__()
        self.queue, self.now = EndpointQueue(0), START
        self.open: list[Delivery] = []
        self.under_way: list[Delivery] = []
        self.due: dict[int, datetime] = {}

    @rule(key=st.sampled_from("abc"), gap=st.integers(1, 3), recorded=st.booleans())
    def comes(self, key, gap, recorded):
        delivery = Delivery(event(self.queue.seen + gap, key), recorded=recorded)
        self.queue.add(delivery)
        self.queue.seen = delivery.event.seq
        self.open.append(delivery)

    @precondition(lambda self: self.queue.seen > 1)
    @rule(key=st.sampled_from("abc"), data=st.data())
    def comes_again(self, key, data):
        old = data.draw(st.integers(1, self.queue.seen - 1))
        if self.queue.get(event(old, key).id) is None:
            delivery = Delivery(event(old, key), recorded=True)
            self.queue.add(delivery)
            self.open.append(delivery)

    @rule()
    def sent(self):
        delivery = self.queue.next(self.now)
        heads: dict[str, Delivery] = {}
        for one in sorted(self.open, key=lambda one: one.event.seq):
            heads.setdefault(one.event.key, one)
        busy = {one.event.key for one in self.under_way}
        may_go = [
            one for key, one in heads.items()
            if key not in busy and self.due.get(one.event.seq, START) <= self.now
        ]  # fmt: skip
        assert (delivery is None) == (not may_go)
        if delivery is not None:
            assert delivery in may_go
            self.under_way.append(delivery)

    @precondition(lambda self: self.under_way)
    @rule(data=st.data())
    def taken(self, data):
        delivery = self.under_way.pop(data.draw(st.integers(0, len(self.under_way) - 1)))
        self.queue.settle(delivery)
        self.open.remove(delivery)
        self.due.pop(delivery.event.seq, None)

    @precondition(lambda self: self.under_way)
    @rule(data=st.data(), minutes=st.integers(1, 5))
    def not_taken(self, data, minutes):
        delivery = self.under_way.pop(data.draw(st.integers(0, len(self.under_way) - 1)))
        delivery.attempts += 1
        self.due[delivery.event.seq] = self.now + timedelta(minutes=minutes)
        self.queue.retry(delivery, self.due[delivery.event.seq])
        self.queue.note_row(delivery)
        for one in [*self.queue.behind(delivery)]:
            self.queue.note_row(one)

    @precondition(lambda self: self.open)
    @rule(data=st.data())
    def hurried(self, data):
        delivery = self.open[data.draw(st.integers(0, len(self.open) - 1))]
        self.queue.hurry(delivery)
        if delivery not in self.under_way:
            self.due.pop(delivery.event.seq, None)

    @rule()
    def dropped(self):
        delivery = self.queue.droppable(kept=())
        if delivery is not None:
            assert delivery.recorded and delivery not in self.under_way
            waiting = [one for one in self.open if one.event.key == delivery.event.key and one not in self.under_way]
            assert max(one.event.seq for one in waiting) == delivery.event.seq
            self.queue.drop(delivery)
            self.open.remove(delivery)
            self.due.pop(delivery.event.seq, None)

    @rule()
    def time_goes_by(self):
        self.now += timedelta(minutes=2)

    @invariant()
    def the_cursor_passes_nothing_that_a_crash_would_lose(self):
        unsafe = [one.event.seq for one in self.open if not one.recorded]
        assert self.queue.cursor() == (min(unsafe) - 1 if unsafe else self.queue.seen)
        assert len(self.queue) == len(self.open)
        assert self.queue.recorded == sum(one.recorded for one in self.open)


TestQueues = Queues.TestCase


@given(st.floats(0, 1))
def test_ten_attempts_in_a_little_over_three_days(chance):
    now, attempts = START, 1
    while (at := next_try(AFTER, attempts, now, None, chance)) is not None:
        assert at > now
        now, attempts = at, attempts + 1
    assert attempts == len(AFTER) + 1 == 10
    assert timedelta(days=2.5) < now - START < timedelta(days=4)


@pytest.mark.parametrize(
    "header, least",
    [
        ("3600", timedelta(hours=1)),
        ("Tue, 24 Nov 2026 02:00:00 GMT", timedelta(hours=2)),
        ("99999999999999999999", LONGEST),
        ("Mon, 23 Nov 2026 00:00:00 GMT", timedelta(seconds=4)),
        ("0", timedelta(seconds=4)),
        ("-5", timedelta(seconds=4)),
        ("soon", timedelta(seconds=4)),
        ("١٢", timedelta(seconds=4)),
    ],
)
def test_an_endpoint_is_heard_when_it_asks_for_time(header, least):
    at = next_try(AFTER, 1, START, header, 0.5)
    assert at is not None and at - START == (AFTER[0] if least < timedelta(seconds=5) else least)
