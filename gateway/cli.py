"""The command line: run the gateway, a worker, the demo; look after the store; call any capability."""

from __future__ import annotations

import asyncio
import re
import signal
import sys
from collections.abc import Coroutine
from typing import Annotated, Any

import msgspec
import typer
import uvloop
from pydantic import ValidationError
from rich.console import Console

from auth.audit_chain import Head
from auth.keys import KeyRing, KeysRefused
from auth.principal import Principal
from config.settings import Settings
from gateway import audit, logs, migrations
from gateway.app import VERSION, open_platform, running
from gateway.commands import data, order_files, reconcile
from gateway.errors import GatewayError
from gateway.invoke import Call
from gateway.kit.clock import utc_now
from gateway.store import open_store, outbox
from gateway.store.outbox import DeadLetter

app = typer.Typer(
    no_args_is_help=True, add_completion=False, help="Tuila: an operator's capabilities, opened everywhere."
)
outbox_app = typer.Typer(no_args_is_help=True, help="Work owed to the outside.")
audit_app = typer.Typer(no_args_is_help=True, help="The audit log.")
keys_app = typer.Typer(no_args_is_help=True, help="The installation's keys.")
data.register(app)
order_files.register(app)
reconcile.register(app)
app.add_typer(outbox_app, name="outbox")
app.add_typer(audit_app, name="audit")
app.add_typer(keys_app, name="keys")

_out = Console()
_err = Console(stderr=True)

OPERATOR = Principal("operator", "cli", frozenset({"*"}))


def main() -> None:
    """Run the command line; mistakes of its user end in a sentence and exit code 2."""
    logs.configure()
    try:
        app()
    except ValidationError as error:
        problems = "; ".join(
            ": ".join(filter(None, (".".join(map(str, one["loc"])), one["msg"]))) for one in error.errors()
        )
        _fail(f"settings: {problems}")
    except (KeysRefused, FileNotFoundError) as error:
        _fail(str(error))


def _fail(words: str) -> None:
    _err.print(words, style="red", markup=False)
    sys.exit(2)


def _settings() -> Settings:
    return Settings()


def _run(work: Coroutine[Any, Any, Any]) -> Any:
    return uvloop.run(work)


@app.command()
def version() -> None:
    """Print the version."""
    _out.print(VERSION)


@app.command()
def migrate() -> None:
    """Bring the database's schema to the newest revision."""

    async def work() -> None:
        settings = _settings()
        settings.data_dir.mkdir(parents=True, exist_ok=True)
        store = open_store(settings.database_url.get_secret_value())
        before = await store.write(migrations.upgrade)
        await store.close()
        newest = migrations.newest()
        _out.print(f"schema is at {newest}" + ("" if before == newest else f", was {before or 'empty'}"))

    _run(work())


@app.command()
def run(
    worker: Annotated[bool, typer.Option(help="Also do the outbox's work in this process.")] = True,
    shared: Annotated[bool, typer.Option(help="Share the port with other processes of this gateway.")] = False,
) -> None:
    """Serve every surface until told to stop."""

    async def work() -> None:
        async with running(_settings(), work=worker, shared=shared) as (url, _):
            _out.print(f"tuila is serving at {url}")
            await _stopped()

    _run(work())


@app.command()
def demo(
    subscribers: Annotated[int, typer.Option(help="Made-up subscribers to load.")] = 20_000,
) -> None:
    """Try it all: migrate, load a demo operator, start stand-ins of everything outside, and serve."""
    from gateway.demo.launch import PortTaken, launch

    async def work() -> None:
        try:
            await launch(_settings(), subscribers, _stopped, _out)
        except PortTaken as error:
            _fail(str(error))

    _run(work())


@app.command()
def worker() -> None:
    """Do the work that the outbox holds, without serving anything."""

    async def work() -> None:
        async with open_platform(_settings()) as (platform, _):
            await platform.start(work=True)
            _out.print("tuila worker is at work")
            await _stopped()

    _run(work())


async def _stopped() -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    await stop.wait()


@app.command()
def call(
    capability: Annotated[str, typer.Argument(help="Name of the capability, as offers.list.")],
    request: Annotated[str, typer.Argument(help="The request as JSON.")] = "{}",
    account: Annotated[str | None, typer.Option(help="Channel account of the subject.")] = None,
    key: Annotated[str | None, typer.Option(help="Idempotency key.")] = None,
    locale: Annotated[str, typer.Option(help="zh-CN or en.")] = "zh-CN",
) -> None:
    """Run any capability as the operator and print its answer as JSON."""

    async def work() -> None:
        async with open_platform(_settings()) as (platform, _):
            await platform.refresh()
            asked = Call(
                capability,
                OPERATOR,
                request.encode(),
                account=account,
                channel="cli",
                locale=locale,
                idempotency_key=key,
            )
            try:
                answer = await platform.invoke(asked)
            except GatewayError as error:
                _fail(f"{error.code}: {error.words(locale)}")
            _out.print_json(msgspec.json.encode(answer).decode())

    _run(work())


@app.command()
def capabilities() -> None:
    """List every capability with its route and scope."""
    from gateway.capability import catalogue
    from gateway.platform import SETS

    for one in catalogue(*SETS).values():
        _out.print(
            f"{one.name:32} {one.method:5} {one.path:36} {one.need.scope:24} {one.summary}",
            markup=False,
            soft_wrap=True,
        )


@outbox_app.command("dead")
def outbox_dead(after: str = "", limit: int = 100) -> None:
    """List parked work, oldest first."""

    async def work() -> list[DeadLetter]:
        store = open_store(_settings().database_url.get_secret_value())
        found = await store.read(outbox.list_dead, after, limit)
        await store.close()
        return found

    for one in _run(work()):
        _out.print(f"{one.id}  {one.kind}  {one.attempts} attempts  {one.error}", markup=False)


@outbox_app.command("replay")
def outbox_replay(
    ids: Annotated[list[str] | None, typer.Argument(help="Ids of parked work; none: all of it.")] = None,
) -> None:
    """Make parked work due again."""

    async def work() -> int:
        async with open_platform(_settings()) as (platform, _):
            return await platform.store.write(outbox.replay, platform.clock(), ids or None)

    _out.print(f"{_run(work())} made due again")


@audit_app.command("verify")
def audit_verify(
    head: Annotated[
        str | None, typer.Option(help="Newest block as noted earlier, SEQ:HASH: shows a cut-off end.")
    ] = None,
) -> None:
    """Check that no row of a sealed block was changed, taken out or slipped in; print the newest block to note down."""
    noted = _head(head)

    async def work() -> Any:
        store = open_store(_settings().database_url.get_secret_value())
        broken, newest = await store.read(audit.verify, noted), await store.read(audit.newest)
        await store.close()
        return broken, newest

    broken, newest = _run(work())
    if broken is not None:
        _fail(f"block {broken.seq} is not what was written: {broken.reason}")
    note = "" if newest is None else f"; newest block {newest.seq}:{newest.hash.hex()}"
    _out.print(f"the audit log is whole{note}", soft_wrap=True)


def _head(text: str | None) -> Head | None:
    if text is None:
        return None
    seq, _, digest = text.partition(":")
    if not seq.isdecimal() or not re.fullmatch(r"[0-9a-f]{64}", digest):
        _fail("--head takes SEQ:HASH as an earlier `tuila audit verify` printed it")
    return Head(int(seq), bytes.fromhex(digest))


@keys_app.command("create")
def keys_create() -> None:
    """Make the key file of a production installation, on purpose."""
    settings = _settings()
    KeyRing.create(settings.key_file, environment=settings.environment)
    _out.print(
        f"made {settings.key_file}: back it up; without it phone numbers cannot be read", markup=False, soft_wrap=True
    )


@keys_app.command("rotate")
def keys_rotate(
    compromised: Annotated[
        bool, typer.Option(help="Others know the old key: use only the new one, at once. Every token ends.")
    ] = False,
) -> None:
    """Change the token signing key in the key file; running processes take it over, and tokens given out stay good."""
    settings = _settings()
    if settings.keys.token_signing is not None:
        _fail("the token signing keys are given by the settings: put the new one first there")
    last = max(settings.partner_token_ttl, settings.session_token_ttl)
    now = utc_now()
    times = KeyRing.rotate_token_signing(settings.key_file, now, tokens_last=last, compromised=compromised)
    for key_id, one in times.items():
        ends = "" if one.ends_at is None else f", ends at {one.ends_at:%Y-%m-%dT%H:%M:%SZ}"
        starts = "now" if one.signs_from <= now else f"from {one.signs_from:%Y-%m-%dT%H:%M:%SZ}"
        _out.print(f"{key_id} signs {starts}{ends}", markup=False, soft_wrap=True)


if __name__ == "__main__":
    main()
