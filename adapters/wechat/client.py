"""The real platform over HTTP."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from random import Random, SystemRandom
from typing import Any

import aiohttp
import msgspec

from adapters.backoff import Backoff
from adapters.errors import OutcomeUnknown, UpstreamUnavailable
from adapters.http_failures import limits, told_apart
from adapters.wechat.errors import TokenRefused, refusal
from adapters.wechat.protocol import Article, Button, Choice, Follower, QrCode
from adapters.wechat.token import AccessTokenKeeper, Fetched, TokenStore

_BUSY = {-1}
Answer = dict[str, Any]


class WeChatClient:
    """`WeChatApi` over HTTP.

    A busy answer (errcode -1, HTTP 5xx) is repeated with backoff. A call whose answer got lost is repeated only where
    that has no second effect. A refused token is renewed once and the call repeated once.
    """

    def __init__(
        self,
        session: aiohttp.ClientSession,
        appid: str,
        secret: str,
        store: TokenStore,
        owner: str,
        *,
        base_url: str = "https://api.weixin.qq.com",
        timeout: timedelta = timedelta(seconds=5),
        backoff: Backoff = Backoff(),  # noqa: B008 - frozen
        rng: Random | None = None,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._session = session
        self._appid = appid
        self._secret = secret
        self._base_url = base_url.rstrip("/")
        self._timeout = limits(timeout.total_seconds())
        self._backoff = backoff
        self._rng = rng or SystemRandom()
        self._sleep = sleep
        self.keeper = AccessTokenKeeper(store, self._fetch_token, owner, clock=clock, sleep=sleep)

    async def send_text(self, openid: str, text: str) -> None:
        await self._send(openid, "text", {"content": text})

    async def send_news(self, openid: str, articles: Sequence[Article]) -> None:
        cards = [
            {"title": card.title, "description": card.description, "url": card.url, "picurl": card.picture_url}
            for card in articles
        ]
        await self._send(openid, "news", {"articles": cards})

    async def send_menu(self, openid: str, head: str, items: Sequence[Choice], tail: str) -> None:
        await self._send(openid, "msgmenu", {"head_content": head, "list": list(items), "tail_content": tail})

    async def send_template(
        self,
        openid: str,
        template_id: str,
        values: Mapping[str, str],
        *,
        url: str | None = None,
        client_msg_id: str | None = None,
    ) -> int:
        message: dict[str, Any] = {
            "touser": openid,
            "template_id": template_id,
            "data": {key: {"value": value} for key, value in values.items()},
        }
        if url is not None:
            message["url"] = url
        if client_msg_id is not None:
            message["client_msg_id"] = client_msg_id
        sent = await self._call("/cgi-bin/message/template/send", message, repeatable=client_msg_id is not None)
        return int(sent["msgid"])

    async def create_qrcode(self, scene: str, expire_seconds: int) -> QrCode:
        made = await self._call(
            "/cgi-bin/qrcode/create",
            {
                "expire_seconds": expire_seconds,
                "action_name": "QR_STR_SCENE",
                "action_info": {"scene": {"scene_str": scene}},
            },
        )
        return QrCode(made["ticket"], made["url"])

    async def create_menu(self, buttons: Sequence[Button]) -> None:
        await self._call("/cgi-bin/menu/create", {"button": [_button(button) for button in buttons]})

    async def user_info(self, openid: str) -> Follower:
        told = await self._call("/cgi-bin/user/info", None, {"openid": openid, "lang": "zh_CN"})
        followed_at = told.get("subscribe_time")
        return Follower(
            openid=told["openid"],
            is_following=told["subscribe"] == 1,
            followed_at=datetime.fromtimestamp(followed_at, UTC) if followed_at else None,
            language=told.get("language") or None,
            unionid=(told.get("unionid") or "").strip() or None,
            scene=told.get("qr_scene_str") or None,
        )

    async def _send(self, openid: str, msgtype: str, content: Mapping[str, Any]) -> None:
        await self._call(
            "/cgi-bin/message/custom/send",
            {"touser": openid, "msgtype": msgtype, msgtype: content},
            repeatable=False,
        )

    async def _call(
        self,
        path: str,
        body: Mapping[str, Any] | None,
        query: Mapping[str, str] | None = None,
        *,
        repeatable: bool = True,
    ) -> Answer:
        """One API call, with body a POST, under the kept token."""
        token = await self.keeper.token()
        try:
            return await self._patiently(path, body, {**(query or {}), "access_token": token.value}, repeatable)
        except TokenRefused:
            token = await self.keeper.renew(token)
            return await self._patiently(path, body, {**(query or {}), "access_token": token.value}, repeatable)

    async def _fetch_token(self, force: bool) -> Fetched:
        body = {
            "grant_type": "client_credential",
            "appid": self._appid,
            "secret": self._secret,
            "force_refresh": force,
        }
        try:
            fetched = await self._patiently("/cgi-bin/stable_token", body, {}, repeatable=not force)
        except OutcomeUnknown as exc:  # of the token; the call it is for has not been made
            raise UpstreamUnavailable("WeChat gave no access token") from exc
        return Fetched(fetched["access_token"], timedelta(seconds=fetched["expires_in"]))

    async def _patiently(
        self, path: str, body: Mapping[str, Any] | None, query: Mapping[str, str], repeatable: bool
    ) -> Answer:
        waits = self._backoff.waits(self._rng)
        while True:
            try:
                return await self._exchange(path, body, query)
            except UpstreamUnavailable:
                wait = next(waits, None)
                if wait is None:
                    raise
            except OutcomeUnknown as exc:
                if not repeatable:
                    raise
                wait = next(waits, None)
                if wait is None:
                    raise UpstreamUnavailable("WeChat did not answer") from exc
            await self._sleep(wait)

    async def _exchange(self, path: str, body: Mapping[str, Any] | None, query: Mapping[str, str]) -> Answer:
        with told_apart("WeChat"):
            async with self._session.request(
                "GET" if body is None else "POST",
                self._base_url + path,
                params=query,
                # The platform wants UTF-8 as it is: escaped text would reach people escaped.
                data=None if body is None else msgspec.json.encode(body),
                headers={"Content-Type": "application/json; charset=utf-8"},
                timeout=self._timeout,
                allow_redirects=False,
            ) as response:
                status, said = response.status, await response.read()
        if status >= 500:
            raise UpstreamUnavailable(f"WeChat is busy (HTTP {status})")
        try:
            answer = msgspec.json.decode(said, type=Answer)
            errcode, errmsg = int(answer.get("errcode", 0)), str(answer.get("errmsg", ""))
        except (msgspec.DecodeError, ValueError) as exc:
            raise OutcomeUnknown(f"WeChat's answer cannot be read (HTTP {status})") from exc
        if errcode in _BUSY:
            raise UpstreamUnavailable(f"WeChat is busy ({errcode})")
        if errcode:
            raise refusal(errcode, errmsg)
        return answer


def _button(button: Button) -> dict[str, Any]:
    if button.below:
        return {"name": button.name, "sub_button": [_button(below) for below in button.below]}
    if button.url is not None:
        return {"type": "view", "name": button.name, "url": button.url}
    return {"type": "click", "name": button.name, "key": button.key}
