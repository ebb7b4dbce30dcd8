"""Signing in as a person does: by keyboard or without scripts, in two languages, and axe-core finds nothing grave."""

from __future__ import annotations

import pytest
from playwright.async_api import Browser, Page

from auth import pkce
from tests.browser.conftest import PHONE, Portal
from tests.browser.test_accessibility import assert_sound
from tests.fixtures.world import CODE, OPERATOR

pytestmark = pytest.mark.browser

VERIFIER = "v" * 43


async def register(portal: Portal) -> str:
    """A partner whose redirect URI is a page of this very server; the link it sends people to."""
    back = f"{portal.url}/portal".replace("localhost", "127.0.0.1")
    await portal.world.call(
        OPERATOR, "partners.create", id="shop", name="Shop", scopes=["phone:masked", "orders:*"], redirect_uris=[back]
    )
    return (
        f"{portal.url}/oauth/authorize?response_type=code&client_id=shop&redirect_uri={back}&state=s-1"
        f"&scope=openid%20phone:masked%20orders:read%20orders:write&code_challenge={pkce.challenge_of(VERIFIER)}"
        "&code_challenge_method=S256"
    )


async def go_through(page: Page, link: str, *, sound: bool) -> None:
    await page.goto(link)
    if sound:
        await assert_sound(page)
    await page.locator("#phone").fill(PHONE)
    await page.keyboard.press("Enter")
    await page.locator("#code").fill("000000")
    await page.keyboard.press("Enter")
    await page.get_by_role("alert").wait_for()
    if sound:
        await assert_sound(page)
    await page.locator("#code").fill(CODE)
    await page.keyboard.press("Enter")
    await page.locator("input[value='orders:write']").uncheck()
    if sound:
        await assert_sound(page)
    await page.locator("button[value=approve]").click()
    await page.wait_for_url("**/portal?code=*")


@pytest.mark.parametrize("lang", ["zh-CN", "en"])
async def test_what_was_granted_is_seen_and_ended_by_keyboard(portal: Portal, lang: str) -> None:
    page = portal.page
    await page.set_viewport_size({"width": 390, "height": 860})
    link = await register(portal)
    await go_through(page, link, sound=False)
    await portal.world.platform.store.write(lambda connection: connection.exec_driver_sql("DELETE FROM code_tries"))
    await portal.world.platform.store.write(lambda connection: connection.exec_driver_sql("DELETE FROM one_time_codes"))
    await page.goto(f"{portal.url}/oauth/grants?lang={lang}")
    await assert_sound(page)
    await page.locator("#phone").fill(PHONE)
    await page.keyboard.press("Enter")
    await page.locator("#code").fill(CODE)
    await page.keyboard.press("Enter")
    await page.get_by_role("heading", level=2, name="Shop").wait_for()
    await assert_sound(page)
    await page.locator("button[value=end]").focus()
    await page.keyboard.press("Enter")
    await page.get_by_role("status").wait_for()
    assert await page.locator("button[value=end]").count() == 0
    await assert_sound(page)


@pytest.mark.parametrize("lang", ["zh-CN", "en"])
async def test_a_person_signs_in_and_refuses_one_thing(portal: Portal, lang: str) -> None:
    page = portal.page
    await page.set_viewport_size({"width": 390, "height": 860})
    await go_through(page, f"{await register(portal)}&lang={lang}", sound=True)
    assert "state=s-1" in page.url and "iss=" in page.url
    scopes = await portal.world.platform.store.read(
        lambda connection: connection.exec_driver_sql("SELECT scopes FROM grants").scalar()
    )
    assert scopes == '["openid","orders:read","phone:masked"]'


async def test_it_works_without_scripts_and_the_language_can_be_changed(portal: Portal, chromium: Browser) -> None:
    context = await chromium.new_context(java_script_enabled=False, locale="zh-CN")
    page = await context.new_page()
    link = await register(portal)
    await page.goto(link)
    await page.get_by_role("link", name="English").click()
    assert await page.get_by_role("heading", level=1).inner_text() == "Sign in to Shop"
    await page.goto(f"{portal.url}/oauth/authorize?client_id=nobody&redirect_uri=https://evil.example")
    assert await page.get_by_role("alert").count() == 1 and page.url.startswith(portal.url)
    await go_through(page, link, sound=False)
    await context.close()
