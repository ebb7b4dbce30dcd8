"""How long an accepted order outlives a back end that is away, by the waits that are set when nothing is set."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from sqlalchemy import Connection, func, select

from config.settings import WorkerSettings
from gateway.store.outbox import OutboxWorker, RetryPolicy, outbox, replay
from tests.fixtures.world import World, person

ALICE = "wechat:gh_1:alice"
USUAL = WorkerSettings()
POLICY = RetryPolicy(USUAL.retry_first, USUAL.retry_longest, USUAL.attempts)


def whole(fraction: float) -> timedelta:
    """From the first attempt to the last."""
    return sum((POLICY.delay(attempt, fraction) for attempt in range(1, POLICY.attempts)), timedelta())


def test_the_waits_reach_over_an_hour_and_a_half_at_least_and_three_hours_and_a_half_at_most() -> None:
    assert timedelta(hours=1, minutes=40) < whole(0.0) < timedelta(hours=1, minutes=45)
    assert timedelta(hours=3, minutes=25) < whole(1.0) < timedelta(hours=3, minutes=30)


def next_due(connection: Connection) -> datetime | None:
    """When the next piece of work is to be done."""
    found: datetime | None = connection.scalar(select(func.min(outbox.c.due_at)).where(outbox.c.dead.is_(False)))
    return found


class Outage:
    """An accepted order, and the clock that goes from attempt to attempt."""

    def __init__(self, world: World, fraction: float) -> None:
        self.world, self.begun = world, world.clock()
        self.worker = OutboxWorker(
            world.platform.store, world.platform.handlers, clock=world.clock, policy=POLICY, lease=USUAL.lease,
            chance=lambda: fraction,
        )  # fmt: skip

    @property
    def lasted(self) -> timedelta:
        return self.world.clock() - self.begun

    async def go_on_for(self, span: timedelta) -> None:
        """Do what comes due in that time, or all of it if nothing is left."""
        while (due := await self.world.platform.store.read(next_due)) is not None and due <= self.begun + span:
            self.world.clock.now = max(self.world.clock.now, due)
            await self.worker.run_due()


async def accepted(world: World) -> str:
    await world.subscriber(ALICE)
    order = await world.call(person(ALICE), "orders.place", offer="TM-MUSIC-10")
    await world.call(person(ALICE), "orders.confirm", id=order.id)
    return str(order.id)


async def state_of(world: World, order_id: str) -> str:
    return str((await world.call(person(ALICE), "orders.get", id=order_id)).state)


@pytest.mark.parametrize("fraction", [0.0, 0.5, 1.0])
async def test_an_order_survives_a_back_end_that_is_away_for_an_hour(world: World, fraction: float) -> None:
    order_id = await accepted(world)
    outage = Outage(world, fraction)
    world.boss.down = True
    await outage.go_on_for(timedelta(hours=1))
    assert await state_of(world, order_id) == "provisioning"
    assert world.boss.orders == {}
    world.boss.down = False
    await outage.go_on_for(timedelta(hours=1) + USUAL.retry_longest)
    assert await state_of(world, order_id) == "completed"
    assert [*world.boss.orders] == [order_id]


async def test_an_order_that_outlives_its_attempts_is_parked_and_goes_on_when_it_is_replayed(world: World) -> None:
    order_id = await accepted(world)
    outage = Outage(world, 0.0)
    world.boss.down = True
    await outage.go_on_for(timedelta(hours=5))
    assert whole(0.0) <= outage.lasted < whole(0.0) + timedelta(minutes=5)
    assert await state_of(world, order_id) == "provisioning"
    world.boss.down = False
    assert await world.platform.store.write(replay, world.clock()) == 1
    await outage.go_on_for(timedelta(hours=5))
    assert await state_of(world, order_id) == "completed"
