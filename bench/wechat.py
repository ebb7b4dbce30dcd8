"""An encrypted text to a recommendation in reply, the whole pipeline, against a bare Sanic + wechatpy echo.

The echo checks the signature, decrypts, parses, builds a text reply and encrypts it, all with wechatpy. The product does
all that and remembers, resolves, ranks, explains and records. Each message is new and from a person bound to a
subscriber of their own. `make bench-wechat`; the last lines are `ratio wechat-p99 VALUE` (99th percentile, product over
echo) and `ratio wechat VALUE` (answers a second).
"""

from __future__ import annotations

import hashlib
import itertools
import os
import secrets
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import uvloop
from pydantic import SecretStr
from rich.progress import track
from sanic import Request
from sanic.response import HTTPResponse
from wechatpy import create_reply, parse_message
from wechatpy.crypto import WeChatCrypto

from bench.fill import fill
from bench.load import Load, drive, post
from bench.rounds import compare, served
from bench.serving import new_platform, serve
from bots.wechat.channel import PATH
from bots.wechat.codec import Codec
from config.settings import WeChatSettings
from gateway.app import create_app, wechat_callbacks
from gateway.server import new_server

SUBSCRIBERS = 20_000
MESSAGES = 12_000
"""Messages made ready for one run: more than either side answers in its time."""
CONNECTIONS = 64
SECONDS = 3.0
TOKEN, KEY, APPID, ACCOUNT = "bench-token", "b" * 43, "wxbench0000000001", "gh_bench00000"

WECHAT = WeChatSettings(
    gh_id=ACCOUNT, appid=APPID, secret=SecretStr("none"), token=SecretStr(TOKEN), encoding_aes_key=SecretStr(KEY)
)


def _echo_app() -> Any:
    app = new_server("echo", body_bytes=1_048_576)
    crypto = WeChatCrypto(TOKEN, KEY, APPID)

    @app.post(PATH)
    async def echo(request: Request[Any, Any]) -> HTTPResponse:
        asked = request.args
        timestamp, nonce = asked.get("timestamp"), asked.get("nonce")
        text = crypto.decrypt_message(request.body, asked.get("msg_signature"), timestamp, nonce)
        message = parse_message(text)
        reply = create_reply(message.content, message).render()
        return HTTPResponse(crypto.encrypt_message(reply, nonce, timestamp), 200, None, "application/xml")

    return app


async def _prepare(url: str, folder: Path) -> None:
    platform = new_platform(url, folder)
    await fill(platform, SUBSCRIBERS, account=f"wechat:{ACCOUNT}:o")
    await platform.close()


async def _serve(side: str, url: str, folder: Path) -> None:
    if side == "floor":
        await serve(_echo_app())
        return
    platform = new_platform(url, folder, wechat=WECHAT)
    callbacks = wechat_callbacks(platform)
    await platform.start(work=False)
    await serve(create_app(platform, callbacks))
    if callbacks is not None:
        await callbacks.close()
    await platform.close()


_ids = itertools.count(secrets.randbits(48))


def _messages() -> Iterator[bytes]:
    """Messages as the platform posts them: signed, encrypted, each under an id of its own."""
    codec = Codec(TOKEN, [KEY], APPID)
    for number in track(range(MESSAGES), description="messages", transient=True):
        now, nonce = str(int(time.time())), secrets.token_hex(5)
        plain = (
            f"<xml><ToUserName><![CDATA[{ACCOUNT}]]></ToUserName>"
            f"<FromUserName><![CDATA[o{number % SUBSCRIBERS + 1}]]></FromUserName><CreateTime>{now}</CreateTime>"
            f"<MsgType><![CDATA[text]]></MsgType><Content><![CDATA[推荐]]></Content><MsgId>{next(_ids)}</MsgId></xml>"
        )
        sealed = codec.encrypt(plain.encode(), random16=secrets.token_bytes(16))
        cipher = sealed.decode()
        body = f"<xml><ToUserName><![CDATA[{ACCOUNT}]]></ToUserName><Encrypt><![CDATA[{cipher}]]></Encrypt></xml>"
        query = (
            f"signature={_sha1(TOKEN, now, nonce)}&timestamp={now}&nonce={nonce}&openid=o{number}"
            f"&encrypt_type=aes&msg_signature={_sha1(TOKEN, now, nonce, cipher)}"
        )
        yield post(f"{PATH}?{query}", body.encode(), {"Content-Type": "text/xml"})


def _sha1(*parts: str) -> str:
    return hashlib.sha1("".join(sorted(parts)).encode()).hexdigest()


def main() -> None:
    """Measure on SQLite, the default store."""
    if sys.argv[1:2] == ["serve"]:
        _, _, side, url, folder = sys.argv
        uvloop.run(_serve(side, url, Path(folder)))
        return
    with tempfile.TemporaryDirectory(prefix="tuila-bench-", dir=os.environ.get("BENCH_DIR")) as place:
        url = f"sqlite:///{place}/bench.db"
        uvloop.run(_prepare(url, Path(place)))

        def run(side: str) -> Load:
            ready = list(_messages())
            with served("bench.wechat", side, url, place) as port:
                return drive(port, iter(ready), connections=CONNECTIONS, seconds=SECONDS)

        compare("wechat", lambda: run("floor"), lambda: run("product"), share_p99=True)


if __name__ == "__main__":
    main()
