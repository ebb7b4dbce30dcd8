"""The real gateway as processes of their own, against stand-ins served by the test."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import time
from collections import Counter
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from random import Random
from typing import Any

import aiohttp
from aiohttp import web

from adapters.boss import sandbox as boss_sandbox
from adapters.sandbox_http import Handler
from adapters.sms import sandbox as sms_sandbox
from adapters.wechat import sandbox as wechat_sandbox
from adapters.wechat.platform.account import Account
from gateway import migrations
from gateway.capabilities.partners import Credentials
from tests.faults.warm_starts import WarmStarts
from tests.fixtures.server_process import free_tcp_port
from tests.fixtures.world import OPERATOR, Clock, World
from tests.waiting import wait_for

BOSS_KEY, SMS_KEY = "boss-key", "sms-key"
GH_ID = "gh_faults"
SCOPES = ["offers:*", "recommendations:*", "orders:*", "subscriptions:*", "bindings:*", "consents:*"]
ORIGIN = "https://shop.test"
"""Where the pages of partners are."""
_AES_KEY = "kWxPEV2UEDyxWpmPdKC3F4dgPDmOvfKX1HGnEUDS1aR"
_MANY = "1000000"


class WallClock(Clock):
    """The time it is, which the processes under test go by."""

    def __call__(self) -> datetime:
        return datetime.now(UTC)


class Gateway:
    """One gateway process on a port of its own, started and killed any number of times."""

    def __init__(self, starts: WarmStarts, environment: dict[str, str], folder: Path) -> None:
        self.port = free_tcp_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.log = folder / f"gateway-{self.port}.log"
        self.start_seconds: list[float] = []
        self._starts = starts
        self._environment = environment
        self.pid = 0

    async def start(self) -> None:
        """Start it, and return when it answers."""
        begun = time.perf_counter()
        self.pid = self._starts.start({**self._environment, "TUILA_PORT": str(self.port)}, self.log)
        await wait_for(self._answers, timeout=60, message=f"the gateway on port {self.port} answers")
        self.start_seconds.append(time.perf_counter() - begun)

    async def kill(self) -> None:
        """SIGKILL it, and return when it is gone."""
        os.kill(self.pid, signal.SIGKILL)
        await wait_for(lambda: not self.is_alive, timeout=20, message="the killed gateway is gone")
        self.pid = 0

    @property
    def is_alive(self) -> bool:
        """Whether its process runs."""
        if self.pid == 0:
            return False
        try:
            os.kill(self.pid, 0)
        except ProcessLookupError:
            return False
        return True

    async def _answers(self) -> bool:
        if not self.is_alive:
            raise AssertionError(f"the gateway ended by itself:\n{self.log.read_text(errors='replace')[-4000:]}")
        try:
            async with aiohttp.ClientSession() as session, session.get(f"{self.url}/health/live") as response:
                return response.status == 200
        except aiohttp.ClientError:
            return False


class Stage:
    """An installation with its stand-ins: where faults are played."""

    def __init__(self, url: str, folder: Path, starts: WarmStarts, redis_url: str | None = None) -> None:
        self.database_url = url
        self.folder = folder
        self.boss_url = self.sms_url = self.wechat_url = ""
        self.account = Account(
            appid="wxfaults00000001", secret="wechat-secret", gh_id=GH_ID, token="callback-token",
            encoding_aes_key=_AES_KEY, callback_url="http://127.0.0.1:9/wechat/callback",
        )  # fmt: skip
        self.world = World(url, folder, redis_url=redis_url, clock=WallClock())
        self.http = aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=20))
        self._starts = starts
        self.retry_after = 0.0
        self.asked: Counter[str] = Counter()
        """Requests to the chat platform, by path."""
        self._redis_url = redis_url
        self._exits = contextlib.AsyncExitStack()
        self._gateways: list[Gateway] = []

    async def open(self, *, people: int, retry_after: float, seed: int = 0) -> None:
        """Make the schema and the catalog, and serve the stand-ins; the chat's people follow the account."""
        self.retry_after = retry_after
        await self.world.platform.store.write(migrations.upgrade)
        await self.world.open()
        openids = [(openid_of(number), f"人{number}") for number in range(1, people + 1)]
        self.boss_url = await self._serve(
            boss_sandbox.make_app(self.folder / "ledger.sqlite3", BOSS_KEY, rng=Random(seed))
        )
        self.sms_url = await self._serve(sms_sandbox.make_app(SMS_KEY))
        wechat = wechat_sandbox.make_app(self.account, retry_after=retry_after, people=openids, rng=Random(seed))
        wechat.middlewares.append(self._count)
        self.wechat_url = await self._serve(wechat)

    def gateway(self, **environment: str) -> Gateway:
        """A gateway of this installation, not started yet. The account's callbacks go to the one made last."""
        gateway = Gateway(self._starts, {**self._environment(), **environment}, self.folder)
        self._gateways.append(gateway)
        return gateway

    async def point_callbacks(self, gateway: Gateway) -> None:
        """Have the platform deliver what people do to this gateway, and everybody follow the account."""
        await self.put(f"{self.wechat_url}/control/account", callback_url=f"{gateway.url}/wechat/callback")
        known = (await self.get(f"{self.wechat_url}/people"))["people"]
        await asyncio.gather(
            *(self.post(f"{self.wechat_url}/control/event", openid=one["openid"], event="subscribe") for one in known)
        )

    async def subscribers(self, count: int, partner: str | None = None) -> list[int]:
        """New subscribers bound to the first people of the chat, and to the partner's users `user-1` …, where given."""
        numbers = []
        for person in range(1, count + 1):
            number = await self.world.subscriber(f"wechat:{GH_ID}:{openid_of(person)}")
            if partner is not None:
                await self.world.bind(f"partner:{partner}:user-{person}", number)
            numbers.append(number)
        return numbers

    async def partner(self, id: str, *more_scopes: str) -> Credentials:
        """A new partner with every scope a partner needs, and more where told."""
        scopes = [*SCOPES, *more_scopes]
        made: Credentials = await self.world.call(
            OPERATOR, "partners.create", id=id, name=id, scopes=scopes, origins=[ORIGIN]
        )
        return made

    async def boss_faults(self, **faults: Any) -> None:
        """Set the back end's fault switches; none: all is well."""
        await self.put(f"{self.boss_url}/faults", **faults)

    async def say(self, person: int, text: str) -> dict[str, Any]:
        """A person says something; what became of its delivery."""
        url = f"{self.wechat_url}/control/send"
        said: dict[str, Any] = await self.post(url, openid=openid_of(person), text=text)
        return said

    async def bubbles(self, person: int) -> list[dict[str, Any]]:
        """What the person's phone shows."""
        shown: list[dict[str, Any]] = (await self.get(f"{self.wechat_url}/chats/{openid_of(person)}"))["bubbles"]
        return shown

    async def ledger(self, table: str) -> list[dict[str, Any]]:
        """Every row of a table of the back end's own ledger, oldest first."""
        rows: list[dict[str, Any]] = []
        after: int | None = 0
        while after is not None:
            page = await self.get(f"{self.boss_url}/ledger?table={table}&after={after}&limit=1000")
            rows += page["items"]
            after = page["next_after"]
        return rows

    async def get(self, url: str) -> Any:
        """The JSON at a stand-in's address."""
        async with self.http.get(url) as response:
            assert response.status == 200, await response.text()
            return await response.json()

    async def post(self, url: str, **fields: Any) -> Any:
        """Post JSON to a stand-in."""
        async with self.http.post(url, json=fields) as response:
            assert response.status < 300, await response.text()
            return await response.json()

    async def put(self, url: str, **fields: Any) -> Any:
        """Put JSON to a stand-in."""
        async with self.http.put(url, json=fields) as response:
            assert response.status == 200, await response.text()
            return await response.json()

    async def close(self) -> None:
        """Kill the gateways and let the stand-ins go."""
        for gateway in self._gateways:
            if gateway.is_alive:
                await gateway.kill()
        await self.http.close()
        await self.world.close()
        await self._exits.aclose()

    async def _serve(self, app: web.Application) -> str:
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=1)
        await runner.setup()
        self._exits.push_async_callback(runner.cleanup)
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        return f"http://127.0.0.1:{runner.addresses[0][1]}"

    @web.middleware
    async def _count(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        self.asked[request.path] += 1
        return await handler(request)

    def _environment(self) -> dict[str, str]:
        redis = {} if self._redis_url is None else {"TUILA_REDIS_URL": self._redis_url}
        return {
            **redis,
            "TUILA_DATA_DIR": str(self.folder),
            "TUILA_DATABASE_URL": self.database_url,
            "TUILA_PUBLIC_URL": "http://gateway.test",
            "TUILA_BOSS__BASE_URL": self.boss_url,
            "TUILA_BOSS__API_KEY": BOSS_KEY,
            "TUILA_BOSS__TIMEOUT": "0.6",
            "TUILA_SMS__BASE_URL": self.sms_url,
            "TUILA_SMS__API_KEY": SMS_KEY,
            "TUILA_WECHAT__GH_ID": self.account.gh_id,
            "TUILA_WECHAT__APPID": self.account.appid,
            "TUILA_WECHAT__SECRET": self.account.secret,
            "TUILA_WECHAT__TOKEN": self.account.token,
            "TUILA_WECHAT__ENCODING_AES_KEY": _AES_KEY,
            "TUILA_WECHAT__API_BASE_URL": self.wechat_url,
            "TUILA_LIMITS__QUOTAS__PARTNER_PER_SECOND": _MANY,
            "TUILA_LIMITS__QUOTAS__PARTNER_PER_DAY": _MANY,
            "TUILA_LIMITS__QUOTAS__ACCOUNT_PER_MINUTE": _MANY,
            "TUILA_LIMITS__QUOTAS__ANONYMOUS_PER_MINUTE": _MANY,
            "TUILA_DEADLINE": str(self.retry_after * 0.75),
            "TUILA_WEBHOOKS__ALLOWED_NETWORKS": '["127.0.0.0/8"]',
            "TUILA_WEBHOOKS__TIMEOUT": "0.5",
            "TUILA_WEBHOOKS__LEASE": "2",
            "TUILA_WEBHOOKS__WAITS": f"[{', '.join(['0.1'] * 100)}]",
            "TUILA_WORKER__LEASE": "2",  # longer than the longest question to the back end
            "TUILA_WORKER__RETRY_FIRST": "0.2",
            "TUILA_WORKER__RETRY_LONGEST": "1",
            "TUILA_WORKER__ATTEMPTS": _MANY,
        }


def openid_of(person: int) -> str:
    """The openid of a person of the chat, counted from 1."""
    return f"oFaultsPerson{person:015d}"


@contextlib.asynccontextmanager
async def staged(
    url: str, folder: Path, starts: WarmStarts, *, people: int, retry_after: float = 0.8, redis_url: str | None = None,
    seed: int = 0,
) -> AsyncIterator[Stage]:  # fmt: skip
    """A stage that is torn down afterwards."""
    stage = Stage(url, folder, starts, redis_url)
    try:
        await stage.open(people=people, retry_after=retry_after, seed=seed)
        yield stage
    finally:
        await stage.close()
