"""The composition root: the platform, the outside systems as settings name them, every surface on one server."""

from __future__ import annotations

import asyncio
import contextlib
import os
import secrets
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import aiohttp
import structlog

from adapters.boss.client import BossClient
from adapters.boss.fake import FakeBoss
from adapters.boss.protocol import Boss
from adapters.camara.client import CamaraClient
from adapters.camara.protocol import NumberWatch
from adapters.errors import UpstreamError
from adapters.sms.client import SmsClient
from adapters.sms.fake import FakeSms
from adapters.sms.protocol import Sms
from adapters.webhooks.client import WebhookClient
from adapters.wechat.client import WeChatClient
from auth.tokens import TokenVerifier
from bots.bot import Bot
from bots.claims import Claims
from bots.dialogue import Dialogue
from bots.late import LateAnswers
from bots.sms.outgoing import SmsChannel
from bots.wechat import channel as wechat
from bots.wechat.channel import WeChatCallbacks
from bots.wechat.links import as_text
from bots.wechat.menu import load_menu, push_menu
from bots.wechat.outgoing import WeChatChannel
from bots.wechat.token_store import HotTokenStore
from config.settings import Settings
from gateway.authentication import Authentication
from gateway.capabilities.grants import LiveGrants
from gateway.capabilities.partners import Partners
from gateway.messages import Channel
from gateway.platform import Outside, Platform
from gateway.server import listen, new_server, serving
from gateway.standards import STANDARDS
from gateway.store.hot import HotState, open_hot_state
from gateway.surfaces import exchange as order_files
from gateway.surfaces import (
    health,
    mcp,
    oauth_authorize,
    oauth_grants,
    oauth_metadata,
    oauth_token,
    openapi,
    openrpc,
    rest,
    soap,
    standard,
    websocket,
)
from gateway.surfaces.rest import Server
from widgets import order_page, portal
from widgets.pages import language, page
from widgets.portal import Link

__all__ = ["VERSION", "Link", "create_app", "open_platform", "process_name", "running", "wechat_callbacks"]

VERSION = "0.1.0"

_log = structlog.get_logger("app")


WECHAT_MENU = Path(__file__).parent.parent / "config" / "wechat_menu.toml"


@contextlib.asynccontextmanager
async def open_platform(settings: Settings) -> AsyncIterator[tuple[Platform, WeChatCallbacks | None]]:
    """The platform with the outside systems that the settings name, and the bot where there is a WeChat account."""
    allowed = settings.webhooks.allowed_networks
    async with (
        aiohttp.ClientSession() as session,
        contextlib.aclosing(WebhookClient(allowed=allowed, timeout=settings.webhooks.timeout)) as webhooks,
    ):
        redis = settings.redis_url
        hot = open_hot_state(None if redis is None else redis.get_secret_value())
        sms, api = _sms(settings, session), _wechat(settings, session, hot)
        channels: dict[str, Channel] = {"sms": SmsChannel(sms)}
        if api is not None:
            channels["wechat"] = WeChatChannel(api, hot)
        outside = Outside(_boss(settings, session), sms, channels, webhooks, _numbers(settings, session))
        platform = Platform(settings, outside, hot=hot)
        callbacks = wechat_callbacks(platform)
        pushing = None if api is None else asyncio.create_task(_push_menu(api, settings))
        try:
            yield platform, callbacks
        finally:
            if pushing is not None:
                pushing.cancel()
            if callbacks is not None:
                await callbacks.close()
            await platform.close()


def wechat_callbacks(platform: Platform) -> WeChatCallbacks | None:
    """The bot on the WeChat account of the settings; None where there is none. Its late answers are the workers' work."""
    settings, store, clock = platform.settings, platform.store, platform.clock
    if settings.wechat is None:
        return None
    claims = Claims(platform.hot, process_name())
    bot = Bot(Dialogue(platform.invoke, platform.catalog, clock), store, claims, clock)
    late = LateAnswers(
        bot, store, platform.keys, clock, platform.ids, render={"wechat": as_text}, insured_for=settings.worker.lease
    )
    platform.handlers.update(late.handlers())
    return WeChatCallbacks(
        settings.wechat, bot, late, claims, platform.hot, clock, deadline=settings.deadline, locale=settings.locale
    )


def create_app(platform: Platform, callbacks: WeChatCallbacks | None = None, links: Sequence[Link] = ()) -> Server:
    """One Sanic application with every surface, bot and page of the platform; `links` lead on from the start page."""
    settings, parts = platform.settings, platform.parts
    app = new_server(f"tuila-{secrets.token_hex(6)}", body_bytes=settings.limits.body_bytes)
    authentication = Authentication(
        parts.get(TokenVerifier),
        parts.get(Partners),
        parts.get(LiveGrants),
        platform.hot,
        platform.store,
        platform.clock,
    )
    rest.mount(app, platform.capabilities, platform.invoke, authentication)
    standard.mount(app, STANDARDS, platform.invoke, authentication, platform.ids, settings.public_url)
    soap.mount(app, platform.capabilities, platform.invoke, authentication, platform.clock, settings.public_url)
    openapi.mount(app, platform.capabilities, version=VERSION, server=settings.public_url)
    mcp.mount(
        app, platform.capabilities, platform.invoke, authentication, parts.get(Partners), platform.clock,
        version=VERSION, public_url=settings.public_url,
    )  # fmt: skip
    methods = openrpc.encoded(tuple(platform.capabilities.values()), VERSION, settings.public_url)
    openrpc.mount(app, methods)
    websocket.mount(app, platform, authentication, methods)
    oauth_metadata.mount(app, parts)
    oauth_token.mount(app, parts, platform.invoke, authentication, platform.hot, platform.clock, platform.ids)
    oauth_authorize.mount(app, platform, page, language)
    oauth_grants.mount(app, platform, page, language)
    health.mount(app, platform, VERSION)
    order_files.mount(app, platform, authentication)
    if callbacks is not None:
        wechat.mount(app, callbacks)
    portal.mount(app, settings)
    order_page.mount(app, settings, platform.invoke, platform.order_links, platform.catalog, platform.hot)
    portal.mount_docs(app, settings)
    portal.mount_partners(app)
    portal.mount_start(app, settings, links)
    return app


@contextlib.asynccontextmanager
async def running(
    settings: Settings, *, work: bool = True, shared: bool = False, links: Sequence[Link] = ()
) -> AsyncIterator[tuple[str, Platform]]:
    """The whole gateway, serving: gives its base URL and the platform behind it."""
    async with open_platform(settings) as (platform, callbacks):
        await platform.start(work=work)
        async with serving(
            create_app(platform, callbacks, links), listen(settings.host, settings.port, shared=shared)
        ) as url:
            yield url, platform


def _boss(settings: Settings, session: aiohttp.ClientSession) -> Boss:
    group = settings.boss
    if group is None:
        _log.warning("no boss configured: orders are carried out by a fake in memory")
        return FakeBoss()
    return BossClient(session, group.base_url, group.api_key.get_secret_value(), timeout=group.timeout)


def _sms(settings: Settings, session: aiohttp.ClientSession) -> Sms:
    group = settings.sms
    if group is None:
        _log.warning("no sms configured: messages go to a fake in memory")
        return FakeSms()
    return SmsClient(session, group.base_url, group.api_key.get_secret_value(), timeout=group.timeout)


def _numbers(settings: Settings, session: aiohttp.ClientSession) -> NumberWatch | None:
    group = settings.camara
    if group is None:
        _log.warning("no camara configured: numbers that changed hands are not noticed")
        return None
    return CamaraClient(
        session, group.base_url, group.token_url, group.client_id, group.client_secret.get_secret_value(),
        number_recycling=group.number_recycling, sim_swap=group.sim_swap, timeout=group.timeout,
    )  # fmt: skip


def _wechat(settings: Settings, session: aiohttp.ClientSession, hot: HotState) -> WeChatClient | None:
    group = settings.wechat
    if group is None:
        _log.warning("no wechat configured: the bot is off")
        return None
    return WeChatClient(
        session, group.appid, group.secret.get_secret_value(), HotTokenStore(hot, group.appid), process_name(),
        base_url=group.api_base_url, timeout=group.timeout,
    )  # fmt: skip


async def _push_menu(api: WeChatClient, settings: Settings) -> None:
    try:
        await push_menu(api, load_menu(WECHAT_MENU, settings.public_url))
    except UpstreamError as error:  # the account keeps the menu it has
        _log.warning("the menu was not pushed", error=repr(error))


def process_name() -> str:
    """A name for this process among those of the installation, for leases."""
    return f"{os.uname().nodename}-{os.getpid()}-{secrets.token_hex(3)}"
