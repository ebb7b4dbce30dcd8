"""Files of orders: every row answered once, as a single call would be, through clashes and interruptions."""

from __future__ import annotations

import asyncio
import csv
import io
import json
from datetime import timedelta
from hashlib import sha256
from pathlib import Path
from random import Random
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from sqlalchemy import Connection, func, select

from gateway.audit import audit_rows
from gateway.capabilities.exchange import OrderFileFolder, list_results
from gateway.capabilities.exchange.errors import OrderFileNotFound, TooManyOrderFiles
from gateway.capabilities.exchange.tables import order_file_results
from gateway.capabilities.orders.tables import order_transitions, orders
from gateway.errors import Forbidden, GatewayError
from gateway.store.outbox import outbox
from tests.fixtures.world import OPERATOR, World, partner, person
from tests.surfaces.cases import KINDS

MUSIC, READ = "TM-MUSIC-10", "TM-READ-5"


async def hand_in(world: World, content: bytes, form: str = "csv", **fields: Any) -> Any:
    file = await world.call(
        OPERATOR, "exchange.submit", sha256=sha256(content).hexdigest(), bytes=len(content), format=form,
        partner="shop", **fields,
    )  # fmt: skip
    if file.state == "awaiting_content":
        incoming = world.platform.parts.get(OrderFileFolder).receive(file.id, form, "t")
        incoming.write(content)
        incoming.finish(file.sha256, file.bytes)
    return await world.call(OPERATOR, "exchange.start", id=file.id)


async def results(world: World, file_id: str) -> list[dict[str, str]]:
    file = await world.call(OPERATOR, "exchange.get", id=file_id)
    text, begin = b"", 0
    while begin < file.result_bytes:
        for part in await world.platform.store.read(list_results, file_id, begin, file.result_bytes):
            text += part.body
            begin = part.begins + len(part.body)
    return list(csv.DictReader(io.StringIO(text.decode())))


async def count(world: World, table: Any) -> int:
    def counted(connection: Connection) -> int:
        return connection.scalar(select(func.count()).select_from(table)) or 0

    return await world.platform.store.read(counted)


@pytest.fixture
async def shop(world: World) -> World:
    await world.call(OPERATOR, "partners.create", id="shop", name="Shop", scopes=["orders:*", "exchange:*"])
    for number in range(1, 7):
        await world.subscriber(f"partner:shop:u{number}")
    return world


async def test_every_row_is_answered_as_a_single_call_would_be(shop: World) -> None:
    world = shop
    single = await world.call(partner(), "orders.place", account="partner:shop:u3", key="k3", offer=MUSIC)
    content = (
        "user,offer,key,partner_ref,action\n"
        f"u1,{MUSIC},k1,R1,\n"
        f"u2,NO-SUCH,k2,R2,\n"
        f"nobody,{MUSIC},,R3,\n"
        f",{MUSIC},,R4,\n"
        f"u3,{MUSIC},k3,,\n"
        f"u1,{MUSIC},k1,R1,\n"
        f"u1,{MUSIC},,R5,\n"
        f"u4,{MUSIC},,,unsubscribe\n"
        f"u5,{MUSIC},,,fly\n"
        "too,short\n"
    ).encode()
    file = await hand_in(world, content, locale="en")
    await world.work()
    found = await results(world, file.id)
    told = [(row["line"], row["user"], row["status"], row["code"]) for row in found]
    assert told == [
        ("2", "u1", "placed", ""),
        ("3", "u2", "refused", "offer-unknown"),
        ("4", "nobody", "refused", "binding_required"),
        ("5", "", "refused", "malformed-row"),
        ("6", "u3", "placed", ""),
        ("7", "u1", "placed", ""),
        ("8", "u1", "refused", "order-already-open"),
        ("9", "u4", "refused", "not-held"),
        ("10", "u5", "refused", "malformed-request"),
        ("11", "", "refused", "malformed-row"),
    ]
    assert found[4]["order_id"] == single.id
    assert found[0]["order_id"] == found[5]["order_id"] == found[6]["order_id"]
    assert found[0]["state"] == "awaiting_confirmation"
    assert all(row["words"] for row in found if row["status"] == "refused")
    ended = await world.call(OPERATOR, "exchange.get", id=file.id)
    assert (ended.state, ended.placed, ended.refused, ended.progress_pct) == ("done", 3, 7, 100)
    assert await count(world, orders) == 2
    # A key that a file used is the same key over any surface.
    again = await world.call(
        partner(), "orders.place", account="partner:shop:u1", key="k1", offer=MUSIC, partner_ref="R1"
    )
    assert again.id == found[0]["order_id"]


async def test_an_order_of_a_file_goes_the_usual_way(shop: World) -> None:
    world = shop
    await world.bind("wechat:gh:o1", 1)
    file = await hand_in(world, f"user,offer\nu1,{MUSIC}\n".encode())
    await world.work()
    (row,) = await results(world, file.id)
    assert len(world.chat.sent) == 1
    confirmed = await world.call(person("wechat:gh:o1"), "orders.confirm", id=row["order_id"])
    assert (confirmed.state, confirmed.channel) == ("accepted", "file")
    await world.work()
    assert [order.number for order in world.boss.effects] == [row["order_id"]]

    def audited(connection: Connection) -> Any:
        return connection.execute(select(audit_rows).where(audit_rows.c.channel == "file")).one()

    audit = await world.platform.store.read(audited)
    assert (audit.principal, audit.capability) == ("partner:shop", "orders.place")
    assert json.loads(audit.detail)["file"] == file.id


async def test_a_file_handed_in_again_orders_nothing_twice(shop: World) -> None:
    world = shop
    content = f"user,offer\nu1,{MUSIC}\nu2,{MUSIC}\n".encode()
    first = await hand_in(world, content)
    await world.work()
    assert (await hand_in(world, content)).id == first.id
    await world.work()
    assert await count(world, orders) == 2
    assert len(await results(world, first.id)) == 2


@pytest.mark.parametrize("form", ["csv", "csv.gz", "ndjson", "parquet"])
async def test_files_are_read_in_every_format_and_by_named_columns(shop: World, form: str, tmp_path: Path) -> None:
    import gzip

    world = shop
    rows = [{"who": f"u{number}", "what": MUSIC} for number in (1, 2, 3)]
    text = "who,what\n" + "".join(f"{row['who']},{row['what']}\n" for row in rows)
    pq.write_table(pa.Table.from_pylist(rows), tmp_path / "made.parquet")
    content = {
        "csv": text.encode(), "csv.gz": gzip.compress(text.encode()),
        "ndjson": "".join(json.dumps(row) + "\n" for row in rows).encode(),
        "parquet": (tmp_path / "made.parquet").read_bytes(),
    }[form]  # fmt: skip
    file = await hand_in(world, content, form, columns={"user": "who", "offer": "what"})
    await world.work()
    assert [row["status"] for row in await results(world, file.id)] == ["placed"] * 3


@pytest.mark.parametrize(
    ("content", "form", "problem"),
    [
        (b"name,price\n1,2\n", "csv", "user"),
        (b"not parquet", "parquet", "not a Parquet file"),
        (b"not gzip", "csv.gz", "damaged"),
        (",".join(f"c{n}" for n in range(300)).encode(), "csv", "columns"),
    ],
)
async def test_a_file_that_cannot_be_read_fails_in_words(shop: World, content: bytes, form: str, problem: str) -> None:
    file = await hand_in(shop, content, form)
    await shop.work()
    ended = await shop.call(OPERATOR, "exchange.get", id=file.id)
    assert ended.state == "failed" and problem in ended.problem
    assert not list((shop.settings.data_dir / "exchange").iterdir())


async def test_two_workers_at_one_file_answer_each_row_once(shop: World) -> None:
    world = shop
    other = world.another()
    await other.refresh()
    for platform in (world.platform, other):
        platform.order_files._settings = platform.settings.exchange.model_copy(update={"batch_rows": 3})
    content = "user,offer\n" + "".join(
        f"u{number % 6 + 1},{offer}\n" for offer in (MUSIC, READ) for number in range(30)
    )
    file = await hand_in(world, content.encode())
    await asyncio.gather(
        *(platform.order_files._run(file.id) for platform in (world.platform, other)), return_exceptions=True
    )
    await world.work()
    await other.close()
    found = await results(world, file.id)
    assert [int(row["line"]) for row in found] == list(range(2, 62))
    assert await count(world, orders) == len({row["order_id"] for row in found if row["status"] == "placed"}) == 12


async def test_rows_that_clash_with_single_orders_are_decided_anew(shop: World) -> None:
    world, store = shop, shop.platform.store
    commit, others = store.commit_many, [READ, "TM-SMS-5", "TM-CLOUD-6", MUSIC]

    async def after_others(unit: Any, first: Any) -> None:
        if others:  # somebody orders in between, again and again
            account = "partner:shop:u1"
            await world.call(partner(), "orders.place", account=account, offer=others.pop(0))
        await commit(unit, first)

    store.commit_many = after_others  # type: ignore[method-assign] # the moment is this test's
    content = "user,offer\n" + "".join(f"u{number},{MUSIC}\n" for number in range(1, 7))
    file = await hand_in(world, content.encode())
    await world.work()
    assert not others
    found = await results(world, file.id)
    assert [(row["line"], row["status"], row["code"]) for row in found] == [
        ("2", "refused", "order-already-open"), *((str(line), "placed", "") for line in range(3, 8)),
    ]  # fmt: skip


async def test_every_kind_of_order_in_one_batch_ends_as_it_does_alone(shop: World) -> None:
    world, text, alone = shop, io.StringIO(), []
    lines = csv.DictWriter(text, ["user", "offer", "action", "replaces", "recipient"])
    lines.writeheader()
    for number, case in enumerate(KINDS):
        single = f"partner:shop:single-{number}"
        await world.subscriber(single, held=case.held)
        await world.subscriber(f"partner:shop:file-{number}", held=case.held)
        for step in case.steps:
            lines.writerow({"user": f"file-{number}", **step.fields})
            try:
                order = await world.call(partner(), "orders.place", account=single, **step.fields)
                alone.append((case.name, "placed", order.state, ""))
            except GatewayError as error:
                alone.append((case.name, "refused", "", error.code))
    file = await hand_in(world, text.getvalue().encode())
    await world.work()
    found = await results(world, file.id)
    names = [case.name for case in KINDS for _ in case.steps]
    told = [(name, row["status"], row["state"], row["code"]) for name, row in zip(names, found, strict=True)]
    assert told == alone


async def test_a_batch_is_decided_on_what_the_one_before_it_leaves(shop: World) -> None:
    world = shop
    await world.bind("partner:shop:same", 1)  # another account of the first subscriber
    runner = world.platform.order_files
    runner._settings = world.settings.exchange.model_copy(update={"batch_rows": 1})
    content = (
        "user,offer,key,partner_ref\n"
        f"u1,{MUSIC},k1,R1\n"
        f"same,{MUSIC},,\n"
        f"same,{READ},,\n"
        f"u2,{MUSIC},k2,R1\n"
        f"u2,{MUSIC},k3,R2\n"
        f"u3,{MUSIC},k4,R3\n"
        f"u3,{MUSIC},k4,R3\n"
    )
    file = await hand_in(world, content.encode())
    await world.work()
    found = await results(world, file.id)
    assert [(row["status"], row["code"]) for row in found] == [
        ("placed", ""), ("refused", "order-already-open"), ("placed", ""), ("refused", "partner-ref-taken"),
        ("placed", ""), ("placed", ""), ("placed", ""),
    ]  # fmt: skip
    assert found[5]["order_id"] == found[6]["order_id"]
    assert await count(world, orders) == 4


async def test_what_was_read_before_the_damage_stays(shop: World) -> None:
    import gzip

    world = shop
    runner = world.platform.order_files
    words = "".join(f"u{number % 6 + 1},{MUSIC},{Random(number).random()}\n" for number in range(20_000))
    packed = gzip.compress(f"user,offer,note\n{words}".encode())
    runner._settings = world.settings.exchange.model_copy(update={"batch_rows": 500})
    file = await hand_in(world, packed[: len(packed) // 2], "csv.gz")
    await world.work()
    ended = await world.call(OPERATOR, "exchange.get", id=file.id)
    assert (ended.state, ended.placed) == ("failed", 6) and ended.line > 500
    assert len(await results(world, file.id)) == ended.line - 1


async def test_an_interrupted_file_goes_on_where_it_was(shop: World) -> None:
    world, random = shop, Random(5)
    content = "user,offer\n\n" + "".join(
        f"u{number % 6 + 1},{MUSIC if number < 6 else 'NO'}\n\n" for number in range(40)
    )
    file = await hand_in(world, content.encode())
    runner = world.platform.order_files
    runner._settings = world.settings.exchange.model_copy(update={"batch_rows": 4})
    commit = world.platform.store.commit_many

    async def cut(unit: Any, first: Any) -> None:
        fate = random.random()
        if fate < 0.3:
            raise asyncio.CancelledError  # before the commit
        await commit(unit, first)
        if fate < 0.6:
            raise asyncio.CancelledError  # after it

    world.platform.store.commit_many = cut  # type: ignore[method-assign] # the fault is this test's
    interruptions = 0
    while (await world.call(OPERATOR, "exchange.get", id=file.id)).state != "done":
        try:
            await runner._run(file.id)
        except asyncio.CancelledError:
            interruptions += 1
    assert interruptions > 3
    found = await results(world, file.id)
    assert [int(row["line"]) for row in found] == list(range(3, 83, 2))
    assert await count(world, orders) == 6
    assert await count(world, order_transitions) == 12


async def test_a_cancelled_file_stops_and_may_go_on_later(shop: World) -> None:
    world = shop
    content = "user,offer\n" + "".join(f"u{number},{MUSIC}\n" for number in range(1, 7))
    runner = world.platform.order_files
    runner._settings = world.settings.exchange.model_copy(update={"batch_rows": 2})
    commit = world.platform.store.commit_many
    file = await hand_in(world, content.encode())

    async def cancel_then(unit: Any, first: Any) -> None:
        await commit(unit, first)
        await world.call(OPERATOR, "exchange.cancel", id=file.id)

    world.platform.store.commit_many = cancel_then  # type: ignore[method-assign] # the moment is this test's
    await world.work()
    stopped = await world.call(OPERATOR, "exchange.get", id=file.id)
    assert (stopped.state, stopped.placed) == ("cancelled", 2)
    world.platform.store.commit_many = commit  # type: ignore[method-assign] # back again
    await hand_in(world, content.encode())
    await world.work()
    assert [row["line"] for row in await results(world, file.id)] == ["2", "3", "4", "5", "6", "7"]
    assert await count(world, orders) == 6


async def test_a_partner_sees_and_hands_in_its_own_files_only(shop: World) -> None:
    world = shop
    file = await hand_in(world, b"user,offer\n")
    assert (await world.call(partner(), "exchange.get", id=file.id)).partner == "shop"
    with pytest.raises(OrderFileNotFound):
        await world.call(partner("other"), "exchange.get", id=file.id)
    with pytest.raises(OrderFileNotFound):
        await world.call(partner("other"), "exchange.cancel", id=file.id)
    assert (await world.call(partner("other"), "exchange.list", partner="shop")).items == []
    with pytest.raises(Forbidden):
        await world.call(partner("other"), "exchange.submit", sha256="0" * 64, bytes=1, format="csv", partner="shop")


async def test_files_are_bounded_and_forgotten_in_time(shop: World) -> None:
    world = shop
    for number in range(world.settings.exchange.open_files):
        await world.call(partner(), "exchange.submit", sha256=f"{number:064x}", bytes=1, format="csv")
    with pytest.raises(TooManyOrderFiles):
        await world.call(partner(), "exchange.submit", sha256="f" * 64, bytes=1, format="csv")
    world.clock.now += timedelta(days=2)
    await world.platform.order_files.tidy()
    file = await hand_in(world, f"user,offer\nu1,{MUSIC}\n".encode())
    await world.work()
    assert await count(world, order_file_results) == 1
    world.clock.now += timedelta(days=31)
    await world.platform.order_files.tidy()
    assert await count(world, order_file_results) == 0
    assert (await world.call(OPERATOR, "exchange.get", id=file.id)).result_bytes == 0


async def test_rows_beyond_the_bound_are_not_taken(shop: World) -> None:
    world = shop
    world.platform.order_files._settings = world.settings.exchange.model_copy(update={"rows": 4, "batch_rows": 2})
    file = await hand_in(world, ("user,offer\n" + "u1,NO\n" * 5).encode())
    await world.work()
    ended = await world.call(OPERATOR, "exchange.get", id=file.id)
    assert (ended.state, ended.line) == ("failed", 5) and "more than 4 rows" in ended.problem
    assert await count(world, outbox) == 0
