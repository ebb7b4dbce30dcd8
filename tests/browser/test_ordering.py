"""A stranger becomes a customer on the portal page, in a real browser, against the real gateway."""

from __future__ import annotations

import pytest
from playwright.async_api import Route, expect

from tests.browser.conftest import PHONE, Portal

pytestmark = pytest.mark.browser


async def test_a_stranger_binds_orders_confirms_and_sees_the_order_completed(portal: Portal) -> None:
    await portal.open()
    name = await portal.name()
    card = portal.card()
    await card.get_by_role("button", name=f"订购 {name}").click()
    await portal.bind(card)

    await expect(portal.dialog.get_by_role("heading", name="确认订购")).to_be_visible()
    asked = await portal.dialog.inner_text()
    assert name in asked and "元/" in asked and "如何退订" in asked and "按" in asked
    await portal.dialog.get_by_role("button", name="确认订购").click()

    await expect(card.get_by_text("已开通", exact=True)).to_be_visible()
    await expect(portal.orders.get_by_role("heading", name=f"订购 · {name} 已完成")).to_be_visible()
    await expect(portal.orders.get_by_role("button", name=f"退订 {name}")).to_be_visible()
    assert len(portal.world.boss.effects) == 1
    assert portal.world.sms.to(f"+86{PHONE}")


async def test_the_order_knows_the_showing_it_came_from(portal: Portal) -> None:
    await portal.open()
    async with portal.page.expect_request("**/v1/orders") as sent:
        await portal.card().get_by_role("button", name="订购").click()
    request = await sent.value
    assert request.post_data_json is not None
    assert request.post_data_json["attribution"]["impression"].endswith(".0")
    assert request.headers["idempotency-key"]


async def test_a_no_in_the_dialog_cancels_the_order_and_charges_nothing(portal: Portal) -> None:
    await portal.open()
    card = portal.card()
    await card.get_by_role("button", name="订购").click()
    await portal.bind(card)
    await portal.dialog.get_by_role("button", name="暂不订购").click()
    await expect(card.get_by_text("已取消，未扣费")).to_be_visible()
    await expect(portal.orders.locator("[data-state=cancelled]")).to_be_visible()
    assert portal.world.boss.effects == []

    # It may be ordered after all.
    await card.get_by_role("button", name="订购").click()
    await portal.dialog.get_by_role("button", name="确认订购").click()
    await expect(card.get_by_text("已开通", exact=True)).to_be_visible()


async def test_an_answer_lost_on_the_way_does_not_order_twice(portal: Portal) -> None:
    await portal.open()
    await portal.orders.get_by_role("button", name="验证手机号").click()
    await portal.bind(portal.orders)
    await portal.orders.get_by_text("还没有订单").wait_for()
    keys: list[str] = []

    async def lose_the_first_answer(route: Route) -> None:
        keys.append(route.request.headers["idempotency-key"])
        if len(keys) == 1:
            await route.fetch()
            await route.abort()
        else:
            await route.continue_()

    await portal.page.route("**/v1/orders", lose_the_first_answer)
    await portal.card(1).get_by_role("button", name="订购").click()
    await portal.dialog.get_by_role("button", name="确认订购").click()
    await expect(portal.card(1).get_by_text("已开通", exact=True)).to_be_visible()
    await expect(portal.orders.locator("[data-state]")).to_have_count(1)
    assert len(keys) == 2 and len(set(keys)) == 1
    assert len(portal.world.boss.effects) == 1


async def test_a_held_service_is_unsubscribed_after_a_confirmation(portal: Portal) -> None:
    number = await portal.world.subscriber(phone="+8613800002222", held=("TM-MUSIC-6",))
    assert number
    await portal.open()
    await portal.orders.get_by_role("button", name="验证手机号").click()
    await portal.bind(portal.orders, "13800002222")
    await portal.orders.get_by_role("button", name="退订 音乐基础会员").click()
    await portal.dialog.get_by_role("button", name="确认退订").click()
    await expect(portal.orders.get_by_role("heading", name="退订 · 音乐基础会员 已完成")).to_be_visible()
    await expect(portal.orders.get_by_text("还没有订购的业务")).to_be_visible()


async def test_an_order_awaiting_its_yes_can_be_cancelled_and_its_steps_are_shown(portal: Portal) -> None:
    await portal.open()
    await portal.orders.get_by_role("button", name="验证手机号").click()
    await portal.bind(portal.orders)
    await portal.orders.get_by_text("还没有订单").wait_for()
    await portal.card().get_by_role("button", name="订购").click()
    await portal.dialog.wait_for()
    await portal.page.reload()

    await portal.orders.get_by_role("button", name="取消订单").click()
    line = portal.orders.locator("[data-state=cancelled]")
    await line.get_by_role("button", name="办理过程").click()
    steps = line.get_by_role("list").get_by_role("listitem")
    await expect(steps).to_have_count(3)
    await expect(steps.nth(2)).to_contain_text("已取消")


async def test_a_declined_offer_disappears_and_stays_away(portal: Portal) -> None:
    await portal.open()
    name = await portal.name()
    async with portal.page.expect_response("**/v1/recommendations/feedback") as answered:
        await portal.card().get_by_role("button", name=f"不感兴趣 {name}").click()
    assert (await answered.value).ok
    await expect(portal.offers.get_by_role("heading", name=name, exact=True)).to_have_count(0)
    await expect(portal.offers.get_by_role("status")).to_have_text(f"已为您隐藏「{name}」，近期不再推荐")
    await portal.open()
    await expect(portal.offers.get_by_role("heading", name=name, exact=True)).to_have_count(0)


async def test_a_link_from_a_chat_shows_its_offer_first_and_reports_the_click(portal: Portal) -> None:
    impression = f"{portal.world.platform.ids()}.0"
    async with portal.page.expect_request("**/v1/recommendations/feedback") as sent:
        await portal.open(f"?offer=TM-MUSIC-10&impression={impression}")
    assert (await sent.value).post_data_json == {
        "kind": "clicked", "offer": "TM-MUSIC-10", "place": "any", "impression": impression,
    }  # fmt: skip
    assert await portal.name() == "音乐畅听会员"
    await expect(portal.card().get_by_text("您刚才查看的商品")).to_be_visible()
    await expect(portal.offers.get_by_role("listitem")).to_have_count(3)


async def test_details_tell_how_to_cancel(portal: Portal) -> None:
    await portal.open()
    button = portal.card().get_by_role("button", name="详情")
    await button.click()
    await expect(portal.card().get_by_text("如何退订：")).to_be_visible()
    await expect(button).to_have_attribute("aria-expanded", "true")


async def test_the_page_of_a_reload_is_the_same_visitor(portal: Portal) -> None:
    await portal.open()
    opened = await portal.page.evaluate("Object.values(localStorage)[0]")
    await portal.open()
    assert await portal.page.evaluate("Object.values(localStorage)[0]") == opened


async def test_the_page_hears_of_binding_and_ordering(portal: Portal) -> None:
    await portal.page.add_init_script(
        "window.heard = []; for (const name of ['tuila-bound', 'tuila-ordered', 'tuila-error'])"
        " document.addEventListener(name, (event) => heard.push([name, event.detail]));"
    )
    await portal.open()
    await portal.card().get_by_role("button", name="订购").click()
    await portal.bind(portal.card())
    await portal.dialog.get_by_role("button", name="确认订购").click()
    await portal.card().get_by_text("已开通", exact=True).wait_for()
    heard = await portal.page.evaluate("heard")
    assert [name for name, _ in heard] == ["tuila-bound", "tuila-ordered", "tuila-ordered"]
    assert heard[-1][1]["order"]["state"] == "completed"
