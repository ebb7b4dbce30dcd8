"""Signing in at a partner with the operator: Authlib's client and a browser's forms, over a real socket."""

from __future__ import annotations

from joserfc import jwt
from joserfc.jwk import KeySet

from auth.policy import covers
from tests.fixtures.sign_in import BACK, SignInWorld, query_of
from tests.fixtures.world import CODE

BASE = "http://127.0.0.1:8000"


async def test_a_whole_sign_in_gives_tokens_for_one_account_and_what_was_ticked(sign_in: SignInWorld) -> None:
    client = sign_in.client()
    answer = await sign_in.browser.agree(sign_in.link(client), without="orders:write")
    assert answer.startswith(BACK + "&")
    assert query_of(answer)["iss"] == BASE
    token = await sign_in.fetch(client, answer)
    assert token["scope"] == "openid orders:read phone:masked" and token["token_type"] == "Bearer"
    who = (await sign_in.get("/oauth/userinfo", token["access_token"])).json()
    bearer = {"Authorization": f"Bearer {token['access_token']}"}
    assert (await sign_in.browser.http.post("/oauth/userinfo", headers=bearer)).json() == who
    keys = KeySet.import_key_set((await sign_in.browser.http.get("/.well-known/jwks.json")).json())
    claims = jwt.decode(token["id_token"], keys, algorithms=["ES256"]).claims
    assert who == {"sub": claims["sub"], "phone_number_masked": "138****1111"}
    assert (claims["iss"], claims["aud"], claims["nonce"]) == (BASE, "shop", "n-1")
    assert (await sign_in.get("/v1/orders", token["access_token"])).json()["items"] == []
    refused = await sign_in.browser.http.post(
        "/v1/orders", json={"offer": "TM-MUSIC-10"}, headers={"Authorization": f"Bearer {token['access_token']}"}
    )
    assert (refused.status_code, refused.json()["reason"]) == (403, "scope_missing")


async def test_the_metadata_leads_to_every_endpoint_and_scope(sign_in: SignInWorld) -> None:
    found = (await sign_in.browser.http.get("/.well-known/oauth-authorization-server")).json()
    assert found == (await sign_in.browser.http.get("/.well-known/openid-configuration")).json()
    assert found["issuer"] == BASE and found["code_challenge_methods_supported"] == ["S256"]
    for name, address in found.items():
        if name.endswith(("_endpoint", "_uri")):
            answer = await sign_in.browser.http.request(
                "GET" if name in ("jwks_uri", "userinfo_endpoint", "authorization_endpoint") else "POST",
                address.removeprefix(BASE),
            )
            assert answer.status_code in (200, 400, 401), name
    known = frozenset(capability.need.scope for capability in sign_in.world.platform.capabilities.values())
    assert all(covers(known, scope) for scope in found["scopes_supported"] if scope != "phone:masked")


async def test_nothing_stays_of_the_page_and_the_code_stands_nowhere(sign_in: SignInWorld) -> None:
    code = query_of(await sign_in.browser.agree(sign_in.link(sign_in.client())))["code"]
    rows = await sign_in.world.platform.store.read(
        lambda connection: "".join(
            str(tuple(row))
            for table in ("grants", "grant_tokens", "audit_rows", "outbox", "idempotency_keys")
            for row in connection.exec_driver_sql(f"SELECT * FROM {table}")
        )
    )
    assert code not in rows and CODE not in rows
    live = await sign_in.world.platform.store.read(
        lambda connection: connection.exec_driver_sql("SELECT account, how FROM bindings WHERE ended_at IS NULL").all()
    )
    assert [(account.startswith("partner:shop:ppid_"), how) for account, how in live] == [(True, "sign_in")]
