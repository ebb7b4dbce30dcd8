"""Tokens after a sign-in: refreshed, revoked, asked about, and ended from either side. Authlib's client over a real socket."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from authlib.integrations.base_client.errors import OAuthError
from authlib.integrations.requests_client import OAuth2Session

from auth.principal import Principal
from gateway.capabilities.sessions import SESSION_SCOPES
from tests.fixtures.sign_in import PHONE, SignInWorld
from tests.fixtures.world import CODE, OPERATOR, person


async def refresh(sign_in: SignInWorld, token: str, id: str = "shop", **more: str) -> tuple[int, dict[str, Any]]:
    return await sign_in.post("/oauth/token", id, grant_type="refresh_token", refresh_token=token, **more)


async def is_good(sign_in: SignInWorld, access_token: str) -> bool:
    return (await sign_in.get("/v1/orders", access_token)).status_code == 200


async def test_refresh_tokens_follow_one_another_and_the_used_one_ends_them_all(stored_sign_in: SignInWorld) -> None:
    client = stored_sign_in.client()
    first = await stored_sign_in.signed_in(client)
    second = dict(await client.refresh_token(f"{stored_sign_in.url}/oauth/token", first["refresh_token"]))
    assert second["refresh_token"] != first["refresh_token"] and second["scope"] == first["scope"]
    assert "id_token" not in second
    assert await is_good(stored_sign_in, first["access_token"]) and await is_good(
        stored_sign_in, second["access_token"]
    )
    status, refusal = await refresh(stored_sign_in, first["refresh_token"])
    assert (status, refusal["error"]) == (400, "invalid_grant")
    assert not await is_good(stored_sign_in, second["access_token"])
    assert (await refresh(stored_sign_in, second["refresh_token"]))[1]["error"] == "invalid_grant"


async def test_of_refreshes_at_once_one_is_answered_and_the_grant_ends(stored_sign_in: SignInWorld) -> None:
    token = (await stored_sign_in.signed_in(stored_sign_in.client()))["refresh_token"]
    answers = await asyncio.gather(*(refresh(stored_sign_in, token) for _ in range(5)))
    assert sorted(status for status, _ in answers) == [200, 400, 400, 400, 400]
    (given,) = [body for status, body in answers if status == 200]
    assert (await refresh(stored_sign_in, given["refresh_token"]))[0] == 400


async def test_a_refresh_may_ask_for_less_and_never_for_more(sign_in: SignInWorld) -> None:
    token = (await sign_in.signed_in(sign_in.client(), without="orders:write"))["refresh_token"]
    for wider in ("orders:write", "orders:*", "*", "openid orders:write", "consents:write"):
        status, refusal = await refresh(sign_in, token, scope=wider)
        assert (status, refusal["error"]) == (400, "invalid_scope"), wider
    _, narrow = await refresh(sign_in, token, scope="openid")
    assert narrow["scope"] == "openid"
    assert (await sign_in.get("/v1/orders", narrow["access_token"])).status_code == 403
    assert (await refresh(sign_in, narrow["refresh_token"]))[1]["scope"] == "openid orders:read phone:masked"


async def test_refresh_tokens_end_unused_after_thirty_days_and_used_after_ninety(stored_sign_in: SignInWorld) -> None:
    token = await stored_sign_in.signed_in(stored_sign_in.client())
    for _ in range(3):
        stored_sign_in.world.clock.advance(days=29)
        status, token = await refresh(stored_sign_in, token["refresh_token"])
        assert status == 200
    stored_sign_in.world.clock.advance(days=4)
    assert (await refresh(stored_sign_in, token["refresh_token"]))[0] == 400
    stored_sign_in.world.clock.advance(hours=1)
    another = await stored_sign_in.signed_in(stored_sign_in.client())
    stored_sign_in.world.clock.advance(days=30)
    assert (await refresh(stored_sign_in, another["refresh_token"]))[0] == 400
    await stored_sign_in.world.platform.tidy()
    counts = await stored_sign_in.world.platform.store.read(
        lambda connection: [
            connection.exec_driver_sql(f"SELECT count(*) FROM {table}").scalar()
            for table in ("grant_tokens", "spent_tokens")
        ]
    )
    assert counts == [0, 0]


@pytest.mark.parametrize("kind", ["refresh_token", "access_token"])
async def test_a_revoked_grant_ends_at_once(sign_in: SignInWorld, kind: str) -> None:
    client = sign_in.client()
    token = await sign_in.signed_in(client)
    assert await is_good(sign_in, token["access_token"])
    answer = await client.revoke_token(f"{sign_in.url}/oauth/revoke", token[kind], token_type_hint=kind)
    assert answer.status_code == 200
    assert not await is_good(sign_in, token["access_token"])
    assert (await refresh(sign_in, token["refresh_token"]))[1]["error"] == "invalid_grant"
    again = await client.revoke_token(f"{sign_in.url}/oauth/revoke", token[kind])
    assert again.status_code == 200  # RFC 7009 §2.2: what is unknown is as good as revoked


async def test_a_partners_own_token_is_not_revocable_and_says_so(sign_in: SignInWorld) -> None:
    _, own = await sign_in.post("/oauth/token", grant_type="client_credentials")
    status, refusal = await sign_in.post("/oauth/revoke", token=own["access_token"])
    assert (status, refusal["error"]) == (400, "unsupported_token_type")


async def test_introspection_tells_the_client_of_its_own_tokens_alone(sign_in: SignInWorld) -> None:
    await sign_in.register("other", "https://other.example/back")
    client = sign_in.client()
    token = await sign_in.signed_in(client)
    for kind in ("access_token", "refresh_token"):
        told = (await client.introspect_token(f"{sign_in.url}/oauth/introspect", token[kind])).json()
        assert told["active"] and told["client_id"] == "shop" and told["sub"].startswith("ppid_")
        assert (await sign_in.post("/oauth/introspect", "other", token=token[kind]))[1] == {"active": False}
        assert (await sign_in.post("/oauth/revoke", "other", token=token[kind]))[0] == 200
    assert await is_good(sign_in, token["access_token"])
    assert (await sign_in.post("/oauth/introspect", token="nonsense"))[1] == {"active": False}
    unproved = await sign_in.browser.http.post("/oauth/introspect", data={"token": token["access_token"]})
    assert (unproved.status_code, unproved.json()["error"]) == (401, "invalid_client")
    await client.revoke_token(f"{sign_in.url}/oauth/revoke", token["refresh_token"])
    for kind in ("access_token", "refresh_token"):
        assert (await sign_in.post("/oauth/introspect", token=token[kind]))[1] == {"active": False}


async def test_unbinding_ends_tokens_and_refreshing_at_once(stored_sign_in: SignInWorld) -> None:
    token = await stored_sign_in.signed_in(stored_sign_in.client())
    sub = (await stored_sign_in.get("/oauth/userinfo", token["access_token"])).json()["sub"]
    stored_sign_in.world.clock.advance(minutes=2)
    me = person("wechat:gh:me")
    await stored_sign_in.world.call(me, "bindings.request_code", phone=PHONE)
    await stored_sign_in.world.call(me, "bindings.confirm_code", code=CODE)
    (theirs,) = [
        one for one in (await stored_sign_in.world.call(me, "bindings.list_live")).items if one.channel == "partner"
    ]
    await stored_sign_in.world.call(me, "bindings.end", id=theirs.id)
    refused = await stored_sign_in.get("/v1/orders", token["access_token"])
    assert refused.status_code in (401, 403)
    assert (await refresh(stored_sign_in, token["refresh_token"]))[1]["error"] == "invalid_grant"
    stored_sign_in.world.clock.advance(minutes=2)
    renewed = await stored_sign_in.signed_in(stored_sign_in.client())
    assert (await stored_sign_in.get("/oauth/userinfo", renewed["access_token"])).json()["sub"] == sub
    assert not await is_good(stored_sign_in, token["access_token"])


async def test_a_suspended_partner_gets_nothing(sign_in: SignInWorld) -> None:
    client = sign_in.client()
    token = await sign_in.signed_in(client)
    await sign_in.world.call(OPERATOR, "partners.suspend", id="shop")
    sign_in.world.clock.advance(seconds=4)
    assert (await sign_in.get("/v1/orders", token["access_token"])).status_code == 403
    assert (await refresh(sign_in, token["refresh_token"]))[1]["error"] == "invalid_client"
    page = await sign_in.browser.open(sign_in.link(client))
    assert page.status_code == 400 and "location" not in page.headers


async def test_consents_are_recorded_and_a_refused_scope_is_a_no_to_this_partner_alone(
    stored_sign_in: SignInWorld,
) -> None:
    await stored_sign_in.register(
        "tips", "https://tips.example/back", scopes="openid phone:masked recommendations:read"
    )
    client = stored_sign_in.client("tips", "https://tips.example/back", "openid phone:masked recommendations:read")
    token = await stored_sign_in.signed_in(client, without="phone:masked")
    assert (await stored_sign_in.get("/v1/recommendations", token["access_token"])).status_code == 200
    who = (await stored_sign_in.get("/oauth/userinfo", token["access_token"])).json()
    assert set(who) == {"sub"}
    stored_sign_in.world.clock.advance(minutes=2)
    me = Principal("session", "web:1", SESSION_SCOPES, account="web:1")
    await stored_sign_in.world.call(me, "bindings.request_code", phone=PHONE)
    await stored_sign_in.world.call(me, "bindings.confirm_code", code=CODE)
    said = {one.purpose: one.granted for one in (await stored_sign_in.world.call(me, "consents.list_current")).items}
    assert said == {"profile:tips": False, "recommend:tips": True}
    await stored_sign_in.world.call(me, "consents.set_one", purpose="recommend", granted=False)
    refused = await stored_sign_in.get("/v1/recommendations", token["access_token"])
    assert (refused.status_code, refused.json()["reason"]) == (403, "consent_missing")


async def test_a_public_client_signs_in_without_a_secret_and_does_nothing_else(sign_in: SignInWorld) -> None:
    back = "http://127.0.0.1/back"
    await sign_in.register("phone-app", back, public=True)
    client = sign_in.client("phone-app", "http://127.0.0.1:51234/back")  # RFC 8252 §7.3: any port of the loopback
    token = await sign_in.signed_in(client)
    assert (await refresh(sign_in, token["refresh_token"], "phone-app"))[0] == 200
    for form in ({"grant_type": "client_credentials"}, {"grant_type": "client_credentials", "client_secret": "x"}):
        status, refusal = await sign_in.post("/oauth/token", "phone-app", **form)
        assert status in (400, 401) and refusal["error"] in ("unauthorized_client", "invalid_client")
    assert (await sign_in.post("/oauth/introspect", "phone-app", token="x"))[1]["error"] == "unauthorized_client"
    secretless = {"grant_type": "refresh_token", "refresh_token": "x", "client_id": "shop"}
    answer = await sign_in.browser.http.post("/oauth/token", data=secretless)
    assert (answer.status_code, answer.json()["error"]) == (401, "invalid_client")


async def test_authlibs_blocking_client_goes_by_the_metadata(sign_in: SignInWorld) -> None:
    found = (await sign_in.browser.http.get("/.well-known/openid-configuration")).json()
    here = {name: str(address).replace(found["issuer"], sign_in.url) for name, address in found.items()}
    client = sign_in.client()
    answer = await sign_in.browser.agree(sign_in.link(client))

    def work() -> dict[str, Any]:
        with OAuth2Session(
            "shop", sign_in.secrets["shop"], redirect_uri="https://shop.example/back?from=tuila",
            token_endpoint_auth_method="client_secret_post",
        ) as session:  # fmt: skip
            session.fetch_token(
                here["token_endpoint"], authorization_response=answer, state="s-1", code_verifier="v" * 43
            )
            token = session.refresh_token(here["token_endpoint"])
            told = session.introspect_token(here["introspection_endpoint"], token["access_token"]).json()
            who = session.get(here["userinfo_endpoint"]).json()
            assert told["sub"] == who["sub"]
            session.revoke_token(here["revocation_endpoint"], token["refresh_token"])
            with pytest.raises(OAuthError):
                session.refresh_token(here["token_endpoint"])
            return dict(who)

    assert (await asyncio.to_thread(work))["phone_number_masked"] == "138****1111"
