"""Every call leaves a row, and a change to a sealed row shows."""

from __future__ import annotations

import pytest
from sqlalchemy import Connection, delete, select, update

from gateway import audit
from gateway.audit import audit_rows
from gateway.errors import Forbidden
from tests.fixtures.world import World, partner, person
from tests.waiting import wait_for

ME = "wechat:gh:me"


def rows(connection: Connection) -> list[tuple[str, str, str]]:
    found = connection.execute(select(audit_rows).order_by(audit_rows.c.id))
    return [(row.principal, row.capability, row.outcome) for row in found]


async def written(world: World, count: int) -> list[tuple[str, str, str]]:
    """The rows once there are so many: those of mere reads are written a moment later."""

    async def there() -> list[tuple[str, str, str]] | None:
        found = await world.platform.store.read(rows)
        return found if len(found) >= count else None

    return await wait_for(there) or []


async def test_reads_writes_and_refusals_are_all_recorded(world: World) -> None:
    await world.subscriber(ME)
    await world.call(person(ME), "orders.place", offer="TM-MUSIC-10")
    await world.call(person(ME), "orders.list")
    with pytest.raises(Forbidden):
        await world.call(partner("shop", "orders:read"), "orders.place", account="partner:shop:x", offer="TM-MUSIC-10")
    assert [row[1:] for row in await written(world, 3)] == [
        ("orders.place", "ok"), ("orders.list", "ok"), ("orders.place", "forbidden"),
    ]  # fmt: skip


async def test_a_sealed_log_is_whole_until_a_row_is_changed_or_taken_out(world: World) -> None:
    await world.subscriber(ME)
    store = world.platform.store
    for _ in range(3):
        order = await world.call(person(ME), "orders.place", offer="TM-MUSIC-10")
        await world.call(person(ME), "orders.cancel", id=order.id)
        assert await store.write(audit.seal) == 2
    assert await store.write(audit.seal) == 0
    assert await store.read(audit.verify) is None
    ids = await store.read(lambda c: c.scalars(select(audit_rows.c.id).order_by(audit_rows.c.id)).all())
    await store.write(lambda c: c.execute(update(audit_rows).where(audit_rows.c.id == ids[2]).values(outcome="x")))
    broken = await store.read(audit.verify)
    assert broken is not None and broken.seq == 2
    await store.write(lambda c: c.execute(update(audit_rows).where(audit_rows.c.id == ids[2]).values(outcome="ok")))
    assert await store.read(audit.verify) is None
    await store.write(lambda c: c.execute(delete(audit_rows).where(audit_rows.c.id == ids[5])))
    broken = await store.read(audit.verify)
    assert broken is not None and broken.seq == 3
