"""A person with WeChat, and the platform between them and our callback: signs, seals, posts and reads replies."""

from __future__ import annotations

import base64
import re
from collections.abc import Callable
from itertools import count
from typing import NamedTuple
from urllib.parse import urlencode

from pydantic import SecretStr

from bots.wechat.channel import WeChatCallbacks
from bots.wechat.codec import Codec
from bots.wechat.xml import cdata, read_fields
from config.settings import WeChatSettings
from tests.fixtures.world import Clock

ACCOUNT = WeChatSettings(
    gh_id="gh_test",
    appid="wx0123456789abcdef",
    secret=SecretStr("secret"),
    token=SecretStr("callback-token"),
    encoding_aes_key=SecretStr(base64.b64encode(bytes(range(32))).decode()[:43]),
)
_LINKS = re.compile(r"\n\n<a href=.*", re.DOTALL)


_nonces = count(1)
_message_ids = count(1000)


class Posted(NamedTuple):
    """One request as the platform sends it."""

    query: str
    body: bytes


def codec_of(account: WeChatSettings) -> Codec:
    """The platform's side of the codec."""
    assert account.encoding_aes_key is not None
    return Codec(account.token.get_secret_value(), [account.encoding_aes_key.get_secret_value()], account.appid)


class Envelopes:
    """Makes requests of plain messages."""

    def __init__(self, clock: Clock, account: WeChatSettings = ACCOUNT) -> None:
        self._clock = clock
        self._account = account
        self.codec = codec_of(account)

    def __call__(
        self, message: bytes, *, mode: str | None = None, timestamp: str | None = None, nonce: str | None = None
    ) -> Posted:
        timestamp = timestamp or str(int(self._clock().timestamp()))
        nonce = nonce or f"nonce{next(_nonces)}"
        query = {
            "signature": self.codec.signature(timestamp, nonce),
            "timestamp": timestamp,
            "nonce": nonce,
            "openid": "o1",
        }
        mode = mode or self._account.mode
        if mode == "plain":
            return Posted(urlencode(query), message)
        cipher = self.codec.encrypt(message, random16=b"0123456789abcdef").decode()
        query |= {"encrypt_type": "aes", "msg_signature": self.codec.signature(timestamp, nonce, cipher)}
        encrypted = f"<Encrypt><![CDATA[{cipher}]]></Encrypt>".encode()
        if mode == "compatible":
            return Posted(urlencode(query), message.replace(b"</xml>", encrypted + b"</xml>"))
        to = f"<ToUserName><![CDATA[{self._account.gh_id}]]></ToUserName>".encode()
        return Posted(urlencode(query), b"<xml>" + to + encrypted + b"</xml>")

    def read(self, response: bytes | None, *, mode: str | None = None) -> str | None:
        """The text of a reply, checked and opened; None where there is none."""
        if response is None:
            return None
        if (mode or self._account.mode) != "plain":
            sealed = read_fields(response)
            parts = [sealed[name] for name in ("TimeStamp", "Nonce", "Encrypt")]
            assert self.codec.signature(*[str(part) for part in parts]) == sealed["MsgSignature"]
            response = self.codec.decrypt(str(sealed["Encrypt"]))
        fields = read_fields(response)
        assert fields["MsgType"] == "text"
        return str(fields["Content"])


def message(openid: str, at: int, message_type: str, **fields: str) -> bytes:
    """A plain message."""
    inner = "".join(f"<{name}>{cdata(value)}</{name}>" for name, value in fields.items())
    return (
        f"<xml><ToUserName>{cdata(ACCOUNT.gh_id)}</ToUserName><FromUserName>{cdata(openid)}</FromUserName>"
        f"<CreateTime>{at}</CreateTime><MsgType>{cdata(message_type)}</MsgType>{inner}</xml>"
    ).encode()


class WeChatPhone:
    """One person's chat with the account."""

    def __init__(self, callbacks: WeChatCallbacks, clock: Clock, openid: str = "oPerson1") -> None:
        self.callbacks = callbacks
        self.openid = openid
        self.account = f"wechat:{ACCOUNT.gh_id}:{openid}"
        self._clock = clock
        self.envelope = Envelopes(clock)

    async def say(self, text: str, *, message_id: str | None = None, via: WeChatCallbacks | None = None) -> str | None:
        """Send a text; the reply without its links."""
        message_id = message_id or str(next(_message_ids))
        return await self.post(self.text(text, message_id), via=via)

    def text(self, text: str, message_id: str, at: int | None = None) -> bytes:
        """A text message as the platform would deliver it."""
        at = at or int(self._clock().timestamp())
        return message(self.openid, at, "text", Content=text, MsgId=message_id)

    async def event(self, event: str, key: str = "") -> str | None:
        """Cause an event; the reply without its links."""
        at = int(self._clock().timestamp())
        return await self.post(message(self.openid, at, "event", Event=event, EventKey=key))

    async def post(self, plain: bytes, *, via: WeChatCallbacks | None = None) -> str | None:
        """Deliver one plain message; the reply without its links."""
        reply = await self.post_whole(plain, via=via)
        return None if reply is None else _LINKS.sub("", reply)

    async def post_whole(self, plain: bytes, *, via: WeChatCallbacks | None = None) -> str | None:
        """Deliver one plain message; the whole reply."""
        return self.envelope.read(await (via or self.callbacks).receive(*self.envelope(plain)))


MakeCallbacks = Callable[..., WeChatCallbacks]
