"""The callback of one WeChat official account: what is posted there is checked, answered once, and answered in time.

Source: https://developers.weixin.qq.com/doc/offiaccount/Basic_Information/Access_Overview.html
"""

from __future__ import annotations

import asyncio
import base64
import os
from collections.abc import Callable
from datetime import timedelta
from typing import Any, Literal
from urllib.parse import unquote_plus

import structlog
from sanic import Request, Sanic
from sanic.response import HTTPResponse

from bots import words
from bots.bot import Bot
from bots.claims import Claims
from bots.conversation import Incoming, Reply
from bots.late import LateAnswers
from bots.wechat.codec import Codec
from bots.wechat.incoming import incoming_of
from bots.wechat.links import as_text
from bots.wechat.messages import Callback, parse_callback
from bots.wechat.refusal import CallbackRefused, Reason
from bots.wechat.replies import render_text
from bots.wechat.xml import MAX_BODY_BYTES
from config.settings import WeChatSettings
from gateway.kit.clock import Clock
from gateway.store import StoreUnavailable
from gateway.store.hot import HotState

PATH = "/wechat/callback"

_ANSWER_KEPT = 660.0
"""Seconds during which a repeated delivery gets the same content."""
_RETRIES_END = 60
"""Seconds after which the platform sends no delivery again; the very same request after that is a replay."""
_POLL_SECONDS = 0.03
_LATE = b"~"
_ANSWER = b"="
_SUCCESS = b"success"
_TEXT = "text/plain; charset=utf-8"
_XML = "application/xml; charset=utf-8"
_QUIET = {"too_large": (413, b"too large")} | dict.fromkeys(
    ("empty", "doctype", "malformed", "missing_field", "bad_field"), (400, b"bad request")
)
_FORBIDDEN = (403, b"forbidden")

_log = structlog.get_logger("wechat")

Refusal = Reason | Literal["missing_query", "not_encrypted", "not_ours", "replayed", "stale"]


class Refused(Exception):
    """A request that is not, or not any more, the platform's."""

    def __init__(self, reason: Refusal) -> None:
        super().__init__(reason)
        self.reason = reason


class WeChatCallbacks:
    """Receives the callbacks of one account."""

    def __init__(
        self,
        account: WeChatSettings,
        bot: Bot,
        late: LateAnswers,
        claims: Claims,
        hot: HotState,
        clock: Clock,
        *,
        deadline: timedelta,
        locale: str = "zh-CN",
        window: timedelta = timedelta(minutes=5),
        random_bytes: Callable[[int], bytes] = os.urandom,
    ) -> None:
        """`deadline` is the time to answer in; `window` how far a request's timestamp may be from now."""
        self._gh_id = account.gh_id
        self._needs_encryption = account.mode != "plain"
        self._codec = _codec(account, random_bytes)
        self._bot = bot
        self._late = late
        self._claims = claims
        self._hot = hot
        self._clock = clock
        self._deadline = deadline.total_seconds()
        self._locale = locale
        self._window = int(window.total_seconds())
        self._random_bytes = random_bytes
        self._working: set[asyncio.Task[Any]] = set()

    def verify(self, query: str) -> bytes:
        """The echo with which the platform checks this address.

        Raises:
            Refused, CallbackRefused: it was not the platform that asked.
        """
        arguments = _arguments(query)
        self._check_signature(arguments)
        return arguments.get("echostr", "").encode()

    async def receive(self, query: str, body: bytes) -> bytes | None:
        """The response body for one callback, encrypted if the callback was; None: received, nothing to say.

        Raises:
            Refused, CallbackRefused: nothing in it may be acted on.
        """
        end = asyncio.get_running_loop().time() + self._deadline
        arguments = _arguments(query)
        timestamp = self._check_signature(arguments)
        callback, was_encrypted = self._open(arguments, body)
        if callback.to_user != self._gh_id:
            raise Refused("not_ours")
        await self._refuse_replay(arguments["timestamp"], arguments["nonce"], timestamp, callback)
        incoming = incoming_of(callback, self._clock(), self._locale)
        if incoming is None:
            return None
        content = await self._content(incoming, callback, end)
        if not content:
            return None
        if not was_encrypted:
            return content
        return self._codec.seal(content, int(self._clock().timestamp()), self._random_bytes(8).hex())

    async def close(self) -> None:
        """Give what is being worked on a moment to end. What does not is insured, or will be delivered again."""
        if self._working:
            await asyncio.wait(self._working, timeout=self._deadline)
        for task in self._working:
            task.cancel()
        await self._claims.close()

    def _check_signature(self, arguments: dict[str, str]) -> int:
        try:
            signature, timestamp, nonce = arguments["signature"], arguments["timestamp"], arguments["nonce"]
        except KeyError:
            raise Refused("missing_query") from None
        self._codec.verify(signature, timestamp, nonce)
        seconds = int(timestamp) if timestamp.isdecimal() and len(timestamp) < 12 else 0
        if abs(self._clock().timestamp() - seconds) > self._window:
            raise Refused("stale")
        return seconds

    def _open(self, arguments: dict[str, str], body: bytes) -> tuple[Callback, bool]:
        """The message, and whether it came encrypted. Of the compatible mode only the encrypted part is believed."""
        if len(body) > MAX_BODY_BYTES:
            raise CallbackRefused("too_large")
        if arguments.get("encrypt_type", "raw") == "raw":
            if self._needs_encryption:
                raise Refused("not_encrypted")
            return parse_callback(body), False
        message = self._codec.open(body, arguments.get("msg_signature", ""), arguments["timestamp"], arguments["nonce"])
        return parse_callback(message), True

    async def _refuse_replay(self, timestamp: str, nonce: str, seconds: int, callback: Callback) -> None:
        """Refuse a signature that was used for another message, or for this one after the platform's own retries."""
        key, used_for = f"wx:nonce:{timestamp}:{nonce}", callback.dedupe_key.encode()
        if await self._hot.add(key, used_for, 2.0 * self._window):
            return
        is_retry = await self._hot.get(key) == used_for
        if not is_retry or self._clock().timestamp() - seconds > _RETRIES_END:
            raise Refused("replayed")

    async def _content(self, incoming: Incoming, callback: Callback, end: float) -> bytes:
        """The message to reply with, empty for none: made now by the first delivery, the same one for the others."""
        key = incoming.message_id
        while not await self._claims.take(key):
            held = await self._hot.get(key)
            if held is not None and held.startswith(_ANSWER):
                return held[1:]
            if held == _LATE:
                return b""
            if asyncio.get_running_loop().time() >= end:
                await self._insure(incoming)
                return b""
            await asyncio.sleep(_POLL_SECONDS)
        return await self._first(_Work(key, incoming, callback), end)

    async def _first(self, work: _Work, end: float) -> bytes:
        loop = asyncio.get_running_loop()
        task = loop.create_task(self._answer(work))
        self._keep(task)
        waiter: asyncio.Future[None] = loop.create_future()
        timer = loop.call_at(end, _release, waiter)

        def done(_: asyncio.Task[bytes]) -> None:
            timer.cancel()
            _release(waiter)

        task.add_done_callback(done)
        await waiter  # not the task: the platform hanging up must not stop what was begun
        return task.result() if task.done() else await self._answer_later(work, task)

    async def _answer(self, work: _Work) -> bytes:
        """Work out the reply and keep it for repeated deliveries; never raises, since nobody may be there to hear it."""
        try:
            work.reply = await self._bot.answer(work.incoming)
            content = self._rendered(work.reply, work.callback)
        except StoreUnavailable as error:
            _log.error("store unavailable", error=str(error))
            return await self._excused(work)
        except Exception:  # noqa: BLE001 - logged, and the person hears an excuse
            _log.exception("message not answered", message=work.key)
            return await self._excused(work)
        if not work.is_late:
            await self._claims.settle(work.key, _ANSWER + content, _ANSWER_KEPT)
        return content

    async def _excused(self, work: _Work) -> bytes:
        if not work.is_late:
            await self._claims.release(work.key)
        return self._rendered(Reply(words.say("fault", work.incoming.locale)), work.callback)

    async def _answer_later(self, work: _Work, task: asyncio.Task[bytes]) -> bytes:
        """Make sure that the message will be answered, tell the platform that it was received, and go on working."""
        work.is_late = True
        if not await self._insure(work.incoming):
            content = self._rendered(Reply(words.say("slow", work.incoming.locale)), work.callback)
            await self._claims.settle(work.key, _ANSWER + content, _ANSWER_KEPT)
            return content
        self._keep(asyncio.create_task(self._deliver(work, task)))
        await self._claims.settle(work.key, _LATE, _ANSWER_KEPT)
        return b""

    async def _deliver(self, work: _Work, task: asyncio.Task[bytes]) -> None:
        await task
        if work.reply is None:  # it failed; the insurance comes due and a worker tries again
            return
        try:
            await self._late.deliver(work.incoming, work.reply)
        except StoreUnavailable as error:
            _log.warning("store unavailable", error=str(error))

    async def _insure(self, incoming: Incoming) -> bool:
        try:
            await self._late.insure(incoming)
        except StoreUnavailable as error:
            _log.error("store unavailable", error=str(error))
            return False
        return True

    def _rendered(self, reply: Reply, callback: Callback) -> bytes:
        if not reply:
            return b""
        at = int(self._clock().timestamp())
        return render_text(callback.from_user, callback.to_user, as_text(reply), at)

    def _keep(self, task: asyncio.Task[Any]) -> None:
        self._working.add(task)
        task.add_done_callback(self._working.discard)


class _Work:
    """One message being answered."""

    __slots__ = ("callback", "incoming", "is_late", "key", "reply")

    def __init__(self, key: str, incoming: Incoming, callback: Callback) -> None:
        self.key = key
        self.incoming = incoming
        self.callback = callback
        self.is_late = False
        self.reply: Reply | None = None


def mount(app: Sanic[Any, Any], callbacks: WeChatCallbacks, path: str = PATH) -> None:
    """Serve the callback address."""

    async def verify(request: Request[Any, Any]) -> HTTPResponse:
        try:
            return HTTPResponse(callbacks.verify(request.query_string), 200, None, _TEXT)
        except (Refused, CallbackRefused) as refusal:
            return _refuse(refusal)

    async def receive(request: Request[Any, Any]) -> HTTPResponse:
        try:
            content = await callbacks.receive(request.query_string, request.body)
        except (Refused, CallbackRefused) as refusal:
            return _refuse(refusal)
        if content is None:
            return HTTPResponse(_SUCCESS, 200, None, _TEXT)
        return HTTPResponse(content, 200, None, _XML)

    app.add_route(verify, path, methods=["GET"], name="wechat_verify")
    app.add_route(receive, path, methods=["POST"], name="wechat_receive")


def _refuse(refusal: Refused | CallbackRefused) -> HTTPResponse:
    # The log knows why; the sender, who may be guessing, does not.
    _log.info("callback refused", reason=refusal.reason)
    status, body = _QUIET.get(refusal.reason, _FORBIDDEN)
    return HTTPResponse(body, status, None, _TEXT)


def _codec(account: WeChatSettings, random_bytes: Callable[[int], bytes]) -> Codec:
    given = (account.encoding_aes_key, account.previous_encoding_aes_key)
    keys = [key.get_secret_value() for key in given if key is not None]
    # In plain mode there may be none; a key that nobody knows opens nothing.
    return Codec(
        account.token.get_secret_value(),
        keys or [base64.b64encode(random_bytes(32)).decode()[:43]],
        account.appid,
        random_bytes=random_bytes,
    )


def _arguments(query: str) -> dict[str, str]:
    """The query's arguments, the first of each name; far fewer cases than a general parser has to serve."""
    found: dict[str, str] = {}
    for part in query.split("&"):
        name, _, value = part.partition("=")
        found.setdefault(name, unquote_plus(value) if "%" in value or "+" in value else value)
    return found


def _release(waiter: asyncio.Future[None]) -> None:
    if not waiter.done():
        waiter.set_result(None)
