"""What both sides of a benchmark stand on: a server on one core that prints its port and serves until told to stop."""

from __future__ import annotations

import asyncio
import signal
from datetime import timedelta
from pathlib import Path

from pydantic import SecretStr

from adapters.boss.fake import FakeBoss
from adapters.sms.fake import FakeSms
from auth.principal import Principal
from auth.tokens import TokenIssuer
from bench.fill import PARTNER
from config.settings import Limits, QuotaSettings, Settings, WebSocketLimits, WeChatSettings
from gateway.capabilities.partners import CreatePartner
from gateway.invoke import Call
from gateway.platform import Outside, Platform
from gateway.server import listen, serving
from gateway.surfaces.rest import Server

_UNBOUNDED = QuotaSettings(
    partner_per_second=10**9, partner_per_day=10**12, account_per_minute=10**9, anonymous_per_minute=10**9
)


def new_platform(
    url: str, folder: Path, *, wechat: WeChatSettings | None = None, websocket: WebSocketLimits | None = None
) -> Platform:
    """The platform over a database, with outside systems in memory and quotas nobody reaches."""
    settings = Settings(
        data_dir=folder,
        database_url=SecretStr(url),
        wechat=wechat,
        limits=Limits(quotas=_UNBOUNDED, websocket=websocket or WebSocketLimits()),
    )
    return Platform(settings, Outside(FakeBoss(), FakeSms()))


async def partner_credentials(platform: Platform) -> tuple[str, str]:
    """The benchmark's partner: an access token, good for hours, and its secret."""
    operator = Principal("operator", "bench", frozenset({"*"}))
    scopes = ["orders:*", "recommendations:*"]
    made = await platform.invoke(
        Call("partners.create", operator, CreatePartner(id=PARTNER, name=PARTNER, scopes=scopes))
    )
    principal = Principal("partner", PARTNER, frozenset(scopes), partner_id=PARTNER)
    issuer = platform.parts.get(TokenIssuer)
    token = issuer.issue(principal, token_id=platform.ids(), now=platform.clock(), ttl=timedelta(hours=6))
    return token, made.client_secret


async def serve(app: Server) -> None:
    """Serve on a free port, print it, and stop at SIGTERM."""
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    listener = listen("127.0.0.1", 0)
    async with serving(app, listener):
        print(listener.getsockname()[1], flush=True)
        await stop.wait()
