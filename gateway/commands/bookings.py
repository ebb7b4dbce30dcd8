"""Booked orders to the back office in a file, and its answers back in."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, NoReturn

import typer
import uvloop
from rich.console import Console

from config.settings import Settings
from gateway.app import open_platform
from gateway.bulk.bookings import Answered, BookingFormat
from gateway.bulk.row_files import Manifest
from gateway.importing import ImportRefused

_out = Console()
_err = Console(stderr=True)

booked_app = typer.Typer(no_args_is_help=True, help="Booked orders and the back office.")


@booked_app.command("hand-over")
def hand_over(
    form: Annotated[str, typer.Option(help="csv or parquet; by default as the settings say.")] = "",
) -> None:
    """Put all booked orders into a file for the back office; interrupted, the same command finishes that file."""
    settings = Settings()
    wanted: BookingFormat = settings.exchange.booked_form
    if form in ("csv", "parquet"):
        wanted = "csv" if form == "csv" else "parquet"
    elif form:
        _fail("--form takes csv or parquet")

    async def work() -> Manifest | None:
        async with open_platform(settings) as (platform, _):
            await platform.refresh()
            return await platform.bookings.hand_over(wanted)

    manifest = uvloop.run(work())
    if manifest is None:
        _say("0 orders are booked; there is no file")
        return
    _say(f"{manifest.rows:,} orders: {settings.data_dir / 'bookings' / manifest.file}")


@booked_app.command("answers")
def answers(
    file: Annotated[Path, typer.Argument(help="Columns order, outcome, reason; CSV, NDJSON or Parquet.")],
) -> None:
    """Take in what the back office did: `completed` or `failed`, with a reason. Taken in again, it changes nothing."""

    async def work() -> Answered:
        async with open_platform(Settings()) as (platform, _):
            await platform.refresh()
            return await platform.bookings.take_answers(file)

    try:
        came = uvloop.run(work())
    except ImportRefused as error:
        _fail(str(error))
    for line, reason in came.wrong[:20]:
        _say(f"line {line}: {reason}")
    _say(
        f"{came.completed:,} completed, {came.failed:,} failed, {came.known:,} known before, {len(came.wrong):,} not taken"
    )
    if came.wrong:
        raise typer.Exit(1)


def _say(sentence: str) -> None:
    _out.print(sentence, markup=False, highlight=False, soft_wrap=True)


def _fail(sentence: str) -> NoReturn:
    _err.print(sentence, style="red", markup=False, highlight=False, soft_wrap=True)
    raise typer.Exit(2)
