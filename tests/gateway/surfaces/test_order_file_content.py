"""Contents up and results down, over real sockets."""

from __future__ import annotations

import base64
import io
from collections.abc import AsyncIterator, Callable
from hashlib import sha256
from typing import Any

import aiohttp
import pytest

from auth.principal import Principal
from auth.tokens import TokenIssuer
from gateway.app import create_app
from gateway.server import listen, serving
from tests.fixtures.world import OPERATOR, World


class Shop:
    """A partner's own program."""

    def __init__(self, session: aiohttp.ClientSession, url: str, token: str) -> None:
        self.session, self.url = session, url
        self.headers = {"Authorization": f"Bearer {token}"}

    async def __call__(self, method: str, path: str, **sent: Any) -> tuple[int, bytes, Any]:
        headers = self.headers | sent.pop("headers", {})
        async with self.session.request(method, self.url + path, headers=headers, **sent) as response:
            return response.status, await response.read(), response.headers

    async def announce(self, content: bytes, **fields: Any) -> Any:
        asked = {"sha256": sha256(content).hexdigest(), "bytes": len(content), "format": "csv"} | fields
        async with self.session.post(self.url + "/v1/order-files", json=asked, headers=self.headers) as response:
            assert response.status == 200, await response.text()
            return await response.json()


@pytest.fixture
async def served(make_world: Callable[..., Any], sqlite_url: str) -> AsyncIterator[tuple[World, Shop]]:
    world: World = await make_world(sqlite_url)
    await world.call(OPERATOR, "partners.create", id="shop", name="Shop", scopes=["orders:*", "exchange:*"])
    issuer, scopes = world.platform.parts.get(TokenIssuer), frozenset({"orders:*", "exchange:*"})
    principal = Principal("partner", "shop", scopes, partner_id="shop")
    token = issuer.issue(principal, token_id="t", now=world.clock(), ttl=world.settings.partner_token_ttl)
    async with serving(create_app(world.platform), listen("127.0.0.1", 0)) as url, aiohttp.ClientSession() as session:
        yield world, Shop(session, url, token)


async def test_a_content_larger_than_any_body_in_memory_goes_up_and_its_results_come_down(
    served: tuple[World, Shop],
) -> None:
    world, shop = served
    await world.subscriber("partner:shop:u1")
    padding = "x" * 90
    content = ("user,offer,referrer\n" + f"u1,TM-MUSIC-10,{padding}\n" * 30_000).encode()
    assert len(content) > world.settings.limits.body_bytes
    world.platform.order_files._settings = world.settings.exchange.model_copy(update={"batch_rows": 20_000})
    file = await shop.announce(content)
    digest = base64.b64encode(sha256(content).digest()).decode()
    status, _, _ = await shop(
        "PUT", file["content"], data=io.BytesIO(content), headers={"Content-Digest": f"sha-256=:{digest}:"}
    )
    assert status == 200
    await world.work()
    status, whole, headers = await shop("GET", file["results"])
    assert (status, whole.count(b"\n"), whole.count(b",placed,")) == (200, 30_001, 1)
    assert int(headers["content-length"]) == len(whole)
    status, part, headers = await shop("GET", file["results"], headers={"Range": "bytes=100-199"})
    assert (status, part, headers["content-range"]) == (206, whole[100:200], f"bytes 100-199/{len(whole)}")
    status, part, _ = await shop("GET", file["results"], headers={"Range": "bytes=-50"})
    assert (status, part) == (206, whole[-50:])
    status, part, _ = await shop("GET", file["results"], headers={"Range": f"bytes={len(whole)}-"})
    assert status == 416
    assert (await shop("GET", file["results"], headers={"Range": "lines=1-2"}))[0] == 200


async def test_a_content_that_is_not_the_announced_one_is_not_kept(served: tuple[World, Shop]) -> None:
    world, shop = served
    content = b"user,offer\nu1,TM-MUSIC-10\n"
    file = await shop.announce(content)
    other = base64.b64encode(sha256(b"other").digest()).decode()
    assert (await shop("PUT", file["content"], data=b"x" * len(content)))[0] == 400
    assert (await shop("PUT", file["content"], data=content[:-1]))[0] == 400
    assert (await shop("PUT", file["content"], data=content, headers={"Content-Digest": f"sha-256=:{other}:"}))[
        0
    ] == 400
    assert (await shop("PUT", file["content"], data=content + b"u2,X\n"))[0] == 413
    assert not list((world.settings.data_dir / "exchange").iterdir())
    assert (await shop("POST", f"/v1/order-files/{file['id']}/start"))[0] == 409
    assert (await shop("PUT", file["content"], data=content))[0] == 200
    assert (await shop("PUT", file["content"], data=content))[0] == 409


async def test_another_partners_file_and_no_file_look_alike(served: tuple[World, Shop]) -> None:
    _, shop = served
    file = await shop.announce(b"user,offer\n")
    nobody = Shop(shop.session, shop.url, "no-token")
    for path in (file["content"], file["results"]):
        method = "PUT" if path.endswith("content") else "GET"
        assert (await nobody(method, path, data=b"user,offer\n" if method == "PUT" else None))[0] == 401
        assert (await shop(method, path.replace(file["id"][:8], "0" * 8), data=b"x" if method == "PUT" else None))[
            0
        ] == 404
