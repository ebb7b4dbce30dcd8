"""A WeChat platform on its own clock, and an account's server that records what is posted to it."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from itertools import count
from random import Random
from typing import Any
from xml.etree import ElementTree as ET

import aiohttp
import msgspec
from aiohttp import web
from aiohttp.test_utils import TestServer
from wechatpy.crypto import WeChatCrypto
from wechatpy.utils import check_signature

from adapters.wechat.client import WeChatClient
from adapters.wechat.platform.account import Account
from adapters.wechat.sandbox import make_app
from adapters.wechat.token import LocalTokenStore, TokenStore

ACCOUNT = Account(
    appid="wxtest0000000001",
    secret="a-secret",
    gh_id="gh_test",
    token="a-token",
    encoding_aes_key="kWxPEV2UEDyxWpmPdKC3F4dgPDmOvfKX1HGnEUDS1aR",
    callback_url="",
)
PERSON = "oPerson"


class Clock:
    """Time that passes only by `advance` or by sleeping."""

    def __init__(self) -> None:
        self.now = datetime(2026, 3, 2, 4, 0, tzinfo=UTC)
        self.slept: list[float] = []

    def __call__(self) -> datetime:
        return self.now

    def advance(self, **parts: float) -> None:
        self.now += timedelta(**parts)

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.advance(seconds=seconds)
        await asyncio.sleep(0)


class Posted(msgspec.Struct):
    """One callback as the account's server got it."""

    query: dict[str, str]
    outer: dict[str, str]
    message: dict[str, str]


Answer = Callable[[Posted], Awaitable[web.StreamResponse]]


class AccountServer:
    """Stands for the gateway: checks signatures and opens messages with wechatpy, answers as told."""

    def __init__(self, account: Account) -> None:
        self.account = account
        self.crypto = WeChatCrypto(account.token, account.encoding_aes_key, account.appid)
        self.posted: list[Posted] = []
        self.answer: Answer = self.say_nothing

    async def say_nothing(self, posted: Posted) -> web.StreamResponse:
        return web.Response(text="success")

    def app(self) -> web.Application:
        app = web.Application()
        app.router.add_post("/wechat", self.post)
        app.router.add_get("/wechat", self.verify)
        return app

    async def verify(self, request: web.Request) -> web.StreamResponse:
        query = request.query
        check_signature(self.account.token, query["signature"], query["timestamp"], query["nonce"])
        return web.Response(text=query["echostr"])

    async def post(self, request: web.Request) -> web.StreamResponse:
        query, body = dict(request.query), await request.text()
        check_signature(self.account.token, query["signature"], query["timestamp"], query["nonce"])
        outer = fields(body)
        plain = body
        if query.get("encrypt_type") == "aes":
            plain = self.crypto.decrypt_message(body, query["msg_signature"], query["timestamp"], query["nonce"])
        self.posted.append(Posted(query, outer, fields(plain)))
        return await self.answer(self.posted[-1])

    def reply(self, posted: Posted, content: str = "", **changed: str) -> web.Response:
        """A text reply, sealed if the message was; `changed` replaces fields, `body` the whole XML."""
        message = posted.message
        xml = changed.pop("body", "") or element(
            {
                "ToUserName": message["FromUserName"],
                "FromUserName": message["ToUserName"],
                "CreateTime": "1700000000",
                "MsgType": "text",
                "Content": content,
            }
            | changed
        )
        if posted.query.get("encrypt_type") == "aes":
            xml = self.crypto.encrypt_message(xml, "nonce", "1700000000")
        return web.Response(text=xml, content_type="text/xml")


def fields(body: str) -> dict[str, str]:
    return {child.tag: child.text or "" for child in ET.fromstring(body)}


def element(values: dict[str, str]) -> str:
    root = ET.Element("xml")
    for name, value in values.items():
        ET.SubElement(root, name).text = value
    return ET.tostring(root, encoding="unicode")


class Platform:
    """The running stand-in with everything a test wants to reach."""

    def __init__(self, session: aiohttp.ClientSession, url: str, clock: Clock, server: AccountServer) -> None:
        self.session, self.url, self.clock, self.server = session, url, clock, server

    def client(self, store: TokenStore | None = None, owner: str = "p1", **options: Any) -> WeChatClient:
        settings: dict[str, Any] = {"rng": Random(1), "clock": self.clock, "sleep": self.clock.sleep} | options
        return WeChatClient(
            self.session,
            ACCOUNT.appid,
            ACCOUNT.secret,
            store or LocalTokenStore(self.clock),
            owner,
            base_url=self.url,
            **settings,
        )

    async def call(self, method: str, path: str, body: Any = None, **query: str) -> Any:
        async with self.session.request(method, self.url + path, json=body, params=query) as response:
            return await response.json(content_type=None)

    async def say(self, text: str, openid: str = PERSON, **more: str) -> dict[str, Any]:
        return dict(await self.call("POST", "/control/send", {"openid": openid, "text": text, **more}))

    async def do(self, event: str, openid: str = PERSON, **more: str) -> dict[str, Any]:
        return dict(await self.call("POST", "/control/event", {"openid": openid, "event": event, **more}))

    async def bubbles(self, openid: str = PERSON) -> list[dict[str, Any]]:
        return list((await self.call("GET", f"/chats/{openid}"))["bubbles"])

    async def fail(self, **faults: Any) -> None:
        assert "code" not in await self.call("PUT", "/faults", faults)

    async def violations(self) -> list[str]:
        return [one["rule"] for one in (await self.call("GET", "/violations"))["violations"]]


@asynccontextmanager
async def platform(mode: str = "encrypted", retry_after: float = 5.0) -> AsyncIterator[Platform]:
    account = msgspec.structs.replace(ACCOUNT, mode=mode)
    clock, server, numbers = Clock(), AccountServer(account), count(1)
    async with TestServer(server.app()) as gateway, aiohttp.ClientSession() as session:
        account = msgspec.structs.replace(account, callback_url=str(gateway.make_url("/wechat")))
        app = make_app(
            account,
            clock=clock,
            sleep=clock.sleep,
            rng=Random(1),
            new_text=lambda length: f"{next(numbers):0{length}d}",
            retry_after=retry_after,
            people=[(PERSON, "小林"), ("oOther", "小周")],
        )
        async with TestServer(app) as sandbox:
            yield Platform(session, str(sandbox.make_url("")).rstrip("/"), clock, server)
