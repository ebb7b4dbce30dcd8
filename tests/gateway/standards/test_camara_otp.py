"""CAMARA One Time Password SMS over real sockets: a code is sent in approved words, and proves who holds the number."""

from __future__ import annotations

from typing import Any

from tests.fixtures.world import CODE
from tests.gateway.standards.client import Answer, Client
from tests.gateway.standards.documents import answered_as, document, needed

BASE = "/one-time-password-sms/vwip"
PHONE = "+8613800138000"
WORDS = "{{code}} is your Shop code. Never tell it to anybody."


async def send(client: Client, **changes: Any) -> Answer:
    return await client("POST", f"{BASE}/send-code", {"phoneNumber": PHONE, "message": WORDS, **changes})


async def validate(client: Client, attempt: str, code: str) -> Answer:
    return await client("POST", f"{BASE}/validate-code", {"authenticationId": attempt, "code": code})


@needed
async def test_a_code_is_sent_and_proves_the_number_once(client: Client) -> None:
    await client.log_in()
    client.headers["x-correlator"] = "b4333c46-49c0"
    sent = await send(client)
    assert answered_as("/send-code", sent.status, sent.body) and sent.status == 200
    assert sent.headers["x-correlator"] == "b4333c46-49c0"
    await client.world.work()
    assert client.world.sms.to(PHONE) == [f"{CODE} is your Shop code. Never tell it to anybody."]
    attempt = sent.body["authenticationId"]
    wrong = await validate(client, attempt, "000000")
    assert (wrong.status, wrong.body["code"]) == (400, "ONE_TIME_PASSWORD_SMS.INVALID_OTP")
    right = await validate(client, attempt, CODE)
    assert (right.status, right.body) == (204, None)
    used = await validate(client, attempt, CODE)
    assert (used.status, used.body["code"]) == (400, "ONE_TIME_PASSWORD_SMS.VERIFICATION_EXPIRED")
    for answer in (wrong, used):
        assert answered_as("/validate-code", answer.status, answer.body)


async def test_a_code_asked_for_again_under_its_key_is_sent_once(client: Client) -> None:
    await client.log_in()
    client.headers["Idempotency-Key"] = "V-1"
    first, again = await send(client), await send(client)
    assert (first.status, again.status) == (200, 200) and first.body == again.body
    await client.world.work()
    assert len(client.world.sms.to(PHONE)) == 1
    other = await send(client, phoneNumber="+8613800138001")
    assert (other.status, other.body["code"]) == (409, "CONFLICT")
    del client.headers["Idempotency-Key"]
    assert (await validate(client, first.body["authenticationId"], CODE)).status == 204


async def test_a_verification_binds_nobody(small: Client) -> None:
    await small.world.subscriber(phone=PHONE)
    await small.log_in()
    attempt = (await send(small)).body["authenticationId"]
    assert (await validate(small, attempt, CODE)).status == 204
    held = await small("GET", "/v1/subscriptions", None, Tuila_User=attempt)
    assert (held.status, held.body["reason"]) == (403, "binding_required")
    assert (await small("POST", "/v1/bindings", {"code": CODE}, Tuila_User=attempt)).status == 409


@needed
async def test_every_refusal_has_the_code_of_the_document(small: Client) -> None:
    assert (await send(small)).status == 401
    await small.log_in("orders:read")
    assert (await send(small)).body["code"] == "PERMISSION_DENIED"
    await small.log_in(partner="other")
    attempt = (await send(small)).body["authenticationId"]
    too_soon = await send(small)
    unknown = await validate(small, "00000000-0000-0000-0000-000000000000", CODE)
    for _ in range(5):
        await validate(small, attempt, "000000")
    failed = await validate(small, attempt, CODE)
    small.world.clock.advance(minutes=2)
    late = (await send(small)).body["authenticationId"]
    small.world.clock.advance(minutes=6)
    expired = await validate(small, late, CODE)
    landline = await send(small, phoneNumber="+862085550123")
    expected = {
        ("/send-code", 403, "ONE_TIME_PASSWORD_SMS.MAX_OTP_CODES_EXCEEDED"): too_soon,
        ("/send-code", 403, "ONE_TIME_PASSWORD_SMS.PHONE_NUMBER_NOT_ALLOWED"): landline,
        ("/validate-code", 404, "NOT_FOUND"): unknown,
        ("/validate-code", 400, "ONE_TIME_PASSWORD_SMS.VERIFICATION_FAILED"): failed,
        ("/validate-code", 400, "ONE_TIME_PASSWORD_SMS.VERIFICATION_EXPIRED"): expired,
    }
    for (path, status, code), answer in expected.items():
        assert (answer.status, answer.body["code"]) == (status, code)
        assert answered_as(path, answer.status, answer.body)


async def test_a_partner_cannot_put_words_of_its_own_into_a_message(small: Client) -> None:
    await small.log_in()
    for words in (
        "{{code}} - you won! Claim at http://evil.example",
        "Your Bank code is {{code}}",
        "no place for it",
        "",
    ):
        refused = await send(small, message=words)
        assert (refused.status, refused.body["code"]) == (400, "INVALID_ARGUMENT"), words
    assert "{{code}} is your Shop code" in (await send(small, message="{{code}}")).body["message"]
    await small.world.work()
    assert small.world.sms.to(PHONE) == []


async def test_bad_bodies_are_refused(small: Client) -> None:
    await small.log_in()
    for body in (b"", b"[]", b"\xff", {}, {"phoneNumber": "138", "message": WORDS}):
        refused = await small("POST", f"{BASE}/send-code", body)
        assert (refused.status, refused.body["code"]) == (400, "INVALID_ARGUMENT"), body
    assert (await send(small, more="x")).status == 400
    for attempt in ("", "x" * 37, "a\x00b"):
        assert (await validate(small, attempt, CODE)).status == 400


@needed
def test_it_is_served_under_the_version_of_its_document() -> None:
    (server,) = document("camara")["servers"]
    assert server["url"] == "{apiRoot}" + BASE
    assert document("camara")["info"]["version"] == "wip"


async def test_the_correlator_comes_back_with_every_answer_and_has_a_form(small: Client) -> None:
    asked = [
        ("POST", f"{BASE}/send-code", {"phoneNumber": PHONE, "message": WORDS}),
        ("POST", f"{BASE}/send-code", b"{"),
        ("POST", f"{BASE}/validate-code", {"authenticationId": "a", "code": "1"}),
        ("GET", f"{BASE}/send-code", None),
        ("POST", f"{BASE}/nowhere", None),
        ("POST", f"{BASE}/send-code", b" " * (small.world.settings.limits.body_bytes + 1)),
    ]
    got = [await small(*one, x_correlator="a-b_c:1") for one in asked[:1]]
    await small.log_in()
    got += [await small(*one, x_correlator="a-b_c:1") for one in asked]
    assert [one.status for one in got] == [401, 200, 400, 404, 405, 404, 413]
    assert {one.headers["x-correlator"] for one in got} == {"a-b_c:1"}
    assert all({"status", "code", "message"} == one.body.keys() for one in got if one.status != 200)
    for wrong in ("a b", "x" * 257, "ä"):
        refused = await small(*asked[2], x_correlator=wrong)
        assert (refused.status, refused.body["code"]) == (400, "INVALID_ARGUMENT"), wrong
        assert "x-correlator" not in refused.headers
    assert "x-correlator" not in (await small(*asked[2])).headers


async def test_a_key_used_for_another_body_is_a_conflict(small: Client) -> None:
    await small.log_in()
    attempt = (await send(small)).body["authenticationId"]
    answers = [
        await small("POST", f"{BASE}/validate-code", {"authenticationId": attempt, "code": code}, Idempotency_Key="k")
        for code in ("000000", "000000", CODE)
    ]
    codes = [(answer.status, answer.body["code"]) for answer in answers]
    assert codes == [(400, "ONE_TIME_PASSWORD_SMS.INVALID_OTP")] * 2 + [(409, "CONFLICT")]
