"""The partners' page in a browser: from an application to the account, and what is seen and done there."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.async_api import Page, Route, expect

from tests.browser.conftest import Portal
from tests.browser.test_accessibility import assert_sound
from tests.fixtures.world import OPERATOR

pytestmark = pytest.mark.browser

SCOPES = ["orders:*", "webhooks:*", "exchange:*", "reconciliation:read"]


async def credentials(portal: Portal, scopes: list[str] | None = None) -> tuple[str, str]:
    """A partner `shop`, and its secret."""
    made = await portal.world.call(
        OPERATOR, "partners.create", id="shop", name="Shop", scopes=SCOPES if scopes is None else scopes, origins=[]
    )
    return made.client_id, made.client_secret


async def sign_in(portal: Portal, client_id: str, secret: str, lang: str = "en") -> Page:
    page = portal.page
    await page.goto(f"{portal.url}/partners?lang={lang}")
    await page.locator("#client-id").fill(client_id)
    await page.locator("#client-secret").fill(secret)
    await page.keyboard.press("Enter")
    await page.locator("#account-facts dl").wait_for()
    await expect(page.locator("#inside [aria-busy]")).to_have_count(0)
    return page


async def test_from_an_application_to_the_account_by_keyboard(portal: Portal) -> None:
    page = portal.page
    await page.goto(f"{portal.url}/partners?lang=en")
    for name, words in (("client-id", "shop"), ("name", "Shop"), ("contact", "dev@shop.test")):
        await page.locator(f"#apply-{name}").fill(words)
    await page.keyboard.press("Enter")
    told = page.locator("#apply-told")
    await expect(told).to_contain_text("clm_")
    await expect(told).to_contain_text("shop-sandbox")
    await page.locator("#claim-code").focus()
    await page.keyboard.press("Enter")
    await expect(page.locator("#claim-told")).to_have_text("The application waits for the operator")
    applied = (await portal.world.call(OPERATOR, "applications.list")).items[0]
    await portal.world.call(OPERATOR, "applications.approve", id=applied.id)
    await page.keyboard.press("Enter")
    await expect(page.locator("#claim-told")).to_contain_text("tsk_")
    await page.locator("#client-secret").focus()
    await page.keyboard.press("Enter")
    await expect(page.locator("#account-title")).to_be_focused()
    await expect(page.locator("#account-facts")).to_contain_text("left")
    assert await page.locator("#client-secret").input_value() == ""
    kept = await page.evaluate("JSON.stringify([localStorage, sessionStorage, document.cookie, location.href])")
    assert "tsk_" not in kept and "eyJ" not in kept


@pytest.mark.parametrize("lang", ["zh-CN", "en"])
async def test_the_sandbox_of_an_application_is_shown_once_copied_and_signed_in_to(portal: Portal, lang: str) -> None:
    page = portal.page
    await page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    await page.set_viewport_size({"width": 390, "height": 860})
    await page.goto(f"{portal.url}/partners?lang={lang}")
    for name, words in (("client-id", "shop"), ("name", "Shop"), ("contact", "dev@shop.test")):
        await page.locator(f"#apply-{name}").fill(words)
    await page.keyboard.press("Enter")
    told = page.locator("#apply-told")
    secret = told.locator("code", has_text="tsk_")
    await secret.wait_for()
    copy = {"en": "Copy Sandbox secret", "zh-CN": "复制沙箱密钥"}[lang]
    await told.get_by_role("button", name=copy).focus()
    await page.keyboard.press("Enter")
    await told.get_by_role("button", name={"en": "Copied", "zh-CN": "已复制"}[lang]).wait_for()
    assert await page.evaluate("navigator.clipboard.readText()") == await secret.inner_text()
    await assert_sound(page)
    await page.locator("#client-secret").focus()
    await page.keyboard.press("Enter")
    await expect(page.locator("#account-facts")).to_contain_text("shop-sandbox")
    await page.reload()
    await expect(page.locator("body")).not_to_contain_text("tsk_")


async def test_where_nothing_can_be_copied_the_secret_is_marked(portal: Portal) -> None:
    page = portal.page
    await page.add_init_script("Object.defineProperty(navigator, 'clipboard', { value: undefined })")
    page = await sign_in(portal, *await credentials(portal))
    page.on("dialog", lambda dialog: dialog.accept())
    await page.locator("#renew").click()
    await page.get_by_role("button", name="Copy Client secret").click()
    marked = await page.evaluate("getSelection().toString()")
    assert marked.startswith("tsk_") and marked == await page.locator("#renew-told code").inner_text()


async def test_an_application_without_a_sandbox_says_so(portal: Portal) -> None:
    await portal.world.call(OPERATOR, "partners.create", id="shop-sandbox", name="Shop", scopes=[], mode="sandbox")
    page = portal.page
    await page.goto(f"{portal.url}/partners?lang=en")
    for name, words in (("client-id", "shop"), ("name", "Shop"), ("contact", "dev@shop.test")):
        await page.locator(f"#apply-{name}").fill(words)
    await page.keyboard.press("Enter")
    await expect(page.locator("#apply-told")).to_contain_text("No more sandboxes are opened today")


async def test_wrong_credentials_and_missing_fields_are_told_and_focused(portal: Portal) -> None:
    page = portal.page
    await page.goto(f"{portal.url}/partners?lang=en")
    await page.locator("#sign-in-form button").click()
    await expect(page.locator("#client-id")).to_be_focused()
    await expect(page.locator("#client-id")).to_have_attribute("aria-invalid", "true")
    await page.locator("#client-id").fill("shop")
    await page.locator("#client-secret").fill("tsk_wrong")
    await page.keyboard.press("Enter")
    await expect(page.locator("#sign-in-told")).to_have_text("The client id or secret is wrong")
    await expect(page.locator("#inside")).to_be_hidden()


async def test_places_are_saved_and_a_bad_one_is_told(portal: Portal) -> None:
    page = await sign_in(portal, *await credentials(portal))
    await page.locator("#origins").fill("https://a.test\nhttps://b.test")
    await page.locator("#addresses").fill("300.1.2.3")
    await page.get_by_role("button", name="Save").click()
    await expect(page.locator("#places-told")).to_contain_text("300.1.2.3 is no IP network")
    await page.locator("#addresses").fill("127.0.0.0/8")
    await page.get_by_role("button", name="Save").click()
    await expect(page.locator("#places-told")).to_have_text("Saved; felt within seconds")
    known = await portal.world.call(OPERATOR, "partners.get", id="shop")
    assert (known.origins, known.addresses) == (["https://a.test", "https://b.test"], ["127.0.0.0/8"])


async def test_a_webhook_is_made_rotated_replayed_and_deleted(portal: Portal) -> None:
    page = await sign_in(portal, *await credentials(portal))
    await expect(page.locator("#webhooks-list")).to_have_text("No webhooks yet; create one below")
    await page.locator("#webhook-url").fill("https://8.8.8.8/hooks")
    await page.get_by_role("button", name="Create").click()
    await expect(page.locator("#webhook-told")).to_contain_text("whsec_")
    endpoint = page.locator("#webhooks-list details")
    await endpoint.locator("summary").click()
    told = endpoint.locator(".told").first
    await endpoint.get_by_role("button", name="Send a test event").click()
    await expect(told).to_have_text("A test event is on its way")
    await endpoint.get_by_role("button", name="Rotate the secret").click()
    await expect(told).to_contain_text("whsec_")
    await endpoint.get_by_role("button", name="Replay").click()
    await expect(told).to_have_text("Fill in what is marked")
    await endpoint.get_by_label("From").fill("2026-01-01T00:00")
    await endpoint.get_by_role("button", name="Replay").first.click()
    await expect(told).to_contain_text("events are on their way again")
    page.on("dialog", lambda dialog: dialog.accept())
    await endpoint.get_by_role("button", name="Delete").click()
    await expect(page.locator("#webhooks-told")).to_have_text("Deleted")


async def test_the_token_is_handed_to_the_explorer_and_to_nobody_else(portal: Portal) -> None:
    page = await sign_in(portal, *await credentials(portal))
    async with page.context.expect_page() as opened:
        await page.get_by_role("button", name="Open the API explorer with my token").click()
    explorer = await opened.value
    await expect(explorer.get_by_text("The token of the partners' page is filled in")).to_be_visible()
    assert (await explorer.locator("#token").input_value()).startswith("eyJ")
    assert "eyJ" not in explorer.url
    await page.evaluate("postMessage('tuila:token-wanted', '*')")  # not from the window that was opened
    await explorer.reload()
    await expect(explorer.locator("details.operation").first).to_be_visible()
    assert await explorer.locator("#token").input_value() == ""


async def test_a_missing_scope_and_a_failing_section_are_told_and_tried_again(portal: Portal) -> None:
    async def fail(route: Route) -> None:
        await route.fulfill(status=503, body="")

    await portal.page.route("**/v1/partner/usage**", fail)
    page = await sign_in(portal, *await credentials(portal, ["orders:*"]))
    await expect(page.locator("#files-list [role=alert]")).to_contain_text("The operator can add the scope")
    await expect(page.locator("#usage-list [role=alert]")).to_be_visible()
    await page.unroute("**/v1/partner/usage**")
    await page.locator("#usage-list button").click()
    await expect(page.locator("#usage-list [role=alert]")).to_have_count(0)


async def test_a_spent_token_leads_back_to_signing_in(portal: Portal) -> None:
    async def expire(route: Route) -> None:
        problem = '{"code": "unauthenticated", "reason": "credentials_expired", "title": "Expired", "status": 401}'
        await route.fulfill(status=401, body=problem, content_type="application/problem+json")

    page = await sign_in(portal, *await credentials(portal))
    await page.route("**/v1/orders/search**", expire)
    await page.locator("#orders-form button").click()
    await expect(page.locator("#sign-in-told")).to_have_text("The token has expired; sign in again")
    await expect(page.locator("#client-secret")).to_be_focused()
    assert await page.locator("#account-facts").inner_text() == ""


async def full(route: Route) -> None:
    """Answers of an account in which much happened."""
    at, one = "2026-11-24T04:00:00Z", "01890a5d-ac96-774b-bcce-b302099a8057"
    webhook: dict[str, Any] = {
        "id": one, "partner": "shop", "url": "https://shop.example.com/hooks", "types": ["order.*"], "description": "",
        "enabled": True, "failing_since": at, "disabled_because": None,
    }  # fmt: skip
    order = {
        "created_at": at, "name": "Daily Digest", "offer": "TM-NEWS-3", "action": "subscribe", "price_fen": 300,
        "period": "month", "state": "completed", "user": "user-7", "partner_ref": "R-1001",
    }  # fmt: skip
    sent = {
        "event": one, "type": "order.completed", "state": "failed", "attempts": 10, "at": at, "status_code": 500,
        "error": None,
    }  # fmt: skip
    file = {
        "id": one, "created_at": at, "state": "done", "problem": None, "progress_pct": 100, "placed": 3, "refused": 1,
        "result_bytes": 100, "results": f"/v1/order-files/{one}/results",
    }  # fmt: skip
    run = {"id": one, "day": "2026-11-24", "state": "done", "problem": None, "compared": 12}
    difference = {
        "number": one, "kind": "partner_state_differs", "ours": "completed", "theirs": "failed",
        "repair": "tell_partner", "state": "open",
    }  # fmt: skip
    line = {"offer": "TM-NEWS-3", "name": "Daily Digest", "action": "subscribe", "orders": 2, "amount_fen": 600, "commission_fen": 60}  # fmt: skip
    answers: dict[str, Any] = {
        "/v1/partner/usage": {"calls": 9, "refused": 2, "hours": [], "outcomes": [{"capability": "orders.place", "outcome": "ok", "calls": 7}]},
        "/v1/webhooks": {"items": [webhook], "next": None},
        f"/v1/webhooks/{one}/deliveries": {"items": [sent], "next": one},
        "/v1/orders/search": {"items": [order], "next": one},
        "/v1/partner/statement": {"month": "2026-11", "lines": [line], "orders": 2, "amount_fen": 600, "commission_fen": 60, "by_state": {"completed": 2}},
        "/v1/order-files": {"items": [file], "next": None},
        f"/v1/order-files/{one}/results": "line,key,user",
        "/v1/reconciliations": {"items": [run], "next": None},
        f"/v1/reconciliations/{one}": {"differences": [difference], "next": None},
    }  # fmt: skip
    path = "/" + route.request.url.split("/", 3)[3].partition("?")[0]
    if route.request.method == "GET" and path in answers:
        await route.fulfill(json=answers[path])
    else:
        await route.fallback()


async def test_results_are_downloaded_and_differences_shown(portal: Portal) -> None:
    await portal.page.route("**/v1/**", full)
    page = await sign_in(portal, *await credentials(portal))
    async with page.expect_download() as download:
        await page.get_by_role("button", name="Download results of").click()
    assert (await download.value).suggested_filename.endswith(".results.csv")
    await page.get_by_role("button", name="Show differences of 2026-11-24").click()
    await expect(page.get_by_role("cell", name="tell_partner")).to_be_visible()


@pytest.mark.parametrize("width", [390, 1280])
@pytest.mark.parametrize("lang", ["zh-CN", "en"])
async def test_every_state_of_the_page_is_sound(portal: Portal, lang: str, width: int) -> None:
    page = portal.page
    await page.set_viewport_size({"width": width, "height": 860})
    await page.goto(f"{portal.url}/partners?lang={lang}")
    await page.locator("#apply-form button").click()
    await assert_sound(page)
    made = await credentials(portal)
    await sign_in(portal, *made, lang=lang)
    await assert_sound(page)
    await page.route("**/v1/**", full)
    await sign_in(portal, *made, lang=lang)
    await page.locator("#webhooks-list summary").click()
    await page.locator("#webhooks-list .inside button").nth(1).click()
    await page.locator("#reconciliation-list table button").click()
    await page.locator("#differences-list table").wait_for()
    await page.locator("#usage-list summary").click()
    await page.locator("#webhooks-list table").wait_for()
    await assert_sound(page)
