"""axe-core finds nothing serious on any page, in either language and colour scheme, whatever is open on it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Literal

import pytest
from axe_playwright_python.async_playwright import Axe
from playwright.async_api import Page

from config.settings import Settings
from gateway.server import listen, new_server, serving
from tests.browser.conftest import PHONE, Portal
from tests.fixtures.world import CODE
from widgets import portal as pages

pytestmark = [pytest.mark.browser, pytest.mark.parametrize("lang", ["zh-CN", "en"])]

SCHEMES: tuple[Literal["light", "dark"], ...] = ("light", "dark")


async def assert_sound(page: Page) -> None:
    """Nothing serious or critical in both colour schemes, and nothing wider than the page."""
    for scheme in SCHEMES:
        await page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
        violations = (await Axe().run(page)).response["violations"]
        grave = [
            (one["id"], [node["html"] for node in one["nodes"]])
            for one in violations
            if one["impact"] in ("serious", "critical")
        ]
        assert not grave, f"{scheme}: {grave}"
    assert await page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert await page.evaluate("document.documentElement.lang && document.title")


@pytest.mark.parametrize("width", [390, 1280])
async def test_the_portal_through_binding_confirming_and_ordering(portal: Portal, lang: str, width: int) -> None:
    page = portal.page
    await page.set_viewport_size({"width": width, "height": 860})
    await portal.open(f"?lang={lang}&offer=TM-MUSIC-10")
    await assert_sound(page)
    card = portal.card()
    await card.locator("button[part~=details-button]").click()
    await card.locator(".fine p").last.wait_for()
    await card.locator("button[part~=order-button]").click()
    await card.locator("input[name=phone]").fill(PHONE)
    await assert_sound(page)
    await page.keyboard.press("Enter")
    await card.locator("input[name=code]").fill("000000")
    await page.keyboard.press("Enter")
    await card.get_by_role("alert").wait_for()
    await assert_sound(page)
    await card.locator("input[name=code]").fill(CODE)
    await page.keyboard.press("Enter")
    await portal.dialog.wait_for()
    await assert_sound(page)
    await portal.dialog.locator("button.primary").click()
    await portal.orders.locator("[data-state=completed] button").click()
    await portal.orders.locator(".steps").wait_for()
    await assert_sound(page)


@pytest.mark.parametrize("width", [390, 1280])
async def test_the_documentation_with_an_operation_open(portal: Portal, lang: str, width: int) -> None:
    await portal.page.set_viewport_size({"width": width, "height": 860})
    await portal.page.goto(f"{portal.url}/docs?lang={lang}#orders.place")
    await portal.page.locator("[id='orders.place'] form").wait_for()
    await assert_sound(portal.page)


@pytest.fixture
async def start_url() -> AsyncIterator[str]:
    app, settings = new_server("start-page", body_bytes=1024), Settings()
    pages.mount(app, settings)
    link = pages.Link("http://127.0.0.1:1/", "模拟手机", "Phone", "和公众号对话", "Talk to the account")
    pages.mount_start(app, settings, [link])
    async with serving(app, listen("127.0.0.1", 0)) as url:
        yield url


async def test_the_start_page(start_url: str, page: Page, lang: str) -> None:
    await page.goto(f"{start_url}/?lang={lang}")
    assert await page.get_by_role("main").get_by_role("link").count() == 5
    await assert_sound(page)
