"""Everything by keyboard alone, and the focus is always somewhere sensible."""

from __future__ import annotations

import pytest
from playwright.async_api import expect

from tests.browser.conftest import PHONE, Portal
from tests.fixtures.world import CODE

pytestmark = pytest.mark.browser


async def _focused(portal: Portal) -> str:
    """Name or text of what has the focus, through shadow trees."""
    text: str = await portal.page.evaluate(
        "() => { let at = document.activeElement; while (at?.shadowRoot?.activeElement) at = at.shadowRoot.activeElement;"
        " return at.getAttribute('aria-label') || at.name || at.textContent; }"
    )
    return text


async def _tab_to(portal: Portal, wanted: str) -> None:
    for _ in range(40):
        if (await _focused(portal)).startswith(wanted):
            return
        await portal.page.keyboard.press("Tab")
    raise AssertionError(f"Tab never reaches {wanted!r}; it is at {await _focused(portal)!r}")


async def test_binding_ordering_and_confirming_need_no_mouse(portal: Portal) -> None:
    await portal.open()
    keyboard, name = portal.page.keyboard, await portal.name()
    await _tab_to(portal, f"订购 {name}")
    await keyboard.press("Enter")
    await portal.card().get_by_role("textbox", name="手机号").wait_for()
    assert await _focused(portal) == "phone"
    await keyboard.type(PHONE)
    await keyboard.press("Enter")
    await portal.card().get_by_role("textbox", name="验证码").wait_for()
    assert await _focused(portal) == "code"
    await keyboard.type(CODE)
    await keyboard.press("Enter")

    await portal.dialog.wait_for()
    # The heading, not the yes: one Enter too many must not order.
    assert await _focused(portal) == "确认订购"
    await keyboard.press("Enter")
    await expect(portal.dialog).to_be_visible()
    await keyboard.press("Tab")
    await keyboard.press("Enter")
    await expect(portal.card().get_by_text("已开通", exact=True)).to_be_visible()
    assert await _focused(portal) == name


async def test_escape_in_the_dialog_is_a_no(portal: Portal) -> None:
    await portal.open()
    await portal.card().get_by_role("button", name="订购").click()
    await portal.bind(portal.card())
    await portal.dialog.wait_for()
    await portal.page.keyboard.press("Escape")
    await expect(portal.dialog).to_have_count(0)
    await expect(portal.card().get_by_text("已取消，未扣费")).to_be_visible()
    assert await _focused(portal) == await portal.name()


async def test_after_declining_the_focus_is_on_the_next_offer(portal: Portal) -> None:
    await portal.open()
    following = await portal.name(1)
    await _tab_to(portal, "不感兴趣")
    await portal.page.keyboard.press("Enter")
    await expect(portal.card().get_by_role("heading", name=following)).to_be_visible()
    assert (await _focused(portal)).endswith(following)


async def test_unfolding_the_steps_of_an_order_keeps_the_focus_on_its_button(portal: Portal) -> None:
    await portal.open()
    await portal.card().get_by_role("button", name="订购").click()
    await portal.bind(portal.card())
    await portal.dialog.get_by_role("button", name="暂不订购").click()
    await portal.orders.get_by_role("button", name="办理过程").wait_for()
    await _tab_to(portal, "办理过程")
    await portal.page.keyboard.press("Enter")
    await expect(portal.orders.get_by_role("button", name="办理过程")).to_have_attribute("aria-expanded", "true")
    assert (await _focused(portal)).startswith("办理过程")


async def test_every_target_is_at_least_44_pixels_high(portal: Portal) -> None:
    await portal.open()
    await portal.card().get_by_role("button", name="订购").click()
    await portal.card().get_by_role("textbox", name="手机号").wait_for()
    for place in (portal.offers, portal.orders):
        for control in await place.locator("button:visible, input:visible").all():
            box = await control.bounding_box()
            assert box is not None and box["height"] >= 44 and box["width"] >= 44
