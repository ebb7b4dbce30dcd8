"""A sandbox partner signs a made-up user in, reads the code among the messages, and reaches nobody real."""

from __future__ import annotations

import re
from typing import Any

from tests.fixtures.sign_in import PHONE, SignInWorld

BACK = "https://lab.example/back"


async def api(sign_in: SignInWorld, token: str, method: str, path: str, body: Any = None, user: str = "u1") -> Any:
    headers = {"Authorization": f"Bearer {token}"} | ({"Tuila-User": user} if user else {})
    answer = await sign_in.browser.http.request(method, path, json=body, headers=headers)
    assert answer.status_code == 200, answer.text
    return answer.json()


async def lab(sign_in: SignInWorld) -> tuple[str, str]:
    """A sandbox partner's own token, and the number of a user it made up."""
    await sign_in.register("lab", BACK, mode="sandbox")
    _, own = await sign_in.post("/oauth/token", "lab", grant_type="client_credentials")
    user = {"user": "u1", "brand": "changxiang", "device_abilities": ["apps", "4g", "5g"]}
    made = await api(sign_in, own["access_token"], "POST", "/v1/sandbox/users", user)
    return own["access_token"], made["phone"]


async def test_a_made_up_user_signs_in_and_an_order_under_the_grant_is_answered(stored_sign_in: SignInWorld) -> None:
    own, phone = await lab(stored_sign_in)
    client = stored_sign_in.client("lab", BACK)
    code_page = await stored_sign_in.browser.ask_code(stored_sign_in.link(client), phone)
    await stored_sign_in.world.work()
    (message,) = (await api(stored_sign_in, own, "GET", "/v1/sandbox/messages?user=u1"))["items"]
    (code,) = re.findall(r"\d{6}", message["text"])
    consent = await stored_sign_in.browser.press(code_page, "verify", code=code)
    done = await stored_sign_in.browser.press(consent, "approve")
    token = await stored_sign_in.fetch(client, done.headers["location"])
    given = token["access_token"]
    who = await api(stored_sign_in, given, "GET", "/oauth/userinfo", user="")
    assert who["phone_number_masked"] == "+99****0001"
    order = await api(stored_sign_in, given, "POST", "/v1/orders", {"offer": "TM-MUSIC-10"}, user="")
    assert order["sandbox"] and order["state"] == "awaiting_confirmation"
    await api(stored_sign_in, own, "POST", f"/v1/sandbox/orders/{order['id']}/answer", {"yes": True})
    await stored_sign_in.world.work()
    assert (await api(stored_sign_in, given, "GET", f"/v1/orders/{order['id']}", user=""))["state"] == "completed"
    world = stored_sign_in.world
    assert not (world.boss.asked or world.sms.sent or world.text_messages.sent or world.chat.sent)


async def test_real_numbers_stay_outside_and_made_up_ones_inside(sign_in: SignInWorld) -> None:
    _, made_up = await lab(sign_in)
    for client, phone in ((sign_in.client("lab", BACK), PHONE), (sign_in.client(), made_up)):
        page = await sign_in.browser.ask_code(sign_in.link(client), phone)
        assert page.status_code == 400 and 'role="alert"' in page.text
    await sign_in.world.work()
    assert not sign_in.world.sms.sent
