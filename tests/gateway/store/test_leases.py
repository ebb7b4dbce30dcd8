"""Work that takes longer than a lease stays with the worker that does it."""

from __future__ import annotations

import asyncio
from datetime import timedelta

from sqlalchemy import Connection, select

from gateway.kit.clock import utc_now
from gateway.store import Unit, open_store
from gateway.store.outbox import Job, OutboxWorker, outbox, owe
from tests.waiting import wait_for

LEASE = timedelta(seconds=0.3)


async def test_work_longer_than_its_lease_is_not_done_by_another(database_url: str) -> None:
    store = open_store(database_url)
    begun, may_end = 0, asyncio.Event()

    async def slow(job: Job, unit: Unit) -> None:
        nonlocal begun
        begun += 1
        await may_end.wait()

    unit = Unit()
    owe(unit, "slow", {}, id="1", now=utc_now(), trace_id="")
    await store.commit(unit)
    worker, other = (OutboxWorker(store, {"slow": slow}, clock=utc_now, lease=LEASE) for _ in range(2))
    working = asyncio.create_task(worker.run())
    try:
        await wait_for(lambda: begun, message="the work has begun")
        first_end = utc_now() + LEASE
        await wait_for(lambda: utc_now() > first_end + LEASE, message="two leases are over")
        assert await other.run_due() == 0
        may_end.set()

        async def is_done() -> bool:
            return await store.read(rows) == 0

        await wait_for(is_done, message="the work is done")
        assert begun == 1
    finally:
        working.cancel()
        await asyncio.gather(working, return_exceptions=True)
        await store.close()


def rows(connection: Connection) -> int:
    return len(connection.execute(select(outbox.c.id)).all())
