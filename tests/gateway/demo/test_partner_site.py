"""The demo partner's site as a person uses it, against a gateway on a real socket: the flow any partner's site goes through."""

from __future__ import annotations

import html
import json
import re
from collections.abc import AsyncIterator, Callable
from typing import Any

import aiohttp
import httpx
import pytest
from aiohttp import web
from playwright.async_api import Page

from auth.principal import Principal
from gateway.app import create_app
from gateway.demo.load import APP, ensure_app
from gateway.demo.partner_site import PartnerSite
from gateway.server import listen, serving
from tests.browser.test_accessibility import assert_sound
from tests.fixtures.server_process import free_tcp_port
from tests.fixtures.sign_in import PHONE, Browser
from tests.fixtures.world import CODE, World

CHAT = "wechat:gh:me"


class Place:
    """The site, the gateway, and a person's browser that knows both."""

    def __init__(self, world: World, gateway: str, site: str) -> None:
        self.world = world
        self.browser = Browser(gateway)
        self.site = site
        self.http = self.fresh()

    def fresh(self) -> httpx.AsyncClient:
        """A browser that was never at the site."""
        return httpx.AsyncClient(base_url=self.site, timeout=15, headers={"Accept-Language": "en"})

    async def way_back(self, *, without: str = "") -> str:
        """From the site's link to the address that leads back to it."""
        away = await self.http.get("/sign-in")
        return await self.browser.agree(away.headers["location"], without=without)

    async def signed_in(self, *, without: str = "") -> str:
        """What the site says after a sign-in."""
        returned = await self.http.get(await self.way_back(without=without))
        assert returned.status_code == 303, returned.text
        return await self.home()

    async def home(self) -> str:
        return (await self.http.get("/")).text

    async def order(self, page: str, **headers: str) -> httpx.Response:
        """Press the first order button."""
        sent = dict(re.findall(r'name="(offer|key)" value="([^"]*)"', page.split("</form>", maxsplit=1)[0]))
        return await self.http.post("/order", data=sent, headers={"Origin": self.site} | headers)


@pytest.fixture
async def place(make_world: Callable[..., Any], sqlite_url: str) -> AsyncIterator[Place]:
    listener = listen("127.0.0.1", 0)
    world = await make_world(sqlite_url, public_url=f"http://127.0.0.1:{listener.getsockname()[1]}")
    await world.subscriber(CHAT, phone=f"+86{PHONE}")
    secret = json.loads((await ensure_app(world.platform)).read_text())["client_secret"]
    port = free_tcp_port()
    own = f"http://127.0.0.1:{port}"
    async with aiohttp.ClientSession() as http, serving(create_app(world.platform), listener) as gateway:
        runner = web.AppRunner(PartnerSite(http, gateway, own, APP, secret, world.clock).app(), access_log=None)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", port).start()
        opened = Place(world, gateway, own)
        yield opened
        await opened.http.aclose()
        await opened.browser.http.aclose()
        await runner.cleanup()


async def test_a_person_signs_in_orders_and_ends_it_with_the_operator(place: Place) -> None:
    assert "Sign in with the operator" in await place.home()
    page = await place.signed_in()
    assert "138****1111" in page and "ppid_" in page
    assert (await place.order(page)).status_code == 303
    page = await place.home()
    assert "awaiting_confirmation" in page
    refused = await place.http.post("/order", data={"offer": "TM-NONE", "key": "k"}, headers={"Origin": place.site})
    assert refused.status_code == 200 and 'role="alert"' in refused.text
    place.world.clock.advance(minutes=16)  # the access token has expired, and is refreshed
    assert "138****1111" in await place.home()
    me = Principal("account", CHAT, frozenset({"grants:end"}), account=CHAT)
    await place.world.call(me, "grants.end_given", client_id=APP)
    assert "Sign in with the operator" in await place.home()


@pytest.mark.browser
@pytest.mark.parametrize("lang", ["zh-CN", "en"])
async def test_a_browser_signs_in_and_orders_there(place: Place, page: Page, lang: str) -> None:
    """A browser decides by itself what it sends with a form: a stricter referrer policy would have it hide its origin."""
    await page.goto(f"{place.site}/?lang={lang}")
    await assert_sound(page)
    await page.locator("main a").click()
    await page.locator("#phone").fill(PHONE)
    await page.keyboard.press("Enter")
    await page.locator("#code").fill(CODE)
    await page.keyboard.press("Enter")
    await page.locator("button[value=approve]").click()
    await page.locator("form[action^='/order'] button").first.click()
    await page.get_by_text("awaiting_confirmation").wait_for()
    await assert_sound(page)
    await page.locator("form[action^='/sign-out'] button").click()
    await page.locator("a[href^='/sign-in']").wait_for()


async def test_what_was_unticked_is_not_offered_and_signing_out_revokes(place: Place) -> None:
    page = await place.signed_in(without="orders:write")
    assert "For you" in page and "Order " not in html.unescape(page)
    assert (await place.http.post("/sign-out", headers={"Origin": place.site})).status_code == 303
    assert "Sign in with the operator" in await place.home()
    me = Principal("account", CHAT, frozenset({"grants:read"}), account=CHAT)
    assert (await place.world.call(me, "grants.list_given")).items == []


async def test_an_answer_that_is_not_this_browsers_or_not_the_operators_is_refused(place: Place) -> None:
    back = await place.way_back()
    async with place.fresh() as stranger:
        assert (await stranger.get(back)).status_code == 400
        await stranger.get("/sign-in")
        assert (await stranger.get(back)).status_code == 400  # another sign-in's state
    forged = re.sub(r"iss=[^&]*", "iss=https%3A%2F%2Fevil.example", back)
    assert (await place.http.get(forged)).status_code == 400
    assert (await place.http.get(back)).status_code == 400  # the state was used up
    assert "Sign in with the operator" in await place.home()


async def test_a_form_of_another_site_orders_nothing(place: Place) -> None:
    page = await place.signed_in()
    assert (await place.order(page, Origin="https://evil.example")).status_code == 403
    assert "awaiting_confirmation" not in await place.home()


async def test_a_gateway_that_is_away_is_said_so() -> None:
    port = free_tcp_port()
    own = f"http://127.0.0.1:{port}"
    async with aiohttp.ClientSession() as calls:
        nowhere = PartnerSite(calls, "http://127.0.0.1:9", own, APP, "x")
        runner = web.AppRunner(nowhere.app(), access_log=None)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", port).start()
        async with httpx.AsyncClient(base_url=own) as http:
            away = httpx.URL((await http.get("/sign-in")).headers["location"])
            answer = {"state": away.params["state"], "iss": "http://127.0.0.1:9", "code": "c"}
            assert (await http.get("/back", params=answer)).status_code == 502
        await runner.cleanup()
