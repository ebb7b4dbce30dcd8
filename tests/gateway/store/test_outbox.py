"""Owed work: leased once, retried with backoff, parked when hopeless, replayed on request."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.kit.ids import Ids
from gateway.store import Store, Unit, open_store, outbox
from gateway.store.outbox import Handler, Job, OutboxWorker, RetryLater, RetryPolicy, Undeliverable, owe
from tests.fixtures.world import Clock


@pytest.fixture
async def store(database_url: str) -> AsyncIterator[Store]:
    opened = open_store(database_url)
    yield opened
    await opened.close()


class Works:
    """A store, a clock and a handler that does as it is told."""

    def __init__(self, store: Store) -> None:
        self.store, self.clock = store, Clock()
        self.ids = Ids(self.clock)
        self.seen: Counter[str] = Counter()
        self.fail: Exception | None = None

    async def handle(self, job: Job, unit: Unit) -> None:
        self.seen[job.id] += 1
        if self.fail is not None:
            raise self.fail

    def worker(self, handler: Handler | None = None) -> OutboxWorker:
        policy = RetryPolicy(timedelta(seconds=1), timedelta(seconds=60), 3)
        return OutboxWorker(
            self.store, {"test": handler or self.handle}, clock=self.clock, policy=policy, chance=lambda: 1.0
        )

    async def owe(self, count: int = 1, **due: float) -> list[str]:
        unit, ids = Unit(), [self.ids() for _ in range(count)]
        for one in ids:
            due_at = self.clock() + timedelta(**due) if due else None
            owe(unit, "test", {"n": 1}, id=one, now=self.clock(), trace_id="t", due_at=due_at)
        await self.store.commit(unit)
        return ids

    async def counts(self) -> tuple[int, int, int]:
        return await self.store.read(outbox.depth, self.clock())


@pytest.fixture
def works(store: Store) -> Works:
    return Works(store)


async def test_two_workers_do_each_job_once(works: Works) -> None:
    ids = await works.owe(40)
    workers = works.worker(), works.worker()
    while sum(await asyncio.gather(*(worker.run_due() for worker in workers))):
        pass
    assert works.seen == Counter(ids)
    assert await works.counts() == (0, 0, 0)


async def test_work_waits_for_its_time(works: Works) -> None:
    await works.owe(minutes=30)
    assert await works.worker().run_due() == 0
    works.clock.advance(minutes=30)
    assert await works.worker().run_due() == 1


async def test_a_failing_job_is_tried_again_later_then_parked_and_can_be_replayed(works: Works) -> None:
    (job_id,) = await works.owe()
    works.fail = RuntimeError("not today")
    for _ in range(3):
        assert await works.worker().run_due() == 1
        assert await works.worker().run_due() == 0
        works.clock.advance(seconds=10)
    assert await works.worker().run_due() == 0
    (dead,) = await works.store.read(outbox.list_dead)
    assert (dead.id, dead.attempts) == (job_id, 3)
    assert "not today" in str(dead.error)
    works.fail = None
    assert await works.store.write(outbox.replay, works.clock(), [job_id]) == 1
    assert await works.worker().run_due() == 1
    assert await works.counts() == (0, 0, 0)


async def test_a_hopeless_job_is_parked_at_once(works: Works) -> None:
    await works.owe()
    works.fail = Undeliverable("nobody there")
    await works.worker().run_due()
    assert (await works.counts())[2] == 1


async def test_waiting_for_an_answer_is_not_a_failure(works: Works) -> None:
    await works.owe()
    works.fail = RetryLater(timedelta(seconds=5))
    for _ in range(10):
        assert await works.worker().run_due() == 1
        works.clock.advance(seconds=5)
    assert (await works.counts())[2] == 0


async def test_the_work_of_a_dead_worker_is_taken_over_when_its_lease_ends(works: Works) -> None:
    await works.owe()

    async def dies(job: Job, unit: Unit) -> None:
        raise asyncio.CancelledError

    with pytest.raises(asyncio.CancelledError):
        await works.worker(dies).run_due()
    assert await works.worker().run_due() == 0
    works.clock.advance(seconds=61)
    assert await works.worker().run_due() == 1


@given(attempt=st.integers(1, 100), fraction=st.floats(0, 1))
def test_the_wait_between_attempts_is_bounded_and_never_nothing(attempt: int, fraction: float) -> None:
    policy = RetryPolicy()
    assert policy.first / 2 <= policy.delay(attempt, fraction) <= policy.longest
