"""Commands that bring data in, learn from it and show what was learnt."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any, NoReturn, TypeVar

import typer
import uvloop
from pydantic import SecretStr
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from auth.keys import KeyRing
from config.settings import Settings
from gateway.capabilities.offers import LiveCatalog
from gateway.capabilities.recommendations import words
from gateway.commands.preview import preview
from gateway.importing import Figures, Import, ImportRefused, run_import
from gateway.importing.mapping import SourceMapping, read_mapping
from gateway.importing.offers import OfferImporter, import_catalog
from gateway.importing.orders import OrderImporter
from gateway.importing.run import Importer
from gateway.importing.subscribers import SubscriberImporter
from gateway.kit.clock import utc_now
from gateway.platform import CATALOG_FILES
from gateway.store import Store, StoreUnavailable, open_store

T = TypeVar("T")

File = Annotated[Path, typer.Argument(help="The file; .gz is unpacked on the way.", show_default=False)]
MappingFile = Annotated[Path | None, typer.Option("--mapping", help="TOML file that says how columns become fields.")]
Again = Annotated[bool, typer.Option("--again", help="Begin anew, even when this very file was done.")]
Report = Annotated[Path | None, typer.Option(help="Where rejected rows are told; by default FILE.rejected.ndjson.")]
Create = Annotated[bool, typer.Option("--create-subscribers", help="Make subscribers that are not known yet.")]
DatabaseUrl = Annotated[str | None, typer.Option(help="Another database than the settings name.")]

_out = Console()
_err = Console(stderr=True)

import_app = typer.Typer(
    no_args_is_help=True,
    help="Bring an operator's own files in: CSV, NDJSON or Parquet. A command that was interrupted goes on where it was.",
)


def register(app: typer.Typer) -> None:
    """Mount `import`, `train` and `recommend`."""
    app.add_typer(import_app, name="import")
    app.command("train")(train)
    app.command("recommend")(recommend)


@import_app.command("subscribers")
def import_subscribers(
    file: File,
    mapping: MappingFile = None,
    again: Again = False,
    report: Report = None,
    database_url: DatabaseUrl = None,
) -> None:
    """Subscribers: ref, phone, brand, region, joined_on, device_abilities. Known ones (by ref) are brought up to date."""
    settings = _settings(database_url)

    def importer(store: Store) -> Importer:
        return SubscriberImporter(store, _vault(settings), utc_now)

    _import(settings, importer, file, mapping, again, report)


@import_app.command("usage")
def import_usage(
    file: File,
    mapping: MappingFile = None,
    create_subscribers: Create = False,
    again: Again = False,
    report: Report = None,
    database_url: DatabaseUrl = None,
) -> None:
    """Usage: subscriber, item, at, weight; kept in the lake."""
    from gateway.importing.usage import UsageImporter
    from gateway.lake import UsageLake

    settings = _settings(database_url)

    def importer(store: Store) -> Importer:
        return UsageImporter(store, UsageLake(settings.data_dir), utc_now, create=create_subscribers)

    _import(settings, importer, file, mapping, again, report, options=_create(create_subscribers))


@import_app.command("orders")
def import_orders(
    file: File,
    mapping: MappingFile = None,
    create_subscribers: Create = False,
    again: Again = False,
    report: Report = None,
    database_url: DatabaseUrl = None,
) -> None:
    """Orders of the past: subscriber, offer, started_at, ended_at (empty: still held)."""
    settings = _settings(database_url)

    def importer(store: Store) -> Importer:
        return OrderImporter(store, utc_now, create=create_subscribers)

    _import(settings, importer, file, mapping, again, report, options=_create(create_subscribers))


@import_app.command("offers")
def import_offers(
    file: File,
    mapping: MappingFile = None,
    again: Again = False,
    report: Report = None,
    database_url: DatabaseUrl = None,
) -> None:
    """Offers: a catalog file (.toml) or a folder of them, NDJSON with one offer a line, or columns by a mapping."""
    settings = _settings(database_url)
    if file.is_dir() or file.suffix == ".toml":

        async def work(store: Store) -> int:
            return await import_catalog(store, file, utc_now, settings.locale)

        _say(f"{_in_store(settings, work):,} offers taken over")
        return

    def importer(store: Store) -> Importer:
        whole = mapping is None and SourceMapping().kind_of(file) == "ndjson"
        return OfferImporter(store, utc_now, locale=settings.locale, whole=whole)

    _import(settings, importer, file, mapping, again, report)


def train(database_url: DatabaseUrl = None) -> None:
    """Learn from usage and orders what goes together; gateways take the new model over within seconds."""
    from gateway.lake import UsageLake
    from gateway.lake.learning import Learnt, learn

    settings = _settings(database_url)

    async def work(store: Store) -> Learnt:
        catalog = LiveCatalog()
        await catalog.refresh(store)
        with Progress(console=_err, transient=True, disable=not _err.is_terminal) as bar:
            task = bar.add_task("reading", total=None)
            return await learn(
                store,
                UsageLake(settings.data_dir),
                catalog.current.codes,
                utc_now,
                lambda what, done: bar.update(task, description=f"{what} {done:,}" if done else what),
            )

    learnt = _in_store(settings, work)
    _say(
        f"learnt from {learnt.subscribers:,} subscribers: {learnt.items:,} items, {learnt.targets:,} offers; "
        f"{learnt.profiles:,} profiles brought up to date; {learnt.seconds:.1f} s; model {learnt.version}"
    )


def recommend(
    ref: Annotated[str, typer.Option(help="The subscriber's number in your own systems.", show_default=False)],
    n: Annotated[int, typer.Option("-n", help="Offers at most.", min=1, max=100)] = 3,
    place: Annotated[str, typer.Option(help="Where it would be shown: any, chat, service:music …")] = "any",
    locale: Annotated[str, typer.Option(help="zh-CN or en.")] = "zh-CN",
    database_url: DatabaseUrl = None,
) -> None:
    """Show what a subscriber would be recommended, and why. Nothing is logged as shown."""
    settings = _settings(database_url)

    async def work(store: Store) -> Any:
        return await preview(store, LiveCatalog.with_words_of(CATALOG_FILES), ref, n, place, utc_now())

    found = _in_store(settings, work)
    if found is None:
        _fail(f"there is no subscriber {ref}")
    if not found.ranked:
        _say("nothing suits this subscriber now")
    for number, one in enumerate(found.ranked, 1):
        offer, why = one.offer, words(one.reason, found.catalog).to(locale)
        price = f"¥{offer.price_fen / 100:.2f}"
        _say(f"{number}  {offer.code}  {offer.names.to(locale)}  {price}  score {one.score:.3f}  {why}")


def _import(
    settings: Settings,
    importer: Callable[[Store], Importer],
    file: Path,
    mapping: Path | None,
    again: bool,
    report: Path | None,
    options: str = "",
) -> None:
    async def work(store: Store) -> Figures:
        job = Import(file, None if mapping is None else read_mapping(mapping), again, report, options)
        with _bar(file.name) as progress:
            return await run_import(store, importer(store), job, utc_now, progress)

    figures = _in_store(settings, work)
    _say(_told(figures))
    if figures.rejected:
        where = report or file.with_name(file.name + ".rejected.ndjson")
        _say(f"each rejected row with its line and reason: {where}")


def _told(figures: Figures) -> str:
    counts = f"{figures.taken:,} taken over"
    if figures.left_out:
        counts += f", {figures.left_out:,} left out by the mapping"
    counts += f", {figures.rejected:,} rejected"
    if figures.already_done:
        return f"already done: {counts}; --again begins anew"
    resumed = f", going on after record {figures.resumed_at:,}" if figures.resumed_at else ""
    return f"{counts} in {figures.seconds:.1f} s{resumed}"


def _create(create_subscribers: bool) -> str:
    return "create-subscribers" if create_subscribers else ""


@contextmanager
def _bar(name: str) -> Iterator[Callable[[int, int, Figures], None]]:
    columns = (
        TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TextColumn("{task.fields[counts]}"),
        TimeElapsedColumn(), TimeRemainingColumn(),
    )  # fmt: skip
    with Progress(*columns, console=_err, transient=True, disable=not _err.is_terminal) as bar:
        task = bar.add_task(name, total=None, counts="")

        def show(done: int, size: int, figures: Figures) -> None:
            counts = f"{figures.taken:,} taken, {figures.rejected:,} rejected"
            bar.update(task, completed=done, total=size, counts=counts)

        yield show


def _in_store(settings: Settings, work: Callable[[Store], Awaitable[T]]) -> T:
    """What `work` answers, with the store open around it; what the user can mend ends in a sentence and exit code 2."""

    async def around() -> T:
        store = open_store(settings.database_url.get_secret_value())
        try:
            return await work(store)
        finally:
            await store.close()

    try:
        return uvloop.run(around())
    except (ImportRefused, StoreUnavailable, ConnectionError) as error:
        _fail(str(error))


def _settings(database_url: str | None) -> Settings:
    settings = Settings() if database_url is None else Settings(database_url=SecretStr(database_url))
    settings.data_dir.mkdir(parents=True, exist_ok=True)
    return settings


def _vault(settings: Settings) -> Any:
    keys = KeyRing.load_or_create(settings.key_file, environment=settings.environment, given=settings.keys)
    return keys.phone_vault()


def _say(sentence: str) -> None:
    _out.print(sentence, markup=False, highlight=False, soft_wrap=True)


def _fail(sentence: str) -> NoReturn:
    _err.print(sentence, style="red", markup=False, highlight=False, soft_wrap=True)
    raise typer.Exit(2)
