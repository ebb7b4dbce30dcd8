"""What a subscriber granted to which partner: seen and ended by the subscriber alone, on the page, in chat and by call."""

from __future__ import annotations

import re
from typing import Any

import httpx
import pytest

from auth.principal import Principal
from gateway.capabilities.grants import GrantNotFound
from gateway.capabilities.sessions import SESSION_SCOPES
from gateway.errors import Forbidden
from tests.fixtures.sign_in import PHONE, Form, SignInWorld
from tests.fixtures.world import OPERATOR, partner, person

TIPS_BACK, TIPS_SCOPE = "https://tips.example/back", "openid phone:masked recommendations:read"
CHAT = "wechat:gh:me"


async def tips(sign_in: SignInWorld) -> dict[str, Any]:
    """Tokens of a second partner that the subscriber signed in at."""
    await sign_in.register("tips", TIPS_BACK, scopes=TIPS_SCOPE)
    sign_in.world.clock.advance(minutes=2)
    return await sign_in.signed_in(sign_in.client("tips", TIPS_BACK, TIPS_SCOPE))


async def given(sign_in: SignInWorld, **fields: Any) -> Any:
    """What the subscriber sees in a chat."""
    me = Principal("account", CHAT, frozenset({"grants:read", "grants:end"}), account=CHAT)
    verb = "end_given" if fields else "list_given"
    return await sign_in.world.call(me, f"grants.{verb}", **fields)


async def chat(sign_in: SignInWorld) -> None:
    await sign_in.world.bind(CHAT, 1)


async def status(sign_in: SignInWorld, token: dict[str, Any], path: str = "/oauth/userinfo") -> int:
    return (await sign_in.get(path, token["access_token"])).status_code


async def test_what_was_granted_is_listed_by_partner_and_ended_for_one(stored_sign_in: SignInWorld) -> None:
    sign_in = stored_sign_in
    await chat(sign_in)
    assert (await given(sign_in)).items == []
    first = await sign_in.signed_in(sign_in.client(), without="orders:write")
    sign_in.world.clock.advance(minutes=2)
    second = await sign_in.signed_in(sign_in.client(scope="openid orders:read"))
    other = await tips(sign_in)
    listed = await given(sign_in)
    assert [(one.client_id, one.name) for one in listed.items] == [("shop", "Shop"), ("tips", "Tips")]
    assert [scope.name for scope in listed.items[0].scopes] == ["openid", "phone:masked", "orders:read"]
    assert listed.items[0].scopes[2].words == "查看它为您下的订单"
    assert listed.page.endswith("/oauth/grants")
    assert (await given(sign_in, client_id="shop")).client_id == "shop"
    assert [one.client_id for one in (await given(sign_in)).items] == ["tips"]
    assert [await status(sign_in, token) for token in (first, second, other)] == [401, 401, 200]
    for token in (first, second):
        code, refusal = await sign_in.post(
            "/oauth/token", grant_type="refresh_token", refresh_token=token["refresh_token"]
        )
        assert (code, refusal["error"]) == (400, "invalid_grant")
    with pytest.raises(GrantNotFound):
        await given(sign_in, client_id="shop")


async def test_the_end_withdraws_what_was_agreed_to_for_that_partner_and_tells_it(sign_in: SignInWorld) -> None:
    await chat(sign_in)
    await sign_in.signed_in(sign_in.client())
    await tips(sign_in)
    await given(sign_in, client_id="tips")
    said = {one.purpose: one.granted for one in (await sign_in.world.call(person(CHAT), "consents.list_current")).items}
    assert said == {"order:shop": True, "profile:shop": True, "profile:tips": False, "recommend:tips": False}
    await sign_in.world.platform.sequencer.number()
    told = [one.type for one in (await sign_in.world.call(partner("tips"), "events.list")).items]
    assert "binding.ended" in told and told.count("consent.withdrawn") == 2
    assert "binding.ended" not in [one.type for one in (await sign_in.world.call(partner(), "events.list")).items]


async def test_a_yes_to_one_partner_opens_nothing_to_another(stored_sign_in: SignInWorld) -> None:
    sign_in = stored_sign_in
    world = sign_in.world
    await chat(sign_in)
    token = await tips(sign_in)
    await world.call(OPERATOR, "partners.create", id="rival", name="Rival", scopes=["recommendations:*"])
    await world.bind("partner:rival:u1", 1)
    asked: dict[str, Any] = {"account": "partner:rival:u1", "limit": 1}
    assert await status(sign_in, token, "/v1/recommendations") == 200
    with pytest.raises(Forbidden, match="has not agreed"):
        await world.call(partner("rival"), "recommendations.list", **asked)
    await world.call(person(CHAT), "consents.set_one", purpose="recommend", granted=True)
    assert await world.call(partner("rival"), "recommendations.list", **asked)
    await world.call(person(CHAT), "consents.set_one", purpose="recommend", granted=False)
    assert await status(sign_in, token, "/v1/recommendations") == 403
    await world.call(person(CHAT), "consents.set_one", purpose="recommend", granted=True)
    assert await status(sign_in, token, "/v1/recommendations") == 403  # a no to tips stays a no to tips
    await world.call(person(CHAT), "consents.set_one", purpose="recommend:tips", granted=True)
    assert await status(sign_in, token, "/v1/recommendations") == 200


async def test_nobody_but_the_subscriber_sees_or_ends_it(sign_in: SignInWorld) -> None:
    await sign_in.signed_in(sign_in.client())
    await sign_in.world.bind("partner:shop:u1", 1)
    calls: dict[str, dict[str, Any]] = {"list_given": {}, "end_given": {"client_id": "shop"}}
    for verb, fields in calls.items():
        with pytest.raises(Forbidden) as refused:
            await sign_in.world.call(partner(), f"grants.{verb}", account="partner:shop:u1", **fields)
        assert refused.value.extra["reason"] == "own_voice_required"
    await sign_in.world.subscriber("wechat:gh:stranger")
    stranger = Principal("account", "x", frozenset({"grants:*"}), account="wechat:gh:stranger")
    assert (await sign_in.world.call(stranger, "grants.list_given")).items == []
    with pytest.raises(GrantNotFound):
        await sign_in.world.call(stranger, "grants.end_given", client_id="shop")
    # A page of a partner's learns nothing of other partners.
    assert not {"grants:read", "grants:end", "grants:*"} & SESSION_SCOPES


def forms(page: httpx.Response) -> list[str]:
    return re.findall(r'name="client_id" value="([^"]*)"', page.text)


async def press_end(sign_in: SignInWorld, page: httpx.Response, **headers: str) -> httpx.Response:
    """Press the button of the first partner."""
    sent = Form(page).filled("end")
    own = {"origin": sign_in.url, "sec-fetch-site": "same-origin"}
    return await sign_in.browser.http.post(Form(page).action, data=sent, headers=own | headers)


async def test_the_page_leads_from_a_number_to_the_list_and_ends_one(sign_in: SignInWorld) -> None:
    token = await sign_in.signed_in(sign_in.client())
    other = await tips(sign_in)
    sign_in.world.clock.advance(minutes=2)
    page = await sign_in.browser.prove("/oauth/grants?lang=en")
    assert forms(page) == ["shop", "tips"] and "Place and cancel orders for you" in page.text
    assert page.headers["cache-control"] == "no-store" and "access-control-allow-origin" not in page.headers
    ended = await press_end(sign_in, page)
    assert forms(ended) == ["tips"] and "Ended: Shop" in ended.text
    assert forms(await press_end(sign_in, page)) == ["tips"]  # pressed twice
    assert [await status(sign_in, one) for one in (token, other)] == [401, 200]
    left = await sign_in.browser.press(ended, "leave")
    assert "You have left" in left.text
    assert (await press_end(sign_in, ended)).status_code == 403
    assert await status(sign_in, other) == 200


async def test_the_page_cannot_be_pressed_from_elsewhere_nor_with_the_form_of_a_sign_in(sign_in: SignInWorld) -> None:
    await sign_in.signed_in(sign_in.client())
    sign_in.world.clock.advance(minutes=2)
    page = await sign_in.browser.prove("/oauth/grants")
    for name, value in (("origin", "https://evil.example"), ("sec-fetch-site", "cross-site"), ("cookie", "x=y")):
        assert (await press_end(sign_in, page, **{name: value})).status_code == 403, name
    sign_in.world.clock.advance(minutes=2)
    consent = await sign_in.browser.prove(sign_in.link(sign_in.client()))
    sent = Form(page).filled("end") | {"transaction": Form(consent).filled("approve")["transaction"]}
    mixed = await sign_in.browser.http.post("/oauth/grants/continue", data=sent, headers={"origin": sign_in.url})
    assert mixed.status_code == 403
    sign_in.world.clock.advance(minutes=10)
    assert (await press_end(sign_in, page)).status_code == 403
    await chat(sign_in)
    assert [one.client_id for one in (await given(sign_in)).items] == ["shop"]


async def test_no_list_without_a_proved_number(sign_in: SignInWorld) -> None:
    await sign_in.signed_in(sign_in.client())
    sign_in.world.clock.advance(minutes=2)
    begun = await sign_in.browser.open("/oauth/grants")
    assert (await sign_in.browser.press(begun, "end", client_id="shop")).status_code == 403
    code_page = await sign_in.browser.press(begun, "send", phone=PHONE)
    wrong = await sign_in.browser.press(code_page, "verify", code="000000")
    assert wrong.status_code == 409 and forms(wrong) == []
