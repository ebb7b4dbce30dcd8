import pytest
from aiohttp import web

from tests.fixtures.browser import open_page

pytestmark = pytest.mark.browser


async def test_a_page_served_by_the_test_itself_is_shown(page, aiohttp_server):
    async def hello(_request):
        return web.Response(
            text="<h1></h1><script>document.querySelector('h1').textContent = navigator.language</script>",
            content_type="text/html",
        )

    app = web.Application()
    app.router.add_get("/", hello)
    server = await aiohttp_server(app)
    await page.goto(str(server.make_url("/")))
    assert await page.inner_text("h1") == "zh-CN"


async def test_an_uncaught_error_of_a_page_fails_its_test(chromium):
    with pytest.raises(AssertionError, match="broken widget"):
        async with open_page(chromium) as page:
            await page.goto("data:text/html,<script>throw new Error('broken widget')</script>")
