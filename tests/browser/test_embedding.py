"""A partner's own page, of another origin and under its own strict policy, embeds the element by one script tag."""

from __future__ import annotations

import pytest
from aiohttp import web
from playwright.async_api import expect

from tests.browser.conftest import Portal
from tests.fixtures.world import OPERATOR

pytestmark = pytest.mark.browser


async def test_one_script_tag_is_enough_on_a_partners_page(portal: Portal, aiohttp_server) -> None:
    async def page(_request: web.Request) -> web.Response:
        policy = f"default-src 'none'; script-src {portal.url}; connect-src {portal.url}; style-src 'none'"
        return web.Response(
            text=f'<!doctype html><html lang="en"><title>Shop</title><script type="module" '
            f'src="{portal.url}/widgets/tuila-recommendations.js"></script>'
            '<tuila-recommendations client-id="shop" limit="2" locale="en"></tuila-recommendations>',
            content_type="text/html",
            headers={"Content-Security-Policy": policy},
        )

    app = web.Application()
    app.router.add_get("/", page)
    server = await aiohttp_server(app)
    origin = str(server.make_url("")).rstrip("/")
    await portal.world.call(
        OPERATOR, "partners.create", id="shop", name="Shop", scopes=["recommendations:*"], origins=[origin]
    )

    await portal.page.goto(f"{origin}/")
    await expect(portal.offers.get_by_role("listitem")).to_have_count(2)
    await expect(portal.card().get_by_role("button", name="Order")).to_have_css("background-color", "rgb(29, 78, 216)")


async def test_a_page_decides_how_the_element_looks(portal: Portal) -> None:
    await portal.open()
    await portal.page.evaluate(
        "const sheet = new CSSStyleSheet(); document.adoptedStyleSheets = [sheet];"
        "sheet.replaceSync('tuila-recommendations { --tuila-accent: rgb(120, 0, 60); }"
        " tuila-recommendations::part(name) { font-style: italic; }')"
    )
    button = portal.card().get_by_role("button", name="订购")
    await expect(button).to_have_css("background-color", "rgb(120, 0, 60)")
    await expect(portal.card().get_by_role("heading", level=3)).to_have_css("font-style", "italic")


async def test_the_language_changes_with_its_attribute(portal: Portal) -> None:
    await portal.open()
    await portal.offers.evaluate("(element) => element.setAttribute('locale', 'en')")
    await expect(portal.offers.get_by_role("heading", name="Recommended for you")).to_be_visible()
    await expect(portal.card().get_by_role("button", name="Not interested")).to_be_visible()
