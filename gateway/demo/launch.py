"""`make run`: the gateway with stand-ins of everything outside, a demo operator inside, and links to begin with."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from ipaddress import ip_network
from pathlib import Path

import aiohttp
import msgspec
from aiohttp import web
from pydantic import SecretStr
from rich.console import Console
from rich.progress import Progress, TaskID

from adapters.boss import sandbox as boss_sandbox
from adapters.sms import sandbox as sms_sandbox
from adapters.wechat import sandbox as wechat_sandbox
from adapters.wechat.platform.account import Account
from config.settings import BossSettings, Settings, SmsSettings, WebhookSettings, WeChatSettings
from gateway import migrations
from gateway.app import Link, running
from gateway.capabilities.partners import Credentials
from gateway.demo.load import Demo, load_demo
from gateway.demo.partner_site import PartnerSite
from gateway.platform import Outside, Platform

BOSS_PORT, SMS_PORT, WECHAT_PORT, SITE_PORT = 8201, 8202, 8203, 8205

# Known to everybody, and used between stand-ins on this machine only: production refuses to start with stand-ins.
_BOSS_KEY = "boss-sandbox-key"
_SMS_KEY = "sms-sandbox-key"

_SITE = f"http://127.0.0.1:{SITE_PORT}"
"""Plain http is for this very address alone (gateway.capabilities.partners)."""

_APPROVE = """.venv/bin/tuila call applications.approve '{"id": "ITS-ID"}'"""


class PortTaken(Exception):
    """Somebody else listens where the demo wants to."""


async def launch(
    settings: Settings, subscribers: int, stopped: Callable[[], Awaitable[None]], console: Console
) -> None:
    """Migrate, load the demo if it is not loaded, start the stand-ins and the gateway, and serve until `stopped` returns.

    Raises:
        PortTaken: one of the five ports is in use.
    """
    for port in (settings.port, BOSS_PORT, SMS_PORT, WECHAT_PORT, SITE_PORT):
        _refuse_taken(settings.host, port)
    demo = _with_stand_ins(settings)
    demo.data_dir.mkdir(parents=True, exist_ok=True)
    loaded = await _prepare(demo, subscribers, console)
    async with (
        _stand_ins(demo),
        running(demo, links=_links(demo.host)) as (url, _),
        _partner_site(demo, loaded),
    ):
        _welcome(console, url, loaded)
        await stopped()
        console.print("stopping")


async def _prepare(settings: Settings, subscribers: int, console: Console) -> Demo:
    platform = Platform(settings, Outside.nowhere())
    try:
        console.print("migrating the database and loading the demo (what is there already is kept)")
        await platform.store.write(migrations.upgrade)
        with Progress(console=console, transient=True) as bars:
            shown: dict[str, TaskID] = {}

            def progress(what: str, done: int, of: int) -> None:
                if what not in shown:
                    shown[what] = bars.add_task(what, total=None)
                bars.update(shown[what], completed=done, total=of or None)

            return await load_demo(platform, subscribers, progress=progress)
    finally:
        await platform.close()


def _account(settings: Settings) -> Account:
    return Account(
        appid="wxsandbox00000001",
        secret="wechat-sandbox-secret",  # noqa: S106 - see above: of a stand-in
        gh_id="gh_sandbox000001",
        token="wechat-sandbox-token",  # noqa: S106 - likewise
        encoding_aes_key="sandbox" * 6 + "A",
        callback_url=f"{settings.public_url}/wechat/callback",
    )


def _with_stand_ins(settings: Settings) -> Settings:
    host, account = settings.host, _account(settings)
    groups = {
        # A receiver of webhooks that somebody tries out runs on this machine.
        "webhooks": WebhookSettings(allowed_networks=(ip_network("127.0.0.0/8"), ip_network("::1/128"))),
        "boss": BossSettings(base_url=f"http://{host}:{BOSS_PORT}", api_key=SecretStr(_BOSS_KEY)),
        "sms": SmsSettings(base_url=f"http://{host}:{SMS_PORT}", api_key=SecretStr(_SMS_KEY)),
        "wechat": WeChatSettings(
            gh_id=account.gh_id,
            appid=account.appid,
            secret=SecretStr(account.secret),
            token=SecretStr(account.token),
            encoding_aes_key=SecretStr(account.encoding_aes_key),
            api_base_url=f"http://{host}:{WECHAT_PORT}",
        ),
    }
    return settings.model_copy(update=groups)


@contextlib.asynccontextmanager
async def _stand_ins(settings: Settings) -> AsyncIterator[None]:
    apps = {
        BOSS_PORT: boss_sandbox.make_app(Path(settings.data_dir) / "boss-ledger.sqlite3", _BOSS_KEY),
        SMS_PORT: sms_sandbox.make_app(_SMS_KEY),
        WECHAT_PORT: wechat_sandbox.make_app(_account(settings)),
    }
    async with contextlib.AsyncExitStack() as stack:
        for port, app in apps.items():
            await stack.enter_async_context(_served(app, settings.host, port))
        yield


@contextlib.asynccontextmanager
async def _partner_site(settings: Settings, demo: Demo) -> AsyncIterator[None]:
    credentials = msgspec.json.decode(demo.credentials.read_bytes(), type=Credentials)
    async with aiohttp.ClientSession() as http:
        site = PartnerSite(
            http, settings.public_url, _SITE, credentials.client_id, credentials.client_secret or ""
        )  # fmt: skip
        async with _served(site.app(), settings.host, SITE_PORT):
            yield


@contextlib.asynccontextmanager
async def _served(app: web.Application, host: str, port: int) -> AsyncIterator[None]:
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=1)
    await runner.setup()
    try:
        await web.TCPSite(runner, host, port).start()
        yield
    finally:
        await runner.cleanup()


def _links(host: str) -> tuple[Link, ...]:
    return (
        Link(
            f"http://{host}:{WECHAT_PORT}/",
            "手机",
            "Phone",
            "像在微信里一样和公众号聊天",
            "Chat with the official account",
        ),
        Link(
            f"{_SITE}/",
            "合作方网站",
            "A partner's site",
            "用运营商账号登录，再看它能替您做什么",
            "Sign in with the operator, and see what it may do for you",
        ),
        Link(f"http://{host}:{SMS_PORT}/", "短信收件箱", "SMS inbox", "验证码发到这里", "Where one-time codes arrive"),
        Link(
            f"http://{host}:{BOSS_PORT}/",
            "后台替身",
            "BOSS",
            "开通了什么，可以打开故障",
            "What was provisioned, and faults",
        ),
    )


def _refuse_taken(host: str, port: int) -> None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            raise PortTaken(f"port {port} of {host} is in use; stop what listens there and run again") from error


def _welcome(console: Console, url: str, demo: Demo) -> None:
    host = url.rpartition(":")[0]
    links = (
        ("phone    手机", f"{host}:{WECHAT_PORT}/"),
        ("portal   门户", f"{url}/portal"),
        ("partner site 合作方网站 (sign in with the operator)", f"{_SITE}/"),
        ("API docs 文档", f"{url}/docs"),
        ("partners 合作方 (apply, then sign in)", f"{url}/partners"),
        ("health   健康", f"{url}/health"),
        ("SMS inbox 短信 (one-time codes arrive here)", f"{host}:{SMS_PORT}/"),
        ("BOSS     后台 (what was provisioned; faults to switch on)", f"{host}:{BOSS_PORT}/"),
    )
    console.print("\n[bold]Tuila is running.[/bold] Follow the account on the phone, say 绑定, and use a demo number:")
    console.print("  " + "   ".join(demo.free_phones[:3]), style="bold cyan")
    for name, link in links:
        console.print(f"  {link:32} {name}", soft_wrap=True)
    console.print(f"  approve an application: {_APPROVE}", soft_wrap=True, markup=False, highlight=False)
    console.print(f"  partner keys for curl: {demo.credentials}    stop with Ctrl-C\n", soft_wrap=True)
