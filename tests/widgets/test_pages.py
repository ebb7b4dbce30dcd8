"""Pages and static files over real sockets: headers, languages, and nothing of the address in the markup."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator

import aiohttp
import pytest

from config.settings import Settings
from gateway.server import listen, new_server, serving
from widgets import portal, static_files


@pytest.fixture
async def http() -> AsyncIterator[aiohttp.ClientSession]:
    app, settings = new_server("pages", body_bytes=1024), Settings()
    portal.mount(app, settings)
    portal.mount_docs(app, settings)
    portal.mount_partners(app)
    portal.mount_start(app, settings, [portal.Link("http://127.0.0.1:1/", "手机", "Phone", "对话", "Talk")])
    async with serving(app, listen("127.0.0.1", 0)) as url, aiohttp.ClientSession(url) as session:
        yield session


@pytest.mark.parametrize("path", ["/", "/portal", "/docs", "/partners"])
async def test_pages_run_nothing_inline_and_load_from_here_alone(http: aiohttp.ClientSession, path: str) -> None:
    async with http.get(path) as response:
        html = await response.text()
    assert response.status == 200
    policy = response.headers["content-security-policy"]
    assert "default-src 'none'" in policy and "script-src 'self'" in policy and "unsafe" not in policy
    assert response.headers["x-content-type-options"] == "nosniff"
    assert not re.search(r"<script(?![^>]*\bsrc=)|<style|\sstyle=|\son\w+=", html)
    assert not re.findall(r'<[^>]+(?:src|href)="(?:https?:)?//(?!127\.0\.0\.1:1/)', html)


@pytest.mark.parametrize(
    "query,accepted,lang",
    [
        ("", "zh-CN,zh;q=0.9", "zh-CN"),
        ("", "en-GB,en;q=0.9", "en"),
        ("?lang=en", "zh-CN", "en"),
        ("?lang=zh-CN", "en", "zh-CN"),
        ("?lang=fr", "en", "zh-CN"),
    ],
)
async def test_the_language_is_the_wanted_one_else_the_browsers_else_chinese(
    http: aiohttp.ClientSession, query: str, accepted: str, lang: str
) -> None:
    async with http.get(f"/portal{query}", headers={"Accept-Language": accepted}) as response:
        assert f'<html lang="{lang}">' in await response.text()


async def test_an_offer_of_a_link_is_handed_to_the_element(http: aiohttp.ClientSession) -> None:
    impression = "01890a5d-ac96-774b-bcce-b302099a8057.0"
    async with http.get("/portal", params={"offer": "TM-MUSIC-10", "impression": impression}) as response:
        html = await response.text()
    assert f'offer="TM-MUSIC-10" impression="{impression}"' in html


@pytest.mark.parametrize("offer", ['"><script>alert(1)</script>', "tm-music", "A" * 61, ""])
async def test_what_is_no_offer_code_never_reaches_the_page(http: aiohttp.ClientSession, offer: str) -> None:
    async with http.get("/portal", params={"offer": offer, "impression": offer}) as response:
        html = await response.text()
    assert response.status == 200
    assert "offer=" not in html and "alert" not in html


async def test_modules_load_from_any_origin_and_are_asked_for_again(http: aiohttp.ClientSession) -> None:
    async with http.get("/widgets/tuila-recommendations.js") as response:
        assert response.headers["content-type"].startswith("text/javascript")
        assert response.headers["access-control-allow-origin"] == "*"
        assert response.headers["x-content-type-options"] == "nosniff"
        etag = response.headers["etag"]
        assert await response.read() == (static_files.STATIC / "tuila-recommendations.js").read_bytes()
    async with http.get("/widgets/tuila-recommendations.js", headers={"If-None-Match": etag}) as again:
        assert again.status == 304 and await again.read() == b""


@pytest.mark.parametrize("name", ["nothing.js", "..%2fportal.py", "%2e%2e/portal.py", ".gitignore"])
async def test_only_the_files_of_the_folder_are_served(http: aiohttp.ClientSession, name: str) -> None:
    async with http.get(f"/widgets/{name}") as response:
        assert response.status == 404


async def test_every_module_finds_the_modules_it_imports() -> None:
    for module in static_files.STATIC.glob("*.js"):
        for wanted in re.findall(r'from "\./([^"]+)"', module.read_text(encoding="utf-8")):
            assert (static_files.STATIC / wanted).is_file(), f"{module.name} imports {wanted}"
