"""`tuila reconcile`: what it prints, reports and mends, against the stand-in's books."""

from __future__ import annotations

import asyncio
import csv
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import typer
from aiohttp.test_utils import TestServer
from typer.testing import CliRunner

from adapters.boss.sandbox import make_app
from gateway.capabilities.reconciliation.running import ZONE
from gateway.commands import reconcile
from tests.fixtures.world import World, person
from tests.surfaces.stage import WallClock

OFFER = "TM-MUSIC-10"


async def test_differences_are_reported_and_mended(
    make_world: Callable[..., Any], database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    world: World = await make_world(database_url, clock=WallClock())
    await world.subscriber("wechat:a")
    order = await world.call(person("wechat:a"), "orders.place", offer=OFFER)
    await world.call(person("wechat:a"), "orders.confirm", id=order.id)
    await world.work()  # carried out at the back end in memory, of which the one compared with knows nothing
    day = order.created_at.astimezone(ZONE).date().isoformat()
    server = TestServer(make_app(tmp_path / "ledger.sqlite3", "key"))
    await server.start_server()
    for name, value in {
        "DATA_DIR": str(tmp_path), "DATABASE_URL": database_url,
        "BOSS__BASE_URL": str(server.make_url("/")).rstrip("/"), "BOSS__API_KEY": "key",
    }.items():  # fmt: skip
        monkeypatch.setenv(f"TUILA_{name}", value)
    report = tmp_path / "differences.csv"
    try:
        code, output = await run(day, "--report", str(report))
        assert (code, "1 differences, 0 mended" in output) == (0, True), output
        assert state(report) == [(order.id, "missing_at_boss", "resend", "open")]
        code, output = await run(day, "--report", str(report), "--repair", "--note", "sent again")
        assert (code, "1 differences, 1 mended" in output) == (0, True), output
        assert state(report) == [(order.id, "missing_at_boss", "resend", "repaired")]
        code, output = await run(day, "--report", str(report))
        assert (code, "0 differences, 0 mended" in output) == (0, True), output
        assert state(report) == []
    finally:
        await server.close()
    code, output = await run("yesterday")
    assert (code, "YYYY-MM-DD" in output) == (2, True)


async def run(*words: str) -> tuple[int, str]:
    app = typer.Typer()
    reconcile.register(app)
    result = await asyncio.to_thread(CliRunner().invoke, app, list(words))
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result.exit_code, result.output


def state(report: Path) -> list[tuple[str, ...]]:
    with report.open(newline="") as file:
        return [(row["number"], row["kind"], row["repair"], row["state"]) for row in csv.DictReader(file)]
