"""Booked orders reach the back office in one file each, through crashes at every step; its answers are taken in once."""

from __future__ import annotations

import asyncio
import csv
import hashlib
from pathlib import Path
from typing import Any

import msgspec
import pyarrow.parquet as pq
import pytest

from gateway.bulk import bookings
from gateway.bulk.row_files import Manifest
from gateway.capabilities.offers.live import put_offers
from gateway.capabilities.orders import get_any
from gateway.importing import ImportRefused
from gateway.store import Unit
from tests.fixtures.world import World, person

OFFER = "TM-READ-5"


class _Killed(Exception):
    """The process ends here."""


@pytest.fixture
async def office(world: World) -> World:
    """A world where one offer can only be booked."""
    unit = Unit()
    world.clock.advance(seconds=1)
    offer = world.platform.catalog.current.by_code[OFFER]
    put_offers(unit, [msgspec.structs.replace(offer, bookable=True)], world.clock())
    await world.platform.store.commit(unit)
    await world.platform.refresh()
    return world


async def book(world: World, *names: str) -> list[str]:
    booked = []
    for name in names:
        await world.subscriber(f"wechat:{name}")
        order = await world.call(person(f"wechat:{name}"), "orders.place", offer=OFFER, action="book")
        assert (await world.call(person(f"wechat:{name}"), "orders.confirm", id=order.id)).state == "booked"
        booked.append(order.id)
    return booked


def folder(world: World) -> Path:
    return world.settings.data_dir / "bookings"


def in_files(world: World) -> list[str]:
    """The orders of all files there are, one by one."""
    found: list[str] = []
    for path in sorted(folder(world).glob("*.csv")):
        with path.open(newline="") as file:
            found += [row["order"] for row in csv.DictReader(file)]
    return found


async def states(world: World, *orders: str) -> list[str]:
    found = [await world.platform.store.read(get_any, order) for order in orders]
    return [str(order.state) for order in found if order is not None]


async def test_what_is_booked_goes_into_one_file_with_its_count_and_digest(office: World) -> None:
    booked = await book(office, "a", "b", "c")
    manifest = await office.platform.bookings.hand_over("csv")
    assert manifest is not None
    content = (folder(office) / manifest.file).read_bytes()
    assert (manifest.rows, manifest.sha256) == (3, hashlib.sha256(content).hexdigest())
    beside = (folder(office) / f"{manifest.file}.manifest.json").read_bytes()
    assert msgspec.json.decode(beside, type=Manifest) == manifest
    assert in_files(office) == booked
    assert await states(office, *booked) == ["provisioning"] * 3
    assert await office.platform.bookings.hand_over("csv") is None


async def test_a_file_may_be_parquet(office: World) -> None:
    (booked,) = await book(office, "a")
    manifest = await office.platform.bookings.hand_over("parquet")
    assert manifest is not None
    (row,) = pq.read_table(folder(office) / manifest.file).to_pylist()
    assert (row["order"], row["offer"], row["action"]) == (booked, OFFER, "book")


async def test_one_file_a_day_by_itself_and_what_was_begun_is_finished(office: World) -> None:
    first = await book(office, "a")
    await office.platform.bookings.hand_over_daily("csv")
    second = await book(office, "b")
    await office.platform.bookings.hand_over_daily("csv")
    assert in_files(office) == first
    office.clock.advance(days=1)
    await office.platform.bookings.hand_over_daily("csv")
    assert in_files(office) == first + second


async def test_a_death_while_orders_are_taken_loses_and_doubles_none(
    office: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    booked = await book(office, "a", "b", "c")
    monkeypatch.setattr(bookings, "_PAGE", 1)
    real, calls = bookings.Bookings._take_page, 0

    async def dies(*arguments: Any) -> None:
        nonlocal calls
        calls += 1
        if calls == 2:
            raise _Killed
        await real(*arguments)

    with monkeypatch.context() as patched:
        patched.setattr(bookings.Bookings, "_take_page", dies)
        with pytest.raises(_Killed):
            await office.platform.bookings.hand_over("csv")
    assert await states(office, *booked) == ["provisioning", "booked", "booked"]
    assert in_files(office) == []
    manifest = await office.platform.bookings.hand_over("csv")
    assert manifest is not None and manifest.rows == 3
    assert in_files(office) == booked


@pytest.mark.parametrize("form", ["csv", "parquet"])
async def test_a_death_after_the_file_was_written_writes_the_same_bytes_again(
    office: World, monkeypatch: pytest.MonkeyPatch, form: Any
) -> None:
    await book(office, "a", "b")

    def dies(*_: Any) -> None:
        raise _Killed

    with monkeypatch.context() as patched:
        patched.setattr(bookings, "_written", dies)
        with pytest.raises(_Killed):
            await office.platform.bookings.hand_over(form)
    (path,) = folder(office).glob(f"*.{form}")
    before = path.read_bytes()
    path.unlink()
    later = await book(office, "c")  # not for a file that is closed
    office.clock.advance(hours=1)
    manifest = await office.platform.bookings.hand_over(form)
    assert manifest is not None and manifest.file == path.name
    assert path.read_bytes() == before
    assert await states(office, *later) == ["booked"]
    following = await office.platform.bookings.hand_over(form)
    assert following is not None and following.rows == 1 and following.file != path.name


async def test_two_who_hand_over_at_once_make_one_file(office: World) -> None:
    booked = await book(office, "a", "b", "c")
    other = office.another()
    await asyncio.gather(office.platform.bookings.hand_over("csv"), other.bookings.hand_over("csv"))
    await office.platform.bookings.hand_over("csv")
    await other.close()
    assert sorted(in_files(office)) == booked


async def test_answers_are_taken_in_once_and_what_is_none_is_named(office: World, tmp_path: Path) -> None:
    done, refused, waiting = await book(office, "a", "b", "c")
    file = tmp_path / "answers.csv"
    file.write_text(f"order,outcome,reason\n{done},completed,\n{waiting},completed,\n")
    early = await office.platform.bookings.take_answers(file)
    assert early.wrong == [(2, "no such order was handed over"), (3, "no such order was handed over")]
    await office.platform.bookings.hand_over("csv")
    file.write_text(
        f"order,outcome,reason\n{done},completed,\n{refused},failed,no line there\n{waiting},maybe,\nX-1,completed,\n,failed,\n"
    )
    came = await office.platform.bookings.take_answers(file)
    assert (came.completed, came.failed, came.known) == (1, 1, 0)
    assert [line for line, _ in came.wrong] == [4, 5, 6]
    assert await states(office, done, refused, waiting) == ["completed", "failed", "provisioning"]
    again = await office.platform.bookings.take_answers(file)
    assert (again.completed, again.failed, again.known) == (0, 0, 2)
    file.write_text(f"order,outcome\n{done},failed\n")
    assert (await office.platform.bookings.take_answers(file)).wrong == [(2, "the order is completed already")]
    with pytest.raises(ImportRefused):
        await office.platform.bookings.take_answers(tmp_path / "none.csv")
