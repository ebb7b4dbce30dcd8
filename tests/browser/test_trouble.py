"""What the visitor sees when something is wrong, and how it gets right again."""

from __future__ import annotations

import pytest
from playwright.async_api import Route, expect

from tests.browser.conftest import PHONE, Portal

pytestmark = pytest.mark.browser

_REFUSAL = {
    "type": "/problems/unavailable",
    "title": "服务暂时不可用",
    "status": 503,
    "code": "unavailable",
    "detail": "存储未应答",
}


async def test_a_service_that_fails_is_told_and_a_retry_brings_the_offers(portal: Portal) -> None:
    async def fail(route: Route) -> None:
        await route.fulfill(status=500, json={**_REFUSAL, "status": 500})

    await portal.page.route("**/v1/recommendations?*", fail)
    await portal.page.goto(f"{portal.url}/portal")
    await expect(portal.offers.get_by_text("暂时无法加载", exact=True)).to_be_visible()
    await expect(portal.offers.get_by_text("存储未应答", exact=True)).to_be_visible()
    await portal.page.unroute("**/v1/recommendations?*")
    await portal.offers.get_by_role("button", name="重试").click()
    await expect(portal.offers.get_by_role("listitem")).to_have_count(3)


async def test_a_short_silence_is_bridged_by_asking_again(portal: Portal) -> None:
    asked = []

    async def fail_once(route: Route) -> None:
        asked.append(route.request.url)
        if len(asked) == 1:
            await route.fulfill(status=503, json=_REFUSAL)
        else:
            await route.continue_()

    await portal.page.route("**/v1/recommendations?*", fail_once)
    await portal.open()
    assert len(asked) == 2


async def test_a_page_that_was_offline_loads_by_itself_when_the_network_is_back(portal: Portal) -> None:
    await portal.open()
    await portal.page.context.set_offline(True)
    await portal.page.evaluate("document.querySelector('tuila-recommendations').remove()")
    await portal.page.evaluate(
        "document.querySelector('#recommendations').append(Object.assign("
        "document.createElement('tuila-recommendations')), ''); "
        "document.querySelector('tuila-recommendations').setAttribute('client-id', 'demo-portal')"
    )
    await expect(portal.offers.get_by_text("网络已断开，恢复后会自动重试", exact=True)).to_be_visible()
    await portal.page.context.set_offline(False)
    await expect(portal.offers.get_by_role("listitem")).to_have_count(3)


async def test_nothing_to_recommend_is_said_in_words(portal: Portal) -> None:
    async def nothing(route: Route) -> None:
        await route.fulfill(json={"items": [], "model": "none"})

    await portal.page.route("**/v1/recommendations?*", nothing)
    await portal.page.goto(f"{portal.url}/portal")
    await expect(portal.offers.get_by_text("暂时没有适合您的推荐")).to_be_visible()


async def test_a_wrong_code_is_told_with_the_tries_left_and_the_right_one_still_binds(portal: Portal) -> None:
    await portal.open()
    card = portal.card()
    await card.get_by_role("button", name="订购").click()
    await card.get_by_role("textbox", name="手机号").fill("123")
    await card.get_by_role("button", name="获取验证码").click()
    await expect(card.get_by_role("alert")).to_have_text("手机号码不正确")
    await card.get_by_role("textbox", name="手机号").fill(PHONE)
    await card.get_by_role("button", name="获取验证码").click()
    code = card.get_by_role("textbox", name="验证码")
    await code.fill("12")
    await code.press("Enter")
    await expect(card.get_by_role("alert")).to_have_text("请输入 6 位数字验证码")
    await code.fill("000000")
    await code.press("Enter")
    await expect(card.get_by_role("alert")).to_have_text("验证码不正确 · 还可以再试 4 次")
    await expect(code).to_be_focused()
    await expect(code).to_have_attribute("aria-invalid", "true")
    await expect(card.get_by_role("button", name="秒后可重新获取")).to_have_attribute("aria-disabled", "true")
    await code.fill("123456")
    await code.press("Enter")
    await expect(portal.dialog).to_be_visible()


async def test_a_number_that_is_not_a_subscribers_can_be_changed(portal: Portal) -> None:
    await portal.open()
    await portal.card().get_by_role("button", name="订购").click()
    await portal.bind(portal.card(), "13900009999")
    await expect(portal.card().get_by_role("alert")).to_have_text("该号码不是本网用户")
    await portal.card().get_by_role("button", name="更换手机号").click()
    await expect(portal.card().get_by_role("textbox", name="手机号")).to_be_focused()
    await portal.card().get_by_role("button", name="暂不").click()
    await expect(portal.card().get_by_role("button", name="订购")).to_be_focused()


async def test_an_order_the_back_end_refuses_ends_as_failed_without_charge(portal: Portal) -> None:
    await portal.open("?offer=TM-MUSIC-10")
    portal.world.boss.refused_offers["TM-MUSIC-10"] = "arrears"
    await portal.card().get_by_role("button", name="订购").click()
    await portal.bind(portal.card())
    await portal.dialog.get_by_role("button", name="确认订购").click()
    await expect(portal.card().get_by_text("办理未成功，未扣费")).to_be_visible()
    await expect(portal.orders.locator("[data-state=failed]")).to_be_visible()


async def test_a_slow_back_end_is_followed_to_the_end(portal: Portal) -> None:
    await portal.open()
    portal.world.boss.lose_next = 1  # the answer is lost: unknown, then found by asking
    await portal.card().get_by_role("button", name="订购").click()
    await portal.bind(portal.card())
    await portal.dialog.get_by_role("button", name="确认订购").click()
    await expect(portal.card().get_by_text("核实中…")).to_be_visible()
    await expect(portal.card().get_by_text("已开通", exact=True)).to_be_visible(timeout=20_000)
    assert len(portal.world.boss.effects) == 1


async def test_an_offer_that_cannot_be_combined_is_refused_in_words(portal: Portal) -> None:
    await portal.world.subscriber(phone="+8613800003333", held=("TM-MUSIC-15",))
    await portal.open("?offer=TM-MUSIC-10")
    await portal.card().get_by_role("button", name="订购").click()
    await portal.bind(portal.card(), "13800003333")
    await expect(portal.card().get_by_role("button", name="重试")).to_be_visible()
    await expect(portal.dialog).to_have_count(0)


async def test_a_token_that_opens_nothing_any_more_is_replaced_unseen(portal: Portal) -> None:
    await portal.open()
    await portal.page.evaluate(
        "const [key] = Object.keys(localStorage);"
        "localStorage.setItem(key, JSON.stringify({ ...JSON.parse(localStorage.getItem(key)), token: 'spent' }))"
    )
    await portal.open()
    await expect(portal.offers.get_by_role("listitem")).to_have_count(3)


async def test_a_token_near_its_end_is_renewed_for_the_same_visitor(portal: Portal) -> None:
    await portal.open()
    before = await portal.page.evaluate("JSON.parse(Object.values(localStorage)[0])")
    await portal.page.evaluate(
        "const [key] = Object.keys(localStorage); const soon = new Date(Date.now() + 60000).toISOString();"
        "localStorage.setItem(key, JSON.stringify({ ...JSON.parse(localStorage.getItem(key)), expires_at: soon }))"
    )
    await portal.open()
    after = await portal.page.evaluate("JSON.parse(Object.values(localStorage)[0])")
    assert after["account"] == before["account"]
    assert after["token"] != before["token"]


async def test_a_browser_without_storage_still_orders(portal: Portal) -> None:
    await portal.page.add_init_script(
        "Object.defineProperty(window, 'localStorage', { get() { throw new DOMException('refused', 'SecurityError'); } })"
    )
    await portal.open()
    await portal.card().get_by_role("button", name="订购").click()
    await portal.bind(portal.card())
    await portal.dialog.get_by_role("button", name="确认订购").click()
    await expect(portal.card().get_by_text("已开通", exact=True)).to_be_visible()


async def test_a_page_that_is_not_on_the_partners_list_is_told_so(portal: Portal) -> None:
    await portal.page.goto(f"{portal.url.replace('127.0.0.1', 'localhost')}/portal")
    await expect(portal.offers.locator("p.soft", has_text="不在该合作方的允许列表中")).to_be_visible()


async def test_data_is_never_taken_for_markup(portal: Portal) -> None:
    offer = {
        "impression": f"{portal.world.platform.ids()}.0", "offer": "TM-X-1", "name": "<img src=x onerror=alert(1)>", "price_fen": 1,
        "period": "month", "score": 1, "reason": {"code": "popular", "words": "<b>x</b>"}, "link": "",
    }  # fmt: skip

    async def evil(route: Route) -> None:
        await route.fulfill(json={"items": [offer], "model": "m"})

    await portal.page.route("**/v1/recommendations?*", evil)
    await portal.open()
    assert await portal.name() == offer["name"]
    await expect(portal.offers.locator("img, li b b")).to_have_count(0)
