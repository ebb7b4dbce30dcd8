"""Three sides of a day compared: exactly the injected differences are found, and after their repair none."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any

import msgspec
import pytest
from sqlalchemy import Connection, select, update

from adapters.boss.protocol import ProvisionOrder, ProvisionResult
from gateway.capabilities.events.tables import events
from gateway.capabilities.orders.tables import orders
from gateway.capabilities.reconciliation.differences import Kind
from gateway.capabilities.reconciliation.errors import NoteNeeded, NotMendable, ReconciliationNotFound
from gateway.capabilities.reconciliation.running import ZONE, DayRef
from gateway.errors import Forbidden
from gateway.importing import ImportRefused
from tests.fixtures.world import NOON, OPERATOR, World, partner

OFFER = "TM-MUSIC-10"
DAY = NOON.astimezone(ZONE).date()


class Day:
    """One day of orders on three sides, and what was made to differ."""

    def __init__(self, world: World, folder: Path) -> None:
        self.world = world
        self.file = folder / "partner.csv"
        self.lines: dict[str, list[str]] = {}
        self.injected: set[tuple[str, Kind]] = set()

    async def order(self, number: int) -> str:
        """A completed order of a new subscriber, the same on all sides."""
        world = self.world
        await world.subscriber(f"partner:shop:u{number}")
        await world.bind(f"web:{number}", number)
        placed = await world.call(partner(), "orders.place", account=f"partner:shop:u{number}", offer=OFFER)
        from tests.fixtures.world import person

        await world.call(person(f"web:{number}"), "orders.confirm", id=placed.id)
        await world.work()
        self.lines[placed.id] = [placed.id, "completed", OFFER, str(placed.price_fen)]
        return str(placed.id)

    async def set(self, order: str, **values: Any) -> None:
        def write(connection: Connection) -> None:
            connection.execute(update(orders).where(orders.c.id == order).values(values))

        await self.world.platform.store.write(write)

    def write_file(self) -> None:
        self.file.write_text(
            "order,state,offer,price_fen\n" + "".join(",".join(one) + "\n" for one in self.lines.values())
        )

    async def compare(self, *, with_file: bool = True) -> Any:
        self.write_file()
        what = DayRef(DAY, "shop", self.file) if with_file else DayRef(DAY)
        run = await self.world.platform.reconciler.run(what, "operator:test")
        return await self.world.call(OPERATOR, "reconciliation.get", id=run, limit=1000)

    # What can differ. Each leaves the other sides as they are.

    async def missing_at_boss_waiting(self, order: str) -> None:
        self._forget(order)
        await self._unfinished(order)
        self.injected.add((order, Kind.MISSING_AT_BOSS))

    async def missing_at_boss_completed(self, order: str) -> None:
        self._forget(order)
        self.injected.add((order, Kind.MISSING_AT_BOSS))

    async def done_at_boss(self, order: str) -> None:
        await self._unfinished(order)
        self.injected.add((order, Kind.DONE_AT_BOSS))

    async def ended_here(self, order: str) -> None:
        await self.set(order, state="cancelled")
        self.lines[order][1] = "cancelled"
        self.injected.add((order, Kind.ENDED_HERE))

    async def refused_at_boss(self, order: str) -> None:
        self.world.boss._results[order] = ProvisionResult(order, "refused", "no")
        self.injected.add((order, Kind.OUTCOME_DIFFERS))

    async def doubled(self, order: str) -> None:
        self.world.boss.effects.append(self.world.boss.orders[order])
        self.injected.add((order, Kind.DOUBLED_AT_BOSS))

    async def other_terms(self, order: str) -> None:
        boss = self.world.boss
        boss.orders[order] = msgspec.structs.replace(
            boss.orders[order], price_fen=1, subscriber_ref="S0", offer_code="OTHER"
        )
        self.injected |= {(order, kind) for kind in (Kind.PRICE_DIFFERS, Kind.SUBSCRIBER_DIFFERS, Kind.OFFER_DIFFERS)}

    async def unknown_to_us(self, order: str) -> None:
        number = f"X-{order[-8:]}"
        await self.world.boss.provision(ProvisionOrder(number, "S1", None, OFFER, "subscribe", "now", 1000))
        self.injected.add((number, Kind.UNKNOWN_TO_US))

    async def missing_at_partner(self, order: str) -> None:
        del self.lines[order]
        self.injected.add((order, Kind.MISSING_AT_PARTNER))

    async def unknown_from_partner(self, order: str) -> None:
        number = f"Y-{order[-8:]}"
        self.lines[number] = [number, "completed", OFFER, "1000"]
        self.injected.add((number, Kind.UNKNOWN_FROM_PARTNER))

    async def partner_differs(self, order: str) -> None:
        self.lines[order][1:] = ["failed", "OTHER", "7"]
        kinds = (Kind.PARTNER_STATE_DIFFERS, Kind.PARTNER_OFFER_DIFFERS, Kind.PARTNER_PRICE_DIFFERS)
        self.injected |= {(order, kind) for kind in kinds}

    async def nothing(self, order: str) -> None:
        """All sides agree."""

    def _forget(self, order: str) -> None:
        boss = self.world.boss
        del boss.orders[order], boss._results[order], boss.taken_at[order]
        boss.effects = [effect for effect in boss.effects if effect.number != order]

    async def _unfinished(self, order: str) -> None:
        """As it was before the back end's answer came."""
        from sqlalchemy import delete

        from gateway.capabilities.orders.tables import order_transitions, subscriptions

        def write(connection: Connection) -> None:
            connection.execute(delete(subscriptions).where(subscriptions.c.order_id == order))
            connection.execute(
                delete(order_transitions).where(
                    order_transitions.c.order_id == order, order_transitions.c.to_state == "completed"
                )
            )

        await self.world.platform.store.write(write)
        await self.set(order, state="provisioning", transitions=4)
        self.lines[order][1] = "provisioning"


FAULTS = (
    Day.missing_at_boss_waiting, Day.missing_at_boss_completed, Day.done_at_boss, Day.ended_here, Day.refused_at_boss,
    Day.doubled, Day.other_terms, Day.unknown_to_us, Day.missing_at_partner, Day.unknown_from_partner,
    Day.partner_differs, Day.nothing,
)  # fmt: skip


@pytest.fixture
async def day(world: World, tmp_path: Path) -> Day:
    return Day(world, tmp_path)


@pytest.mark.parametrize("seed", [1, 2])
async def test_exactly_the_injected_differences_are_found_and_mended(day: Day, seed: int) -> None:
    random = Random(seed)
    faults = [*FAULTS, *random.choices(FAULTS, k=6)]
    random.shuffle(faults)
    for number, inject in enumerate(faults, 1):
        day.world.clock.advance(minutes=random.randint(0, 20))
        await inject(day, await day.order(number))
    assert NOON.astimezone(ZONE).date() == day.world.clock().astimezone(ZONE).date()
    day.world.clock.advance(hours=20)
    seen = await day.compare()
    assert {(one.number, one.kind) for one in seen.differences} == {
        (number, kind.value) for number, kind in day.injected
    }
    assert seen.reconciliation.found == len(day.injected) == len(seen.differences)
    for difference in seen.differences:
        await day.world.call(OPERATOR, "reconciliation.repair", id=difference.id, note="looked at")
    await day.world.work()
    for line in day.lines.values():  # the partner brings its books up to date
        if line[1] == "provisioning":
            line[1] = "completed"
    again = await day.compare()
    assert again.differences == []
    assert again.reconciliation.state == "done"


async def test_what_one_side_did_after_midnight_is_no_difference(day: Day) -> None:
    order = await day.order(1)
    # Placed two minutes before midnight of the operator's day, taken by the back end two minutes after it.
    midnight = datetime(DAY.year, DAY.month, DAY.day, tzinfo=ZONE) + timedelta(days=1)
    day.world.boss.taken_at[order] = midnight + timedelta(minutes=2)
    assert (await day.compare(with_file=False)).differences == []
    run = await day.world.platform.reconciler.run(DayRef(DAY + timedelta(days=1)), "operator:test")
    assert (await day.world.call(OPERATOR, "reconciliation.get", id=run)).differences == []


async def test_a_repair_is_done_once_by_the_operator_with_a_reason(day: Day) -> None:
    world = day.world
    await day.missing_at_boss_completed(order := await day.order(1))
    await day.doubled(other := await day.order(2))
    found = {one.number: one for one in (await day.compare()).differences}
    with pytest.raises(Forbidden):
        await world.call(partner(), "reconciliation.repair", id=found[order].id)
    with pytest.raises(NoteNeeded):
        await world.call(OPERATOR, "reconciliation.repair", id=found[other].id)
    world.boss.down = True
    with pytest.raises(NotMendable):
        await world.call(OPERATOR, "reconciliation.repair", id=found[order].id)
    world.boss.down = False
    for _ in range(2):
        mended = await world.call(OPERATOR, "reconciliation.repair", id=found[order].id, note="sent again")
    assert (mended.state, mended.repaired_by, mended.note) == ("repaired", "operator:cli", "sent again")
    assert [effect.number for effect in world.boss.effects].count(order) == 1


async def test_a_partner_is_told_once_of_what_it_is_to_mend(day: Day) -> None:
    world = day.world
    await day.missing_at_partner(order := await day.order(1))
    (found,) = (await day.compare()).differences
    for _ in range(2):
        await world.call(OPERATOR, "reconciliation.repair", id=found.id, note="please add it")
    told = await world.platform.store.read(_told)
    assert told == [("reconciliation.difference", "shop", order, "missing_at_partner", "please add it")]


def _told(connection: Connection) -> list[tuple[Any, ...]]:
    rows = connection.execute(select(events).where(events.c.type.like("reconciliation.%")))
    bodies = [(row.type, row.partner_id, msgspec.json.decode(row.body)) for row in rows]
    return [(kind, whom, body["order"], body["kind"], body["note"]) for kind, whom, body in bodies]


async def test_a_partner_sees_its_own_differences_only(day: Day) -> None:
    world = day.world
    await day.doubled(await day.order(1))
    run = (await day.compare()).reconciliation.id
    assert len((await world.call(partner(), "reconciliation.get", id=run)).differences) == 1
    with pytest.raises(ReconciliationNotFound):
        await world.call(partner("other"), "reconciliation.get", id=run)
    assert (await world.call(partner("other"), "reconciliation.list")).items == []
    own = (await day.compare(with_file=False)).reconciliation.id
    assert (await world.call(partner("other"), "reconciliation.get", id=own)).differences == []


async def test_the_day_before_is_compared_once_by_itself(day: Day) -> None:
    world = day.world
    await day.doubled(await day.order(1))
    world.clock.advance(days=1)
    for _ in range(2):
        await world.platform.reconciler.run_yesterday()
    (one,) = (await world.call(OPERATOR, "reconciliation.list")).items
    assert (one.day, one.found, one.state) == (DAY.isoformat(), 1, "done")


async def test_a_comparison_that_could_not_be_made_says_why(day: Day) -> None:
    world = day.world
    day.file.write_text("a,b\n1,2\n")
    with pytest.raises(ImportRefused):
        await world.platform.reconciler.run(DayRef(DAY, "shop", day.file), "operator:test")
    (one,) = (await world.call(OPERATOR, "reconciliation.list")).items
    assert one.state == "failed" and "order" in one.problem
