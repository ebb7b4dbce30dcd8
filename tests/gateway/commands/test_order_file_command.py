"""`tuila orders file`, killed at moments nobody chose, answers every row once."""

from __future__ import annotations

import csv
import os
import signal
import sqlite3
from collections import Counter
from functools import partial
from multiprocessing import forkserver, get_context
from multiprocessing.process import BaseProcess
from pathlib import Path
from random import Random
from typing import Any

from gateway.commands.order_files import orders_app
from tests.fixtures.world import OPERATOR, World
from tests.waiting import wait_for_blocking

ROWS, PEOPLE, KILLS = 300, 40, 2

# Each command is a process of its own, born of one that has read the program once.
processes = get_context("forkserver")
processes.set_forkserver_preload([__name__])


async def test_a_file_killed_at_any_moment_is_answered_whole(make_world: Any, tmp_path: Path) -> None:
    forkserver.ensure_running()
    url = f"sqlite:///{tmp_path / 't.db'}"
    world: World = await make_world(url)
    await world.call(OPERATOR, "partners.create", id="shop", name="Shop", scopes=["orders:*"])
    for number in range(PEOPLE):
        await world.subscriber(f"partner:shop:u{number}")
    file = tmp_path / "in.csv"
    file.write_text(
        "user,offer,partner_ref\n" + "".join(f"u{number % PEOPLE},TM-MUSIC-10,R{number}\n" for number in range(ROWS))
    )
    random, killed = Random(), 0
    for stop in sorted(random.sample(range(2, ROWS), KILLS)):
        process = begin(tmp_path, url, file)
        wait_for_blocking(partial(is_past, process, tmp_path, stop), 40)
        process.kill()
        process.join()
        killed += process.exitcode == -signal.SIGKILL
    process = begin(tmp_path, url, file)
    process.join(60)
    assert process.exitcode == 0, (tmp_path / "output").read_text()
    assert killed
    rows = list(csv.DictReader((tmp_path / "in.csv.results.csv").read_text().splitlines()))
    assert [int(row["line"]) for row in rows] == list(range(2, ROWS + 2))
    assert Counter(row["status"] for row in rows) == {"placed": PEOPLE, "refused": ROWS - PEOPLE}
    with sqlite3.connect(tmp_path / "t.db") as database:
        stored = {row[0] for row in database.execute("SELECT id FROM orders")}
        assert database.execute("SELECT count(*) FROM order_transitions").fetchone() == (2 * PEOPLE,)
    assert stored == {row["order_id"] for row in rows if row["status"] == "placed"}


def begin(folder: Path, url: str, file: Path) -> BaseProcess:
    settings = {
        "TUILA_DATA_DIR": str(folder), "TUILA_DATABASE_URL": url, "TUILA_EXCHANGE__BATCH_ROWS": "7",
        "TUILA_WORKER__LEASE": "1",
    }  # fmt: skip
    process = processes.Process(target=run, args=(settings, file, folder / "output"))
    process.start()
    return process


def run(settings: dict[str, str], file: Path, output: Path) -> None:
    """`tuila orders file`, in a process of its own."""
    os.environ |= settings
    written = os.open(output, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    for stream in (1, 2):
        os.dup2(written, stream)
    orders_app(["file", "shop", str(file)])


def is_past(process: BaseProcess, folder: Path, stop: int) -> bool:
    return process.exitcode is not None or line(folder) >= stop


def line(folder: Path) -> int:
    with sqlite3.connect(folder / "t.db") as database:
        row = database.execute("SELECT line FROM order_files").fetchone()
    return 0 if row is None else int(row[0])
