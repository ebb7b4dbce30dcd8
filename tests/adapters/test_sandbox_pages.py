"""The stand-ins' pages in a real browser: they work, by keyboard too, and axe-core finds nothing serious."""

import os
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from axe_playwright_python.async_playwright import Axe
from playwright.async_api import Browser, Page, expect

from adapters.boss import sandbox as boss_sandbox
from adapters.boss.client import BossClient
from adapters.boss.protocol import ProvisionOrder
from adapters.sms import sandbox as sms_sandbox
from adapters.sms.client import SmsClient
from adapters.wechat.protocol import Article, Button, Choice
from tests.adapters.wechat_world import PERSON, Posted, platform

pytestmark = pytest.mark.browser
PICTURES = os.environ.get("TUILA_PAGE_PICTURES")  # a folder: every page looked at is also kept there as a picture


@pytest.fixture
async def page(chromium: Browser) -> AsyncIterator[Page]:
    page = await chromium.new_page(locale="zh-CN", reduced_motion="reduce", viewport={"width": 1180, "height": 900})
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.on("console", lambda message: errors.append(message.text) if message.type == "error" else None)
    yield page
    # A test's server stops before its page does, and a page that asks for news is then refused: no fault of the page.
    assert [error for error in errors if "net::ERR_CONNECTION_REFUSED" not in error] == []


async def look(page: Page, name: str) -> None:
    """Check the page with axe-core in both languages, light and dark, and keep pictures if asked to."""
    for scheme in ("light", "dark"):
        await page.emulate_media(color_scheme=scheme)
        await check(page)
        if PICTURES:
            await page.screenshot(path=Path(PICTURES) / f"{name}-{scheme}.png", full_page=True)
    await page.emulate_media(color_scheme="light")
    await page.get_by_role("button", name="Switch to English").click()
    await check(page)
    if PICTURES:
        await page.screenshot(path=Path(PICTURES) / f"{name}-en.png", full_page=True)


async def check(page: Page) -> None:
    results = await Axe().run(page)
    found: list[Any] = results.response["violations"]
    assert [(one["id"], [node["html"] for node in one["nodes"]]) for one in found] == []


async def test_the_boss_page_shows_the_ledger_and_sets_faults(page: Page, tmp_path: Path) -> None:
    app = boss_sandbox.make_app(tmp_path / "ledger.sqlite3", "key")
    async with TestServer(app) as server, aiohttp.ClientSession() as session:
        boss = BossClient(session, str(server.make_url("")), "key")
        for number, action in (("N1", "subscribe"), ("N2", "subscribe"), ("N3", "unsubscribe")):
            await boss.provision(ProvisionOrder(number, "sub-1", None, "MUSIC-10", action, "now", 1000))  # type: ignore[arg-type]  # plain words in the tuple
        await page.goto(str(server.make_url("/")))
        await expect(page.get_by_role("cell", name="N3")).to_be_visible()
        await page.get_by_label("拒绝订单").fill("MUSIC-10，READ-5")
        await page.get_by_label("办了却丢失应答").fill("next 2")
        await page.get_by_label("停机").focus()
        await page.keyboard.press("Space")
        await page.get_by_role("button", name="应用").press("Enter")
        await expect(page.get_by_text("已生效。")).to_be_visible()
        async with session.get(server.make_url("/faults")) as response:
            assert await response.json() == {
                "slow_seconds": 0.0, "lose_answer": "next 2", "refuse": ["MUSIC-10", "READ-5"], "down": True, "processing_polls": 0,
            }  # fmt: skip
        await page.get_by_role("button", name="收到的请求").click()
        await expect(page.get_by_role("cell", name="收下").first).to_be_visible()
        await page.get_by_role("button", name="已办业务").click()
        await expect(page.get_by_role("cell", name="退订")).to_be_visible()
        await look(page, "boss")


async def test_the_inbox_shows_the_newest_first_and_filters_by_number(page: Page) -> None:
    async with TestServer(sms_sandbox.make_app("key")) as server, aiohttp.ClientSession() as session:
        sms = SmsClient(session, str(server.make_url("")), "key")
        await sms.send("+8613800138000", "【推拉】您的验证码是 482913，5 分钟内有效，请勿告诉他人。", "m1")
        await page.goto(str(server.make_url("/")))
        await expect(page.get_by_text("482913")).to_be_visible()
        await sms.send("+8613900139000", "<b>您好</b>", "m2")
        await expect(page.get_by_role("listitem").first).to_contain_text("<b>您好</b>")
        await look(page, "sms")
        await page.get_by_label("Only this number").fill("138")
        await expect(page.get_by_role("listitem")).to_have_count(1)


async def test_the_phone_talks_as_wechat_does(page: Page) -> None:
    async with platform() as there:

        async def answer(posted: Posted) -> web.StreamResponse:
            content = posted.message.get("Content") or posted.message.get("EventKey") or posted.message["Event"]
            if content == "推荐":
                content = (
                    '为您推荐：\n1 <a href="weixin://bizmsgmenu?msgmenucontent=订1&msgmenuid=101">流量音乐包</a> 每月 10 元\n'
                    '2 悦读会员 每月 5 元\n<a href="https://shop.example/">看全部</a> <img src=x onerror=alert(1)>'
                )
            elif content not in {"recommend", "subscribe", "bind-1"}:
                content = f"收到：{content}"
            return there.server.reply(posted, content)

        there.server.answer = answer
        api = there.client()
        buttons = [
            Button("推荐", key="recommend"),
            Button("我的", below=(Button("我的订单", key="orders"), Button("网上营业厅", url="https://shop.example/"))),
            Button("帮助", key="help"),
        ]
        await api.create_menu(buttons)
        await api.create_qrcode("bind-1", 600)
        await page.goto(f"{there.url}/?openid={PERSON}")
        log = page.get_by_role("log")
        await expect(page.get_by_role("textbox", name="消息")).to_be_disabled()
        await page.get_by_role("button", name="关注公众号").click()
        await expect(log).to_contain_text("已关注")
        await page.get_by_role("textbox", name="消息").fill("推荐")
        await page.keyboard.press("Enter")
        await expect(log).to_contain_text("<img src=x onerror=alert(1)>")
        await expect(log.get_by_role("link", name="看全部")).to_have_attribute("href", "https://shop.example/")
        await log.get_by_role("button", name="流量音乐包").click()
        await expect(log).to_contain_text("收到：订1")
        assert there.server.posted[-1].message["bizmsgmenuid"] == "101"
        await page.get_by_role("button", name="我的", exact=False).press("Enter")
        await page.get_by_role("button", name="我的订单").press("Enter")
        await expect(log).to_contain_text("收到：orders")
        card = Article("流量音乐包", "1 GB 流量 + 音乐会员，每月 10 元", "https://shop.example/1")
        await api.send_news(PERSON, [card])
        await api.send_menu(PERSON, "这次服务满意吗？", [Choice("1", "满意"), Choice("2", "不满意")], "谢谢您的评价")
        await api.send_template(
            PERSON, "T1", {"业务": "流量音乐包", "状态": "已开通"}, url="https://shop.example/orders"
        )
        await expect(log).to_contain_text("已开通")
        await expect(log.get_by_text("客服消息")).to_have_count(2)
        await log.get_by_role("button", name="满意", exact=True).click()
        await expect(log).to_contain_text("收到：满意")
        await look(page, "phone")
        await page.get_by_label("Scene, or the address in the code").fill("bind-1")
        await page.get_by_role("button", name="Scan", exact=True).click()
        await expect(log).to_contain_text("Scanned a QR code")
        assert there.server.posted[-1].message["Event"] == "SCAN"
        await expect(page.locator("#violations")).to_have_text("0")


async def test_a_dead_gateway_shows_the_fault_notice(page: Page) -> None:
    async with platform() as there:
        await there.do("subscribe")
        await there.call("PUT", "/control/account", {"callback_url": "http://127.0.0.1:9/"})
        await page.goto(f"{there.url}/?openid={PERSON}")
        await page.get_by_role("textbox", name="消息").fill("推荐")
        await page.keyboard.press("Enter")
        await expect(page.get_by_role("log")).to_contain_text("该公众号提供的服务出现故障，请稍后再试")
        await expect(
            page.get_by_text("TEXT · 第 3 次", exact=False).or_(page.get_by_text("text · 第 3 次", exact=False))
        ).to_be_visible()
