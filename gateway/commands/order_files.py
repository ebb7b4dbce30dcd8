"""Handing a partner's order file in for it, and waiting until every row is answered."""

from __future__ import annotations

import asyncio
import hashlib
from datetime import date
from pathlib import Path
from typing import Annotated, Any, NoReturn

import typer
import uvloop
from rich.console import Console

from auth.principal import Principal
from config.settings import Settings
from gateway.app import open_platform
from gateway.bulk.row_files import FORMATS as STATEMENT_FORMATS
from gateway.bulk.row_files import Manifest
from gateway.bulk.statements import write_statement
from gateway.capabilities.exchange import FORMATS, OrderFile, OrderFileFolder, list_results
from gateway.capabilities.reconciliation.running import bounds
from gateway.commands.bookings import booked_app
from gateway.errors import GatewayError
from gateway.invoke import Call
from gateway.kit.garbage import settle
from gateway.platform import Platform
from gateway.store.outbox import OutboxWorker

_OPERATOR = Principal("operator", "cli", frozenset({"*"}))
_ENDED = ("done", "failed", "cancelled")
_out = Console()
_err = Console(stderr=True)

orders_app = typer.Typer(no_args_is_help=True, help="Orders by the file: in, and out.")
orders_app.add_typer(booked_app, name="booked")


def register(app: typer.Typer) -> None:
    """Mount `orders`."""
    app.add_typer(orders_app, name="orders")


@orders_app.command("file")
def order_file(
    partner: Annotated[str, typer.Argument(help="Client id of the partner.", show_default=False)],
    file: Annotated[Path, typer.Argument(help=f"The file; its name ends in {', '.join(FORMATS)}.", show_default=False)],
    column: Annotated[list[str] | None, typer.Option(help="FIELD=COLUMN, where names differ; may be repeated.")] = None,
    results: Annotated[
        Path | None, typer.Option(help="Where each row's outcome goes; by default FILE.results.csv.")
    ] = None,
    locale: Annotated[str, typer.Option(help="zh-CN or en.")] = "zh-CN",
) -> None:
    """Place every order of a partner's file; interrupted, the same command goes on where it was."""
    if not file.is_file():
        _fail(f"there is no file {file}")
    form = next((form for form in sorted(FORMATS, key=len, reverse=True) if file.name.endswith("." + form)), None)
    if form is None:
        _fail(f"{file.name} ends in none of {', '.join(FORMATS)}")
    pairs = [text.partition("=") for text in column or ()]
    if wrong := [field for field, sign, _ in pairs if not sign]:
        _fail(f"--column takes FIELD=COLUMN, not {wrong[0]}")
    asked = {
        "partner": partner, "format": form, "locale": locale, "sha256": _digest(file), "bytes": file.stat().st_size,
        "columns": {field: name for field, _, name in pairs},
    }  # fmt: skip
    try:
        ended = uvloop.run(_work(asked, file, results or file.with_name(file.name + ".results.csv")))
    except GatewayError as error:
        _fail(error.words("en"))
    if ended.state != "done":
        _fail(f"{ended.state}: {ended.problem or 'see the results'}")
    _say(f"{ended.placed:,} placed, {ended.refused:,} refused")
    _say(f"each row's outcome: {results or file.name + '.results.csv'}")


@orders_app.command("statement")
def statement(
    day: Annotated[str, typer.Argument(help="The day, YYYY-MM-DD.", show_default=False)],
    file: Annotated[
        Path, typer.Argument(help="Where it goes; the name ends in .csv, .ndjson or .parquet.", show_default=False)
    ],
    partner: Annotated[str | None, typer.Option(help="Only orders of this partner.")] = None,
) -> None:
    """Write the orders placed on a day of the operator, with a manifest beside the file."""
    form = next((form for form in STATEMENT_FORMATS if file.suffix == f".{form}"), None)
    if form is None:
        _fail(f"{file.name} ends in none of {', '.join(STATEMENT_FORMATS)}")
    try:
        begin, end = bounds(date.fromisoformat(day))
    except ValueError:
        _fail("the day is written YYYY-MM-DD")

    async def work() -> Manifest:
        async with open_platform(Settings()) as (platform, _):
            return await write_statement(platform.store, file, form, begin, end, partner)

    manifest = uvloop.run(work())
    _say(f"{manifest.rows:,} orders; manifest: {file.name}.manifest.json")


async def _work(asked: dict[str, Any], source: Path, results: Path) -> OrderFile:
    async with open_platform(Settings()) as (platform, _):
        await platform.refresh()
        settle()
        file = await _call(platform, "exchange.submit", asked)
        if file.state == "awaiting_content":
            folder = platform.parts.get(OrderFileFolder)
            await asyncio.to_thread(folder.copy, source, file.id, file.format, platform.ids(), file.sha256)
            file = await _call(platform, "exchange.start", {"id": file.id})
        lease = platform.settings.worker.lease
        worker = OutboxWorker(platform.store, platform.order_files.handlers(), clock=platform.clock, lease=lease)
        working = asyncio.create_task(worker.run())  # a gateway that runs may be quicker: who leases the file works
        while file.state not in _ENDED:
            await asyncio.sleep(0.1)
            file = await _call(platform, "exchange.get", {"id": file.id})
        working.cancel()
        await _fetch(platform, file, results)
        return file


async def _call(platform: Platform, capability: str, asked: dict[str, Any]) -> OrderFile:
    file: OrderFile = await platform.invoke(Call(capability, _OPERATOR, asked, channel="cli"))
    return file


async def _fetch(platform: Platform, file: OrderFile, results: Path) -> None:
    with results.open("wb") as target:
        begin = 0
        while begin < file.result_bytes:
            for part in await platform.store.read(list_results, file.id, begin, file.result_bytes):
                target.write(part.body)
                begin = part.begins + len(part.body)


def _digest(file: Path) -> str:
    with file.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()


def _say(sentence: str) -> None:
    _out.print(sentence, markup=False, highlight=False, soft_wrap=True)


def _fail(sentence: str) -> NoReturn:
    _err.print(sentence, style="red", markup=False, highlight=False, soft_wrap=True)
    raise typer.Exit(2)
