"""REST recommendation with 1 million subscribers against a bare Sanic handler that returns the same bytes.

Every request is for another subscriber, drawn over all of them, so no answer is found ready. `make bench-recommend`; the
last line is `ratio recommend VALUE`. BENCH_SUBSCRIBERS sets another number of subscribers.
"""

from __future__ import annotations

import os
import random
import sys
import tempfile
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import uvloop
from rich.console import Console
from sanic import Request
from sanic.response import HTTPResponse

from bench.fill import fill
from bench.load import Load, drive, get
from bench.rounds import compare, served
from bench.serving import new_platform, partner_credentials, serve
from gateway.app import create_app
from gateway.server import new_server

SUBSCRIBERS = int(os.environ.get("BENCH_SUBSCRIBERS", "1000000"))
CONNECTIONS = 32
SECONDS = 3.0
_PATH = "/v1/recommendations?place=any&limit=3"


def _floor_app(body: bytes) -> Any:
    app = new_server("floor", body_bytes=1_048_576)

    @app.get("/v1/recommendations")
    async def answer(request: Request[Any, Any]) -> HTTPResponse:
        return HTTPResponse(body, 200, None, "application/json")

    return app


async def _prepare(url: str, folder: Path) -> str:
    platform = new_platform(url, folder)
    await fill(platform, SUBSCRIBERS)
    token, _ = await partner_credentials(platform)
    await platform.close()
    return token


async def _serve(side: str, url: str, folder: Path) -> None:
    if side == "floor":
        await serve(_floor_app((folder / "answer.json").read_bytes()))
        return
    platform = new_platform(url, folder)
    await platform.start(work=False)
    await serve(create_app(platform))
    await platform.close()


def _requests(token: str) -> Iterator[bytes]:
    draw = random.Random(11)
    while True:
        user = f"u{draw.randint(1, SUBSCRIBERS)}"
        yield get(_PATH, {"Authorization": f"Bearer {token}", "Tuila-User": user})


def _one_answer(port: int, token: str) -> bytes:
    headers = {"Authorization": f"Bearer {token}", "Tuila-User": "u1"}
    asked = urllib.request.Request(f"http://127.0.0.1:{port}{_PATH}", headers=headers)
    with urllib.request.urlopen(asked, timeout=30) as answer:
        body: bytes = answer.read()
    return body


def main() -> None:
    """Measure on SQLite, the default store."""
    if sys.argv[1:2] == ["serve"]:
        side, database, place = sys.argv[2:]
        uvloop.run(_serve(side, database, Path(place)))
        return
    with tempfile.TemporaryDirectory(prefix="tuila-bench-", dir=os.environ.get("BENCH_DIR")) as place:
        url, folder = f"sqlite:///{place}/bench.db", Path(place)
        token = uvloop.run(_prepare(url, folder))
        size = (folder / "bench.db").stat().st_size / 1e6
        Console().print(f"{SUBSCRIBERS} subscribers in {size:.0f} MB")
        with served("bench.recommend", "product", url, place) as port:
            (folder / "answer.json").write_bytes(_one_answer(port, token))

        def run(side: str) -> Load:
            with served("bench.recommend", side, url, place) as port:
                return drive(port, _requests(token), connections=CONNECTIONS, seconds=SECONDS)

        compare("recommend", lambda: run("floor"), lambda: run("product"))


if __name__ == "__main__":
    main()
