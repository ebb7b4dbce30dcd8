"""Attacks of RFC 9700 and their kin on the sign-in, each of which is refused."""

from __future__ import annotations

import asyncio
from urllib.parse import urlsplit

import httpx
import pytest
from authlib.integrations.base_client.errors import OAuthError

from auth import pkce
from tests.fixtures.sign_in import BACK, PHONE, SCOPE, VERIFIER, Form, SignInWorld, query_of
from tests.fixtures.world import CODE

OTHER_BACK = "https://other.example/back"


async def redeem(sign_in: SignInWorld, code: str, id: str = "shop", back: str = BACK, **more: str):
    form = {"code_verifier": VERIFIER, "redirect_uri": back} | more
    return await sign_in.post("/oauth/token", id, grant_type="authorization_code", code=code, **form)


async def good_code(sign_in: SignInWorld) -> str:
    return query_of(await sign_in.browser.agree(sign_in.link(sign_in.client())))["code"]


async def begin(sign_in: SignInWorld, **changed: str | None) -> httpx.Response:
    parameters = {
        "response_type": "code", "client_id": "shop", "redirect_uri": BACK, "scope": SCOPE, "state": "s-1",
        "code_challenge": pkce.challenge_of(VERIFIER), "code_challenge_method": "S256",
    } | changed  # fmt: skip
    sent = {name: value for name, value in parameters.items() if value is not None}
    return await sign_in.browser.http.get("/oauth/authorize", params=sent)


def assert_told_to_the_person_alone(page: httpx.Response) -> None:
    assert page.status_code == 400 and "location" not in page.headers
    assert "<form" not in page.text and "http-equiv" not in page.text


async def test_code_replay_ends_what_the_code_brought(stored_sign_in: SignInWorld) -> None:
    code = await good_code(stored_sign_in)
    status, token = await redeem(stored_sign_in, code)
    assert status == 200 and (await stored_sign_in.get("/v1/orders", token["access_token"])).status_code == 200
    assert (await redeem(stored_sign_in, code))[1]["error"] == "invalid_grant"
    assert (await stored_sign_in.get("/v1/orders", token["access_token"])).status_code == 401
    refused = await stored_sign_in.post(
        "/oauth/token", grant_type="refresh_token", refresh_token=token["refresh_token"]
    )
    assert refused[1]["error"] == "invalid_grant"


async def test_of_codes_redeemed_at_once_at_most_one_is_answered(stored_sign_in: SignInWorld) -> None:
    code = await good_code(stored_sign_in)
    answers = await asyncio.gather(*(redeem(stored_sign_in, code) for _ in range(5)))
    assert sorted(status for status, _ in answers) == [200, 400, 400, 400, 400]


async def test_a_code_is_good_for_a_minute(sign_in: SignInWorld) -> None:
    code = await good_code(sign_in)
    sign_in.world.clock.advance(seconds=60)
    assert (await redeem(sign_in, code))[1]["error"] == "invalid_grant"


async def test_code_injection_fails_on_the_verifier(sign_in: SignInWorld) -> None:
    answer = await sign_in.browser.agree(sign_in.link(sign_in.client()))
    with pytest.raises(OAuthError, match="invalid_grant"):
        await sign_in.fetch(sign_in.client(), answer, verifier="w" * 43)
    for wrong in ("", "v", "v" * 42, "v" * 129, pkce.challenge_of(VERIFIER)):
        status, refusal = await redeem(sign_in, query_of(answer)["code"], code_verifier=wrong)
        assert (status, refusal["error"]) in ((400, "invalid_grant"), (400, "invalid_request")), wrong
    status, _ = await sign_in.post(
        "/oauth/token", grant_type="authorization_code", code=query_of(answer)["code"], redirect_uri=BACK
    )
    assert status == 400
    assert (await redeem(sign_in, query_of(answer)["code"]))[0] == 200


WEAKER_PKCE: list[dict[str, str | None]] = [
    {"code_challenge": None, "code_challenge_method": None},
    {"code_challenge": None},
    {"code_challenge_method": None},
    {"code_challenge_method": "plain"},
    {"code_challenge": VERIFIER[:-1]},
    {"code_challenge": "ä" * 43},
]


async def test_pkce_cannot_be_left_out_or_weakened(sign_in: SignInWorld) -> None:
    for changed in WEAKER_PKCE:
        told = query_of((await begin(sign_in, **changed)).headers["location"])
        assert (told["error"], told["state"]) == ("invalid_request", "s-1") and "code" not in told, changed


STRANGE_ADDRESSES = [
    "https://shop.example/back",
    "https://shop.example/back?from=tuila&more=1",
    "https://shop.example/back/more?from=tuila",
    "https://shop.example/BACK?from=tuila",
    "https://SHOP.example/back?from=tuila",
    "https://shop.example.evil.example/back?from=tuila",
    "https://shop.example@evil.example/back?from=tuila",
    "https://shop.example/../evil?from=tuila",
    "https://shop.example/back?from=tuila#x",
    "http://shop.example/back?from=tuila",
    "https://shop.example:8443/back?from=tuila",
    "//evil.example",
    "javascript:alert(1)",
    "https://evil.example/",
    "",
]


async def test_nothing_is_sent_to_an_address_that_is_not_registered(sign_in: SignInWorld) -> None:
    for redirect in STRANGE_ADDRESSES:
        assert_told_to_the_person_alone(await begin(sign_in, redirect_uri=redirect))
        assert_told_to_the_person_alone(await begin(sign_in, redirect_uri=redirect, response_type="token"))


async def test_nothing_is_sent_anywhere_for_an_unknown_or_doubled_client(sign_in: SignInWorld) -> None:
    assert_told_to_the_person_alone(await begin(sign_in, client_id="nobody"))
    assert_told_to_the_person_alone(await begin(sign_in, client_id=None))
    link = sign_in.link(sign_in.client())
    for doubled in ("client_id=other", "redirect_uri=https://evil.example/"):
        assert_told_to_the_person_alone(await sign_in.browser.open(f"{link}&{doubled}"))
    told = query_of((await sign_in.browser.open(f"{link}&scope=openid")).headers["location"])
    assert told["error"] == "invalid_request"


async def test_a_loopback_port_is_free_only_where_the_address_was_registered_so(sign_in: SignInWorld) -> None:
    await sign_in.register("app", "http://127.0.0.1/back", "http://127.0.0.1:9000/fixed", public=True)
    good = ["http://127.0.0.1:1234/back", "http://127.0.0.1/back", "http://127.0.0.1:9000/fixed"]
    bad = ["http://127.0.0.1:1234/fixed", "http://127.0.0.1:1234/back2", "http://localhost:1234/back",
           "http://127.0.0.1:1234@evil.example/back", "https://127.0.0.1:1234/back", "http://127.0.0.1:/back"]  # fmt: skip
    for redirect in good:
        assert (await begin(sign_in, client_id="app", redirect_uri=redirect)).status_code == 200, redirect
    for redirect in bad:
        assert_told_to_the_person_alone(await begin(sign_in, client_id="app", redirect_uri=redirect))


async def test_the_token_request_must_name_the_address_the_code_went_to(sign_in: SignInWorld) -> None:
    code = await good_code(sign_in)
    for back in ("https://shop.example/back", BACK + "x", OTHER_BACK):
        assert (await redeem(sign_in, code, back=back))[1]["error"] == "invalid_grant"
    form = {"grant_type": "authorization_code", "code": code, "code_verifier": VERIFIER}
    assert (await sign_in.post("/oauth/token", **form))[1]["error"] == "invalid_grant"


async def test_every_answer_says_whose_it_is(sign_in: SignInWorld) -> None:
    """Mix-up (RFC 9207): a client that talks to several servers sees which one answered."""
    issuer = (await sign_in.browser.http.get("/.well-known/openid-configuration")).json()["issuer"]
    client = sign_in.client()
    denied = await sign_in.browser.press(await sign_in.browser.open(sign_in.link(client)), "deny")
    wrong = await begin(sign_in, response_type="token")
    told = [query_of(answer.headers["location"]) for answer in (denied, wrong)]
    assert [one["error"] for one in told] == ["access_denied", "unsupported_response_type"]
    told.append(query_of(await sign_in.browser.agree(sign_in.link(client))))
    assert {(one["iss"], one["state"]) for one in told} == {(issuer, "s-1")}


async def test_another_clients_code_and_refresh_token_are_as_good_as_unknown(sign_in: SignInWorld) -> None:
    await sign_in.register("other", OTHER_BACK, BACK)
    code = await good_code(sign_in)
    assert (await redeem(sign_in, code, "other"))[1]["error"] == "invalid_grant"
    _, token = await redeem(sign_in, code)
    for refresh_token in (token["refresh_token"], token["access_token"], code):
        stolen = {"grant_type": "refresh_token", "refresh_token": refresh_token}
        assert (await sign_in.post("/oauth/token", "other", **stolen))[1]["error"] == "invalid_grant"
    own = {"grant_type": "refresh_token", "refresh_token": token["refresh_token"]}
    assert (await sign_in.post("/oauth/token", **own))[0] == 200


async def test_no_token_passes_for_another_kind(sign_in: SignInWorld) -> None:
    token = await sign_in.signed_in(sign_in.client())
    for other in (token["id_token"], token["refresh_token"]):
        assert (await sign_in.get("/v1/orders", other)).status_code == 401
        assert (await sign_in.get("/oauth/userinfo", other)).status_code == 401
    session = await sign_in.browser.http.post(
        "/v1/sessions", json={"client_id": "shop"}, headers={"Authorization": f"Bearer {token['access_token']}"}
    )
    assert (session.status_code, session.json()["reason"]) == (403, "scope_missing")
    _, own = await sign_in.post("/oauth/token", grant_type="client_credentials")
    assert (await sign_in.get("/oauth/userinfo", own["access_token"])).status_code == 403
    for wrong in (token["access_token"], token["id_token"]):
        swapped = await sign_in.post("/oauth/token", grant_type="refresh_token", refresh_token=wrong)
        assert swapped[1]["error"] == "invalid_grant"
    as_code = await redeem(sign_in, token["refresh_token"])
    assert as_code[1]["error"] == "invalid_grant"


async def test_a_delegated_token_reads_nobody_elses(sign_in: SignInWorld) -> None:
    world = sign_in.world
    await world.subscriber("partner:shop:u1")
    await world.subscriber("partner:other:u1")
    token = (await sign_in.signed_in(sign_in.client()))["access_token"]
    for user in ("u1", "ppid_" + "x" * 43):
        refused = await sign_in.get("/v1/orders", token, **{"Tuila-User": user})
        assert (refused.status_code, refused.json()["reason"]) == (403, "foreign_account")


async def test_a_partners_own_token_cannot_pass_by_what_was_granted(sign_in: SignInWorld) -> None:
    token = (await sign_in.signed_in(sign_in.client(), without="orders:write"))["access_token"]
    sub = (await sign_in.get("/oauth/userinfo", token)).json()["sub"]
    _, own = await sign_in.post("/oauth/token", grant_type="client_credentials")
    refused = await sign_in.get("/v1/orders", own["access_token"], **{"Tuila-User": sub})
    assert (refused.status_code, refused.json()["reason"]) == (403, "foreign_account")


async def test_partners_cannot_find_out_that_two_users_are_one_person(sign_in: SignInWorld) -> None:
    await sign_in.register("other", OTHER_BACK)
    first = await sign_in.signed_in(sign_in.client())
    sign_in.world.clock.advance(minutes=2)
    second = await sign_in.signed_in(sign_in.client("other", OTHER_BACK))
    subs = [(await sign_in.get("/oauth/userinfo", one["access_token"])).json()["sub"] for one in (first, second)]
    assert subs[0] != subs[1]


async def test_only_scopes_that_the_operator_registered_can_be_asked_for_and_only_those_asked_be_granted(
    sign_in: SignInWorld,
) -> None:
    for scope in ("recommendations:read", "orders:confirm", "partners:admin", "grants:approve", "*", "orders:*"):
        told = query_of((await begin(sign_in, scope=f"openid {scope}")).headers["location"])
        assert told["error"] == "invalid_scope", scope
    client = sign_in.client(scope="openid orders:read")
    page = await sign_in.browser.prove(sign_in.link(client))
    sent = Form(page).filled("approve")
    sent["scope"] = ["orders:read", "orders:write", "orders:confirm"]
    done = await sign_in.browser.http.post(Form(page).action, data=sent, headers={"origin": sign_in.url})
    token = await sign_in.fetch(client, done.headers["location"])
    assert token["scope"] == "openid orders:read"


async def test_the_page_cannot_be_framed_kept_or_made_to_run_anything(sign_in: SignInWorld) -> None:
    link = sign_in.link(sign_in.client())
    for page in (await sign_in.browser.open(link), await begin(sign_in, client_id="nobody")):
        policy = page.headers["content-security-policy"]
        assert "frame-ancestors 'none'" in policy and "default-src 'none'" in policy
        assert page.headers["x-frame-options"] == "DENY" and page.headers["cache-control"] == "no-store"
        assert "access-control-allow-origin" not in page.headers
    marked = await sign_in.browser.press(await sign_in.browser.open(link), "send", phone='"><script>alert(1)</script>')
    assert marked.status_code == 400 and "<script>alert" not in marked.text


async def test_another_site_cannot_press_the_button(sign_in: SignInWorld) -> None:
    page = await sign_in.browser.prove(sign_in.link(sign_in.client()))
    form = Form(page)
    for name, value in (
        ("origin", "https://evil.example"), ("origin", "null"), ("sec-fetch-site", "cross-site"),
        ("sec-fetch-site", "same-site"),
    ):  # fmt: skip
        forged = await sign_in.browser.http.post(form.action, data=form.filled("approve"), headers={name: value})
        assert forged.status_code == 403 and "location" not in forged.headers, value
    assert (await sign_in.browser.press(page, "approve")).status_code == 303


async def test_a_form_opens_nothing_in_another_browser(sign_in: SignInWorld) -> None:
    """Login CSRF: the attacker has a stranger's browser finish the attacker's own sign-in."""
    form = Form(await sign_in.browser.prove(sign_in.link(sign_in.client())))
    async with httpx.AsyncClient(base_url=sign_in.url) as stranger:
        for cookie in (None, "x" * 43):
            cookies = {} if cookie is None else {"cookie": f"tuila-sign-in={cookie}"}
            taken = await stranger.post(form.action, data=form.filled("approve"), headers=cookies)
            assert taken.status_code == 403 and "location" not in taken.headers


async def test_a_form_cannot_be_changed_forged_or_kept(sign_in: SignInWorld) -> None:
    page = await sign_in.browser.prove(sign_in.link(sign_in.client()))
    form = Form(page)
    sealed = form.filled("approve")["transaction"][0]
    for forged in ("", "AAAA", sealed[:-8] + "AAAAAAAA", "é" * 20, sealed + "A"):
        sent = form.filled("approve") | {"transaction": [forged]}
        answer = await sign_in.browser.http.post(form.action, data=sent)
        assert answer.status_code == 403 and "location" not in answer.headers, forged[:10]
    sign_in.world.clock.advance(minutes=10)
    assert (await sign_in.browser.press(page, "approve")).status_code == 403


async def test_no_yes_without_a_proved_number(sign_in: SignInWorld) -> None:
    page = await sign_in.browser.open(sign_in.link(sign_in.client()))
    assert (await sign_in.browser.press(page, "approve")).status_code == 403
    page = await sign_in.browser.press(page, "send", phone=PHONE)
    assert (await sign_in.browser.press(page, "approve")).status_code == 403
    wrong = await sign_in.browser.press(page, "verify", code="000000")
    assert wrong.status_code == 409 and "<form" in wrong.text
    assert (await sign_in.browser.press(wrong, "approve")).status_code == 403


async def test_the_limits_of_codes_hold_at_the_page(stored_sign_in: SignInWorld) -> None:
    client = stored_sign_in.client()
    first = await stored_sign_in.browser.press(
        await stored_sign_in.browser.open(stored_sign_in.link(client)), "send", phone=PHONE
    )
    assert first.status_code == 200
    again = await stored_sign_in.browser.press(
        await stored_sign_in.browser.open(stored_sign_in.link(client)), "send", phone=PHONE
    )
    assert again.status_code == 429 and "<form" in again.text
    for _ in range(5):
        wrong = await stored_sign_in.browser.press(first, "verify", code="000000")
    assert wrong.status_code == 409
    assert (await stored_sign_in.browser.press(first, "verify", code=CODE)).status_code == 409


async def test_a_button_pressed_twice_gives_the_same_answer(stored_sign_in: SignInWorld) -> None:
    client = stored_sign_in.client()
    code_page = await stored_sign_in.browser.press(
        await stored_sign_in.browser.open(stored_sign_in.link(client)), "send", phone=PHONE
    )
    pages = await asyncio.gather(*(stored_sign_in.browser.press(code_page, "verify", code=CODE) for _ in range(2)))
    assert [page.status_code for page in pages] == [200, 200]
    done = await asyncio.gather(*(stored_sign_in.browser.press(pages[0], "approve") for _ in range(3)))
    assert {answer.status_code for answer in done} == {303}
    assert len({answer.headers["location"] for answer in done}) == 1
    assert (await stored_sign_in.fetch(client, done[0].headers["location"]))["scope"]


async def test_what_was_typed_is_not_sent_on_to_the_partner(sign_in: SignInWorld) -> None:
    done = await sign_in.browser.press(await sign_in.browser.prove(sign_in.link(sign_in.client())), "approve")
    assert done.status_code == 303  # 307 would repeat the form at the partner's
    assert done.headers["referrer-policy"] == "no-referrer" and done.headers["cache-control"] == "no-store"
    assert urlsplit(done.headers["location"]).netloc == "shop.example" and PHONE not in done.headers["location"]


async def test_doubled_parameters_and_two_secrets_are_refused(sign_in: SignInWorld) -> None:
    secret = str(sign_in.secrets["shop"])
    doubled = {"grant_type": ["client_credentials", "refresh_token"], "client_id": "shop", "client_secret": secret}
    twice = await sign_in.browser.http.post("/oauth/token", data=doubled)
    assert (twice.status_code, twice.json()["error"]) == (400, "invalid_request")
    both = {"grant_type": "client_credentials", "client_id": "shop", "client_secret": secret}
    shown = await sign_in.browser.http.post("/oauth/token", data=both, auth=("shop", secret))
    assert (shown.status_code, shown.json()["error"]) == (400, "invalid_request")


async def test_an_unknown_prompt_or_request_object_is_told_to_the_client(sign_in: SignInWorld) -> None:
    for changed, error in (
        ({"prompt": "none"}, "login_required"), ({"request": "x.y.z"}, "request_not_supported"),
        ({"request_uri": "https://evil.example/r"}, "request_uri_not_supported"),
        ({"response_mode": "form_post"}, "invalid_request"), ({"scope": ""}, "invalid_scope"),
        ({"nonce": "n" * 257}, "invalid_request"),
    ):  # fmt: skip
        assert query_of((await begin(sign_in, **changed)).headers["location"])["error"] == error
