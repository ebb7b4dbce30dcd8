"""Delivering what people do to the account's callback address, as the platform does it: signed, encrypted, retried."""

import secrets
from collections import deque
from collections.abc import Awaitable, Callable, Iterator
from datetime import datetime
from typing import Literal

import aiohttp
import msgspec

from adapters.wechat.platform.account import Account
from adapters.wechat.platform.bubbles import Chats
from adapters.wechat.platform.replies import Asked, Reply, cipher, read_reply, signature

TRIES = 3
FAULT_NOTICE = "该公众号提供的服务出现故障，请稍后再试"
Fields = dict[str, str | int]


class Attempt(msgspec.Struct, frozen=True):
    """One try: HTTP status, or the failure in words; `seconds` until either."""

    at: datetime
    nonce: str
    seconds: float
    status: int | None
    failure: str | None


class Delivery(msgspec.Struct):
    """One message or event on its way, and what became of it."""

    id: int
    openid: str
    kind: str
    message: str
    """The plain XML."""
    attempts: list[Attempt] = []
    outcome: Literal["pending", "replied", "silent", "failed"] = "pending"
    reply_kind: str | None = None
    reply: str | None = None
    """The reply's plain XML."""
    violations: list[str] = []


class Violation(msgspec.Struct, frozen=True):
    """A rule of the protocol that a reply broke."""

    delivery: int
    openid: str
    at: datetime
    rule: str


def message_xml(fields: Fields) -> str:
    """The XML of a message: text in CDATA, numbers bare."""
    parts = [f"<{name}>{_value(value)}</{name}>" for name, value in fields.items()]
    return f"<xml>{''.join(parts)}</xml>"


def _value(value: str | int) -> str:
    if isinstance(value, int):
        return str(value)
    return f"<![CDATA[{value.replace(']]>', ']]]]><![CDATA[>')}]]>"


class Callbacks:
    """Posts to the callback address: waits `retry_after` seconds, drops the connection, and tries three times in all."""

    def __init__(
        self,
        account: Account,
        chats: Chats,
        *,
        clock: Callable[[], datetime],
        sleep: Callable[[float], Awaitable[None]],
        retry_after: float,
        nonces: Iterator[str],
    ) -> None:
        self.account = account
        self.deliveries: deque[Delivery] = deque(maxlen=1000)
        self.violations: deque[Violation] = deque(maxlen=1000)
        self._chats = chats
        self._clock = clock
        self._sleep = sleep
        self._retry_after = retry_after
        self._nonces = nonces
        self._count = 0
        self._session: aiohttp.ClientSession | None = None

    async def deliver(self, openid: str, fields: Fields, *, seen: bool) -> Delivery:
        """Deliver one; `seen`: the person sees the answer, or a notice that there is none."""
        account = self.account
        self._count += 1
        kind = str(fields.get("Event") or fields["MsgType"])
        delivery = Delivery(self._count, openid, kind, message_xml(fields))
        self.deliveries.append(delivery)
        asked = Asked(openid, fields["MsgType"] != "event", account.mode != "plain")
        for last in (False, False, True):
            body = await self._try(delivery, fields, account)
            if body is not None:
                await self._show(delivery, read_reply(body, account, asked), seen)
                return delivery
            if not last:
                await self._sleep(max(0.0, self._retry_after - delivery.attempts[-1].seconds))
        delivery.outcome = "failed"
        if seen:
            await self._tell_fault(openid)
        return delivery

    async def verify(self) -> bool:
        """Ask the callback address to prove itself, as saving it in the back office does."""
        timestamp, nonce, echo = self._seconds(), next(self._nonces), secrets.token_hex(8)
        query = {
            "signature": signature(self.account.token, timestamp, nonce),
            "timestamp": timestamp,
            "nonce": nonce,
            "echostr": echo,
        }
        try:
            async with self._http().get(self.account.callback_url, params=query, timeout=self._limit()) as response:
                return response.status == 200 and (await response.text()).strip() == echo
        except (TimeoutError, aiohttp.ClientError):
            return False

    async def close(self) -> None:
        """Close the connections."""
        if self._session is not None:
            await self._session.close()

    async def _try(self, delivery: Delivery, fields: Fields, account: Account) -> bytes | None:
        """One try; the reply's bytes, or None if it failed."""
        at, nonce = self._clock(), next(self._nonces)
        query, body = self._sealed(delivery.message, fields, account, nonce)
        status, failure, reply = None, None, None
        try:
            async with self._http().post(
                account.callback_url,
                params=query,
                data=body,
                headers={"Content-Type": "text/xml"},
                timeout=self._limit(),
                allow_redirects=False,
            ) as response:
                status = response.status
                reply = await response.read()
        except (TimeoutError, aiohttp.ClientError) as exc:
            failure = type(exc).__name__
        seconds = (self._clock() - at).total_seconds()
        delivery.attempts = [*delivery.attempts, Attempt(at, nonce, seconds, status, failure)]
        return reply if status == 200 and failure is None else None

    def _sealed(self, plain: str, fields: Fields, account: Account, nonce: str) -> tuple[dict[str, str], bytes]:
        timestamp = self._seconds()
        query = {
            "signature": signature(account.token, timestamp, nonce),
            "timestamp": timestamp,
            "nonce": nonce,
            "openid": str(fields["FromUserName"]),
        }
        if account.mode == "plain":
            return query, plain.encode()
        sealed = cipher(account).encrypt(plain, account.appid).decode()
        query |= {"encrypt_type": "aes", "msg_signature": signature(account.token, timestamp, nonce, sealed)}
        outer: Fields = dict(fields) if account.mode == "compatible" else {"ToUserName": account.gh_id}
        return query, message_xml({**outer, "Encrypt": sealed}).encode()

    async def _show(self, delivery: Delivery, reply: Reply, seen: bool) -> None:
        delivery.reply_kind, delivery.reply, delivery.violations = reply.kind, reply.plain, reply.violations
        now = self._clock()
        self.violations.extend(Violation(delivery.id, delivery.openid, now, rule) for rule in reply.violations)
        if reply.kind == "broken":
            delivery.outcome = "failed"
            if seen:
                await self._tell_fault(delivery.openid)
        elif reply.kind == "silent":
            delivery.outcome = "silent"
        else:
            delivery.outcome = "replied"
            if seen:
                await self._chats.add(delivery.openid, "account", reply.kind, reply.content)

    async def _tell_fault(self, openid: str) -> None:
        words = {"zh": FAULT_NOTICE, "en": "The account's service is out of order; please try again later"}
        await self._chats.add(openid, "system", "notice", words)

    def _seconds(self) -> str:
        return str(int(self._clock().timestamp()))

    def _limit(self) -> aiohttp.ClientTimeout:
        return aiohttp.ClientTimeout(total=self._retry_after)

    def _http(self) -> aiohttp.ClientSession:
        if self._session is None:
            self._session = aiohttp.ClientSession()
        return self._session
