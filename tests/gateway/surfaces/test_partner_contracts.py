"""A partner's contract as it is changed, felt over HTTP by credentials given out before."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from typing import Any

import aiohttp
import pytest

from auth.client_secret import signing_key
from auth.signed_request import sign
from gateway.app import create_app
from gateway.capabilities.partners.capability import AddressInvalid, PartnerNotFound
from gateway.server import listen, serving
from tests.fixtures.world import OPERATOR, World

Contract = dict[str, Any]
BASE: Contract = {"name": "Shop", "scopes": ["orders:*"]}


class Shop:
    """The partner's server."""

    def __init__(self, world: World, url: str, session: aiohttp.ClientSession, secret: str) -> None:
        self.world, self.url, self.session, self.secret = world, url, session, secret
        self.token = ""

    async def log_in(self) -> None:
        form = {"grant_type": "client_credentials", "client_id": "shop", "client_secret": self.secret}
        async with self.session.post(self.url + "/oauth/token", data=form) as response:
            self.token = (await response.json())["access_token"]

    async def get(self, path: str, header: str | None = None) -> tuple[int, Any]:
        headers = {"Authorization": header or f"Bearer {self.token}"}
        async with self.session.get(self.url + path, headers=headers) as response:
            return response.status, await response.json()

    async def update(self, **contract: Any) -> Any:
        answer = await self.world.call(OPERATOR, "partners.update", id="shop", **(BASE | contract))
        self.world.clock.advance(seconds=4)
        return answer


@pytest.fixture
async def shop(make_world: Callable[..., Any], sqlite_url: str) -> AsyncIterator[Shop]:
    world = await make_world(sqlite_url)
    given = await world.call(OPERATOR, "partners.create", id="shop", **BASE)
    async with serving(create_app(world.platform), listen("127.0.0.1", 0)) as url, aiohttp.ClientSession() as session:
        shop = Shop(world, url, session, given.client_secret)
        await shop.log_in()
        yield shop


async def test_scopes_taken_away_are_missed_by_tokens_given_out_before(shop: Shop) -> None:
    assert (await shop.get("/v1/orders/search"))[0] == 200
    await shop.update(scopes=["recommendations:read"])
    status, problem = await shop.get("/v1/orders/search")
    assert (status, problem["reason"]) == (403, "scope_missing")


async def test_calls_from_other_addresses_are_refused_whatever_they_show(shop: Shop) -> None:
    await shop.update(addresses=["127.0.0.0/8", "2001:db8::/32"])
    assert (await shop.get("/v1/orders/search"))[0] == 200
    await shop.update(addresses=["203.0.113.7"])
    path = "/v1/orders/search"
    signed = sign(signing_key(shop.secret), "GET", path, b"", client="shop", nonce="n" * 16, now=shop.world.clock())
    for header in (None, signed):
        status, problem = await shop.get(path, header)
        assert (status, problem["reason"]) == (403, "address_refused")


async def test_quotas_are_changed_and_told(shop: Shop) -> None:
    await shop.update(per_second=7, per_day=70)
    headers = {"Authorization": f"Bearer {shop.token}"}
    async with shop.session.get(shop.url + "/v1/offers", headers=headers) as response:
        assert response.headers["RateLimit-Policy"] == '"second";q=7;w=1, "day";q=70;w=86400'


async def test_a_contract_is_shown_as_it_was_given(shop: Shop) -> None:
    given = await shop.update(origins=["https://shop.example"], addresses=["203.0.113.0/24"], per_second=1, per_day=2)
    assert await shop.world.call(OPERATOR, "partners.get", id="shop") == given
    assert (given.origins, given.per_day, given.suspended) == (["https://shop.example"], 2, False)


async def test_what_is_wrong_changes_nothing(shop: Shop) -> None:
    for wrong in ("localhost", "300.1.1.1", "10.0.0.0/99"):
        with pytest.raises(AddressInvalid):
            await shop.update(addresses=[wrong])
    with pytest.raises(PartnerNotFound):
        await shop.world.call(OPERATOR, "partners.update", id="nobody", **BASE)
    assert (await shop.world.call(OPERATOR, "partners.get", id="shop")).addresses == []
