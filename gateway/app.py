"""The composition root: the platform, the outside systems as settings name them, every surface on one server."""

from __future__ import annotations

import contextlib
import os
import secrets
from collections.abc import AsyncIterator

import aiohttp
import structlog

from adapters.boss.client import BossClient
from adapters.boss.fake import FakeBoss
from adapters.boss.protocol import Boss
from adapters.sms.client import SmsClient
from adapters.sms.fake import FakeSms
from adapters.sms.protocol import Sms
from auth.tokens import TokenVerifier
from config.settings import Settings
from gateway.authentication import Authentication
from gateway.capabilities.partners import Partners
from gateway.messages import Channel
from gateway.platform import Outside, Platform
from gateway.server import listen, new_server, serving
from gateway.store.hot import HotState, open_hot_state
from gateway.surfaces import health, oauth, openapi, rest
from gateway.surfaces.rest import Server
from widgets import portal

VERSION = "0.1.0"

_log = structlog.get_logger("app")


@contextlib.asynccontextmanager
async def open_platform(settings: Settings) -> AsyncIterator[Platform]:
    """The platform with the outside systems that the settings name; closed when the context ends."""
    async with aiohttp.ClientSession() as session:
        redis = settings.redis_url
        hot = open_hot_state(None if redis is None else redis.get_secret_value())
        outside = _outside(settings, session, hot)
        platform = Platform(settings, outside, hot=hot)
        try:
            yield platform
        finally:
            await platform.close()


def create_app(platform: Platform) -> Server:
    """One Sanic application with every surface, bot and page of the platform."""
    settings, parts = platform.settings, platform.parts
    app = new_server(f"tuila-{secrets.token_hex(6)}", body_bytes=settings.limits.body_bytes)
    authentication = Authentication(parts.get(TokenVerifier), parts.get(Partners), platform.hot, platform.clock)
    rest.mount(app, platform.capabilities, platform.invoke, authentication)
    openapi.mount(app, platform.capabilities, version=VERSION, server=settings.public_url)
    oauth.mount(app, parts, platform.hot, platform.clock, platform.ids)
    health.mount(app, platform, VERSION)
    portal.mount(app, settings)
    portal.mount_docs(app, settings)
    return app


@contextlib.asynccontextmanager
async def running(
    settings: Settings, *, work: bool = True, shared: bool = False
) -> AsyncIterator[tuple[str, Platform]]:
    """The whole gateway, serving: gives its base URL and the platform behind it."""
    async with open_platform(settings) as platform:
        await platform.start(work=work)
        async with serving(create_app(platform), listen(settings.host, settings.port, shared=shared)) as url:
            yield url, platform


def _outside(settings: Settings, session: aiohttp.ClientSession, hot: HotState) -> Outside:
    channels: dict[str, Channel] = {}
    return Outside(_boss(settings, session), _sms(settings, session), channels)


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


def process_name() -> str:
    """A name for this process among those of the installation, for leases."""
    return f"{os.uname().nodename}-{os.getpid()}-{secrets.token_hex(3)}"
