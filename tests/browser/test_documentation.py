"""The documentation page shows every operation and tries them for real."""

from __future__ import annotations

import asyncio
import shutil
import sys
from pathlib import Path

import aiohttp
import pytest
from playwright.async_api import Route, expect

from tests.browser.conftest import Portal

pytestmark = pytest.mark.browser


async def test_every_operation_of_the_description_is_there(portal: Portal) -> None:
    async with aiohttp.ClientSession() as session, session.get(f"{portal.url}/openapi.json") as response:
        described = await response.json()
    expected = {one["operationId"] for methods in described["paths"].values() for one in methods.values()}
    await portal.page.goto(f"{portal.url}/docs")
    operations = portal.page.locator("details.operation")
    await operations.first.wait_for()
    assert {await one.get_attribute("id") for one in await operations.all()} == expected


async def test_an_operation_shows_parameters_body_answer_errors_and_an_example(portal: Portal) -> None:
    await portal.page.goto(f"{portal.url}/docs?lang=en#orders.place")
    operation = portal.page.locator("[id='orders.place']")
    for title in ("Parameters", "Request body", "Answer", "Errors", "Try it"):
        await expect(operation.get_by_role("heading", name=title, exact=True)).to_be_visible()
    await expect(operation.get_by_role("row", name="order-already-open")).to_be_visible()
    await expect(operation.get_by_role("row", name="price_fen")).to_be_visible()
    await operation.get_by_text("Example answer").click()
    await expect(operation.locator(".example pre")).to_contain_text('"price_fen"')


async def test_a_call_is_tried_with_a_session_of_its_own(portal: Portal) -> None:
    await portal.page.goto(f"{portal.url}/docs#recommendations.list")
    operation = portal.page.locator("[id='recommendations.list']")
    send = operation.get_by_role("button", name="发送请求")
    await send.click()
    await expect(operation.get_by_role("status")).to_contain_text("应答 401")
    await portal.page.get_by_role("button", name="打开演示会话").click()
    await expect(portal.page.get_by_text("会话已打开，令牌已填入")).to_be_visible()
    await operation.get_by_label("limit").fill("2")
    await expect(operation.locator("form pre").first).to_contain_text("limit=2")
    await expect(operation.locator("form pre").first).to_contain_text("Authorization: Bearer ")
    await send.click()
    await expect(operation.get_by_role("status")).to_contain_text("应答 200")
    await expect(operation.locator("form pre").last).to_contain_text('"impression"')


async def test_a_missing_field_and_broken_json_are_told_before_sending(portal: Portal) -> None:
    await portal.page.goto(f"{portal.url}/docs#orders.get")
    get = portal.page.locator("[id='orders.get']")
    await get.get_by_role("button", name="发送请求").click()
    await expect(get.get_by_role("status")).to_have_text("请填写 id")
    await portal.page.goto(f"{portal.url}/docs#orders.place")
    place = portal.page.locator("[id='orders.place']")
    await place.get_by_role("textbox", name="请求内容（JSON）").fill("{")
    await place.get_by_role("button", name="发送请求").click()
    await expect(place.get_by_role("status")).to_have_text("请求内容不是合法的 JSON")


async def test_a_description_that_does_not_load_can_be_asked_for_again(portal: Portal) -> None:
    async def fail(route: Route) -> None:
        await route.fulfill(status=503, body="")

    await portal.page.route("**/openapi.json", fail)
    await portal.page.goto(f"{portal.url}/docs")
    await expect(portal.page.get_by_role("alert")).to_contain_text("接口描述加载失败")
    await portal.page.unroute("**/openapi.json")
    await portal.page.get_by_role("button", name="重试").click()
    await expect(portal.page.locator("details.operation").first).to_be_visible()


RUNNERS = {
    "curl": ("call.sh", "sh"),
    "Python": ("call.py", sys.executable),
    "JavaScript": ("call.mjs", "node"),
    "Java": ("Call.java", "java"),
    "PHP": ("call.php", "php"),
}


@pytest.mark.parametrize("language", RUNNERS)
async def test_the_code_to_copy_runs_and_gets_the_answer(portal: Portal, language: str, tmp_path: Path) -> None:
    name, runner = RUNNERS[language]
    if shutil.which(runner) is None or (language == "Java" and shutil.which("javac") is None):
        pytest.skip(f"no {runner} with a compiler here")
    await portal.page.goto(f"{portal.url}/docs?lang=en#sessions.open")
    operation = portal.page.locator("[id='sessions.open']")
    await operation.get_by_label("Request body (JSON)").fill('{"client_id": "it\'s \\"nobody\\""}')
    await operation.get_by_label("Language").select_option(language)
    code = await operation.locator("form pre").first.inner_text()
    (tmp_path / name).write_text(code)
    process = await asyncio.create_subprocess_exec(
        runner, str(tmp_path / name), stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    printed, complaint = await asyncio.wait_for(process.communicate(), 60)
    assert b"origin-refused" in printed or b"malformed-request" in printed, (printed, complaint)
