"""Statements hold each order of the day once, in every format, and say what they hold."""

from __future__ import annotations

import csv
import hashlib
import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import msgspec
import pyarrow.parquet as pq
import pytest

from gateway.bulk import statements
from gateway.bulk.row_files import FORMATS, Manifest
from gateway.capabilities.reconciliation.running import ZONE, DayRef, bounds
from tests.fixtures.world import NOON, OPERATOR, World, partner, person


def read(path: Path, form: str) -> list[dict[str, Any]]:
    if form == "parquet":
        return list(pq.read_table(path).to_pylist())
    if form == "ndjson":
        return [json.loads(line) for line in path.read_text().splitlines()]
    return list(csv.DictReader(path.read_text().splitlines()))


@pytest.mark.parametrize("form", FORMATS)
async def test_a_statement_has_the_days_orders_of_the_partner(
    make_world: Any, sqlite_url: str, tmp_path: Path, form: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(statements, "_PAGE", 2)
    world: World = await make_world(sqlite_url)
    day = NOON.astimezone(ZONE).date()
    placed = []
    for number in range(1, 6):
        await world.subscriber(f"partner:shop:u{number}")
        order = await world.call(partner(), "orders.place", account=f"partner:shop:u{number}", offer="TM-MUSIC-10")
        placed.append(order.id)
    await world.subscriber("web:1")
    await world.call(person("web:1"), "orders.place", offer="TM-MUSIC-10")
    world.clock.advance(days=1)
    await world.call(partner(), "orders.place", account="partner:shop:u1", offer="TM-READ-5")
    target = tmp_path / f"made.{form}"
    manifest = await statements.write_statement(world.platform.store, target, form, *bounds(day), "shop")
    rows = read(target, form)
    assert [row["order"] for row in rows] == placed
    assert (rows[0]["user"], rows[0]["offer"], int(rows[0]["price_fen"])) == ("u1", "TM-MUSIC-10", 1000)
    assert manifest.rows == 5
    assert manifest.sha256 == hashlib.sha256(target.read_bytes()).hexdigest()
    beside = (tmp_path / f"made.{form}.manifest.json").read_bytes()
    assert msgspec.json.decode(beside, type=Manifest) == manifest
    whole = await statements.write_statement(world.platform.store, target, form, *bounds(day), None)
    assert whole.rows == 6
    nothing = await statements.write_statement(
        world.platform.store, target, form, *bounds(day - timedelta(days=1)), None
    )
    assert nothing.rows == 0 and read(target, form) == []
    # A statement is what a partner's account of the day would be: it reconciles.
    await statements.write_statement(world.platform.store, target, form, *bounds(day), "shop")
    run = await world.platform.reconciler.run(DayRef(day, "shop", target), "operator:test")
    assert (await world.call(OPERATOR, "reconciliation.get", id=run)).differences == []
