"""Comparing a day with the back end and a partner, and mending what differs."""

from __future__ import annotations

import contextlib
import csv
from collections.abc import AsyncIterator
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
from gateway.capabilities.reconciliation.errors import NotMendable
from gateway.capabilities.reconciliation.running import DayRef
from gateway.errors import GatewayError
from gateway.importing import ImportRefused
from gateway.importing.mapping import read_mapping
from gateway.invoke import Call
from gateway.platform import Platform

_OPERATOR = Principal("operator", "cli", frozenset({"*"}))
_COLUMNS = ("number", "kind", "repair", "ours", "theirs", "partner", "state", "id", "note")
_SHOWN = 20
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
        found, mended = uvloop.run(_work(what, repair, note, report))
    except (ImportRefused, UpstreamError, GatewayError) as error:
        _fail(str(error))
    if found > _SHOWN:
        _say(f"… and {found - _SHOWN:,} more")
    _say(f"{found:,} differences, {mended:,} mended")
    if report is not None:
        _say(f"each difference: {report}")


async def _work(what: DayRef, repair: bool, note: str, report: Path | None) -> tuple[int, int]:
    """How many differences there are, and how many were mended; they pass through page by page."""
    async with open_platform(Settings()) as (platform, _):
        await platform.refresh()
        run = await platform.reconciler.run(what, "operator:cli")
        found = mended = 0
        with contextlib.ExitStack() as opened:
            file = None if report is None else opened.enter_context(report.open("w", newline=""))
            writer = None if file is None else csv.writer(file)
            if writer is not None:
                writer.writerow(_COLUMNS)
            async for one in _differences(platform, run):
                found += 1
                if found <= _SHOWN:
                    _show(one)
                seen = await _mended(platform, one, note) if repair and one.repair != "human" else one
                mended += seen.state == "repaired"
                if writer is not None:
                    writer.writerow([getattr(seen, name) for name in _COLUMNS])
        return found, mended


async def _mended(platform: Platform, one: Difference, note: str) -> Difference:
    """The difference after its repair; as it was, where the back end does not let it be mended now."""
    try:
        mended: Difference = await platform.invoke(
            Call("reconciliation.repair", _OPERATOR, {"id": one.id, "note": note}, channel="cli")
        )
    except NotMendable as error:
        _say(f"{one.number}  {error.words('en')}")
        return one
    return mended


async def _differences(platform: Platform, run: str) -> AsyncIterator[Difference]:
    cursor: str | None = None
    while True:
        asked = {"id": run, "limit": 1000} | ({} if cursor is None else {"cursor": cursor})
        page = await platform.invoke(Call("reconciliation.get", _OPERATOR, asked, channel="cli"))
        for one in page.differences:
            yield one
        if page.next is None:
            return
        cursor = page.next


def _show(one: Difference) -> None:
    _say(f"{one.number}  {one.kind}  ours: {one.ours or '-'}  theirs: {one.theirs or '-'}  repair: {one.repair}")


def _say(sentence: str) -> None:
    _out.print(sentence, markup=False, highlight=False, soft_wrap=True)


def _fail(sentence: str) -> NoReturn:
    _err.print(sentence, style="red", markup=False, highlight=False, soft_wrap=True)
    raise typer.Exit(2)
