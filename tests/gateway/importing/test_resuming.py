"""An import that is killed goes on with the same command as if nothing had happened; large files need little memory."""

import asyncio
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from sqlalchemy import func, select

from gateway.capabilities.subscribers import subscribers
from gateway.importing import Import, run_import
from gateway.importing.subscribers import SubscriberImporter
from gateway.importing.usage import UsageImporter
from gateway.lake import UsageLake

ROOT = Path(__file__).parents[3]

IMPORT = """
import asyncio, resource, sys
from pathlib import Path
from auth.phone_number import PhoneVault
from gateway.importing import Import, run_import
from gateway.importing.subscribers import SubscriberImporter
from gateway.importing.usage import UsageImporter
from gateway.kit.clock import utc_now
from gateway.lake import UsageLake
from gateway.store import open_store

kind, file, url, batch = sys.argv[1:]
file = Path(file)

async def work():
    store = open_store(url)
    if kind == "usage":
        importer = UsageImporter(store, UsageLake(file.parent), utc_now, create=True, batch_rows=int(batch))
    else:
        importer = SubscriberImporter(store, PhoneVault({"k": bytes(32)}, "k", bytes(32)), utc_now, int(batch))
    tell = lambda done, size, figures: print(figures.taken, flush=True)
    figures = await run_import(store, importer, Import(file), utc_now, tell)
    await store.close()
    print("memory", resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)

asyncio.run(work())
"""


def importing(kind, file, url, batch):
    return subprocess.Popen(
        [sys.executable, "-c", IMPORT, kind, str(file), url, str(batch)],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        text=True,
    )


def kill_after(process, batches):
    """SIGKILL once that many batches are committed, in the middle of the next."""
    assert process.stdout is not None
    for _ in range(batches):
        assert process.stdout.readline().strip().isdigit()
    process.send_signal(signal.SIGKILL)
    process.wait()
    process.stdout.close()
    assert process.returncode == -signal.SIGKILL


ROWS, BATCH = 6_000, 200


def is_wrong(number):
    return number % 97 == 0


@pytest.mark.parametrize("killed_after", [[1], [2, 9, 1]])
async def test_usage_killed_in_the_middle_is_in_the_lake_once(world, tmp_path, killed_after):
    file = tmp_path / "usage.csv"
    lines = [f"s{n % 50},item{n},{'never' if is_wrong(n) else f'2026-11-{n % 5 + 1:02d}'}" for n in range(ROWS)]
    file.write_text("subscriber,item,at\n" + "\n".join(lines) + "\n")
    url = world.settings.database_url.get_secret_value()
    for batches in killed_after:
        await asyncio.to_thread(kill_after, importing("usage", file, url, BATCH), batches)
    store = world.platform.store
    importer = UsageImporter(store, UsageLake(tmp_path), world.clock, create=True, batch_rows=BATCH)
    figures = await run_import(store, importer, Import(file), world.clock)
    wrong = [n for n in range(ROWS) if is_wrong(n)]
    assert figures.resumed_at >= BATCH * sum(killed_after)
    assert (figures.taken, figures.rejected) == (ROWS - len(wrong), len(wrong))
    items = [
        item
        for path in (tmp_path / "lake").rglob("*.parquet")
        for item in pq.ParquetFile(path).read(["item"])["item"].to_pylist()
    ]
    assert sorted(items) == sorted(f"item{n}" for n in range(ROWS) if not is_wrong(n))
    report = (tmp_path / "usage.csv.rejected.ndjson").read_text().splitlines()
    assert [json.loads(line)["line"] for line in report] == [n + 2 for n in wrong]
    assert list((tmp_path / "lake").rglob("*.part")) == []


async def test_subscribers_killed_in_the_middle_are_there_once_and_counted_once(world, tmp_path):
    file = tmp_path / "subscribers.csv"
    file.write_text("ref,brand\n" + "".join(f"{'' if is_wrong(n) else f'r{n}'},lejia\n" for n in range(ROWS)))
    url = world.settings.database_url.get_secret_value()
    await asyncio.to_thread(kill_after, importing("subscribers", file, url, BATCH), 3)
    store = world.platform.store
    importer = SubscriberImporter(store, world.platform.vault, world.clock, BATCH)
    figures = await run_import(store, importer, Import(file), world.clock)
    wrong = [n for n in range(ROWS) if is_wrong(n)]
    assert (figures.taken, figures.rejected) == (ROWS - len(wrong), len(wrong))
    assert await store.read(lambda c: c.scalar(select(func.count()).select_from(subscribers))) == figures.taken
    report = (tmp_path / "subscribers.csv.rejected.ndjson").read_text().splitlines()
    assert [json.loads(line)["line"] for line in report] == [n + 2 for n in wrong]


@pytest.mark.parametrize("kind", ["usage", "subscribers"])
async def test_a_file_ten_times_as_long_takes_hardly_more_memory(make_world, sqlite_url, tmp_path, kind):
    await make_world(sqlite_url)
    peaks = []
    for rows in (50_000, 500_000):
        file = tmp_path / f"{kind}-{rows}.csv"
        with file.open("w") as out:
            if kind == "usage":
                out.write("subscriber,item,at\n")
                out.writelines(f"s{n % 5000},item{n % 300},2026-11-{n % 5 + 1:02d}\n" for n in range(rows))
            else:
                out.write("ref,brand\n")
                out.writelines(f"r{n},lejia\n" for n in range(rows))
        process = importing(kind, file, sqlite_url, 20_000)
        told, _ = await asyncio.to_thread(process.communicate)
        assert process.returncode == 0
        peaks.append(int(told.split()[-1]) / 1024)
    assert peaks[1] < peaks[0] + 60, "megabytes"
