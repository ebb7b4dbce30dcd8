"""Comparing a day with the back end and a partner, and mending what differs."""

from __future__ import annotations

import csv
from datetime import date
from pathlib import Path
from typing import Annotated, NoReturn

import typer
import uvloop
from rich.console import Console

from adapters.errors import UpstreamError
from auth.principal import Principal
from config.settings import Settings
from gateway.app import open_platform
from gateway.capabilities.reconciliation import Difference
from gateway.capabilities.reconciliation.running import DayRef
from gateway.errors import GatewayError
from gateway.importing import ImportRefused
from gateway.importing.mapping import read_mapping
from gateway.invoke import Call
from gateway.platform import Platform

_OPERATOR = Principal("operator", "cli", frozenset({"*"}))
_COLUMNS = ("number", "kind", "repair", "ours", "theirs", "partner", "state", "id", "note")
_out = Console()
_err = Console(stderr=True)


def register(app: typer.Typer) -> None:
    """Mount `reconcile`."""
    app.command("reconcile")(reconcile)


def reconcile(
    day: Annotated[str, typer.Argument(help="The day, YYYY-MM-DD.", show_default=False)],
    partner: Annotated[str | None, typer.Option(help="Whose file there is.")] = None,
    file: Annotated[
        Path | None, typer.Option(help="The partner's account of the day: order, state, offer, price_fen.")
    ] = None,
    mapping: Annotated[Path | None, typer.Option(help="TOML file that says how its columns become fields.")] = None,
    report: Annotated[Path | None, typer.Option(help="Where each difference is written, as CSV.")] = None,
    repair: Annotated[bool, typer.Option("--repair", help="Mend what needs no person.")] = False,
    note: Annotated[str, typer.Option(help="Why; kept with each repair.")] = "",
) -> None:
    """Compare our orders of a day with the back end's books and with a partner's file."""
    if (partner is None) != (file is None):
        _fail("--partner and --file go together")
    if Settings().boss is None:
        _fail("there is no back end to compare with: configure boss")
    try:
        compared = date.fromisoformat(day)
    except ValueError:
        _fail("the day is written YYYY-MM-DD")
    try:
        what = DayRef(compared, partner, file, None if mapping is None else read_mapping(mapping))
        found, mended = uvloop.run(_work(what, repair, note))
    except (ImportRefused, UpstreamError, GatewayError) as error:
        _fail(str(error))
    for one in found[:20]:
        _say(f"{one.number}  {one.kind}  ours: {one.ours or '-'}  theirs: {one.theirs or '-'}  repair: {one.repair}")
    if len(found) > 20:
        _say(f"… and {len(found) - 20:,} more")
    _say(f"{len(found):,} differences, {mended:,} mended")
    if report is not None:
        _write(report, found)
        _say(f"each difference: {report}")


async def _work(what: DayRef, repair: bool, note: str) -> tuple[list[Difference], int]:
    async with open_platform(Settings()) as (platform, _):
        await platform.refresh()
        run = await platform.reconciler.run(what, "operator:cli")
        found = await _differences(platform, run)
        mended = 0
        for one in found if repair else ():
            if one.repair != "human":
                await platform.invoke(
                    Call("reconciliation.repair", _OPERATOR, {"id": one.id, "note": note}, channel="cli")
                )
                mended += 1
        return found, mended


async def _differences(platform: Platform, run: str) -> list[Difference]:
    found: list[Difference] = []
    cursor: str | None = None
    while True:
        asked = {"id": run, "limit": 1000} | ({} if cursor is None else {"cursor": cursor})
        page = await platform.invoke(Call("reconciliation.get", _OPERATOR, asked, channel="cli"))
        found += page.differences
        if page.next is None:
            return found
        cursor = page.next


def _write(report: Path, found: list[Difference]) -> None:
    with report.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(_COLUMNS)
        writer.writerows([getattr(one, name) for name in _COLUMNS] for one in found)


def _say(sentence: str) -> None:
    _out.print(sentence, markup=False, highlight=False, soft_wrap=True)


def _fail(sentence: str) -> NoReturn:
    _err.print(sentence, style="red", markup=False, highlight=False, soft_wrap=True)
    raise typer.Exit(2)
