"""A runnable stand-in of the WeChat platform: its server API, its callbacks, and a phone to type on."""

import argparse
import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from datetime import UTC, datetime
from pathlib import Path
from random import Random, SystemRandom
from typing import get_args

from aiohttp import web

from adapters.sandbox_http import command_line, mount_page, refusals_as_json, serve
from adapters.wechat.platform.account import Account, Mode
from adapters.wechat.platform.phone import Phone
from adapters.wechat.platform.server_api import ServerApi
from adapters.wechat.platform.state import State, random_text

PEOPLE = (
    ("oTuilaPhone0000000000000001", "小林"),
    ("oTuilaPhone0000000000000002", "小周"),
    ("oTuilaPhone0000000000000003", "小陈"),
)


def make_app(
    account: Account,
    *,
    clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    rng: Random | None = None,
    new_text: Callable[[int], str] = random_text,
    retry_after: float = 5.0,
    people: Iterable[tuple[str, str]] = PEOPLE,
) -> web.Application:
    """The stand-in as an application.

    Args:
        account: the official account it serves and its callback address.
        clock: the time, UTC aware.
        sleep: waits seconds.
        rng: decides the odds of faults.
        new_text: unguessable text of a length, for tokens, tickets, nonces and openids.
        retry_after: seconds it waits for the callback's answer before it delivers again.
        people: (openid, name) of the phones there at the start; none of them follows yet.
    """
    state = State(
        account,
        clock=clock,
        sleep=sleep,
        rng=rng or SystemRandom(),
        retry_after=retry_after,
        new_text=new_text,
        people=people,
    )
    server_api = ServerApi(state)
    app = web.Application(middlewares=[refusals_as_json])

    async def lifetime(app: web.Application) -> AsyncIterator[None]:
        yield
        await server_api.close()
        await state.callbacks.close()

    async def let_go(app: web.Application) -> None:
        await state.chats.close()

    app.cleanup_ctx.append(lifetime)
    app.on_shutdown.append(let_go)
    server_api.mount(app)
    Phone(state).mount(app)
    state.board.mount(app)
    mount_page(app, Path(__file__).parent / "page")
    return app


def main() -> None:
    """Run the stand-in: python -m adapters.wechat.sandbox --port 8203 --callback-url http://127.0.0.1:8000/wechat."""
    parser = command_line("Stand-in of the WeChat official account platform", 8203)
    _add_account_options(parser)
    options = parser.parse_args()
    account = Account(
        appid=options.appid,
        secret=options.secret,
        gh_id=options.gh_id,
        token=options.token,
        encoding_aes_key=options.encoding_aes_key,
        callback_url=options.callback_url,
        mode=options.mode,
    )
    serve(make_app(account), options.host, options.port)


def _add_account_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--callback-url", default="http://127.0.0.1:8000/wechat", help="where messages go (%(default)s)"
    )
    parser.add_argument("--mode", choices=get_args(Mode), default="encrypted", help="how they go (%(default)s)")
    parser.add_argument("--appid", default="wxsandbox00000001", help="(%(default)s)")
    parser.add_argument("--secret", default="wechat-sandbox-secret", help="(%(default)s)")
    parser.add_argument("--gh-id", default="gh_sandbox000001", help="original id (%(default)s)")
    parser.add_argument("--token", default="wechat-sandbox-token", help="signs the callbacks (%(default)s)")
    parser.add_argument("--encoding-aes-key", default="sandbox" * 6 + "A", help="43 characters (%(default)s)")


if __name__ == "__main__":
    main()
