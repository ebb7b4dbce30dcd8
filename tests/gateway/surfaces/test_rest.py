"""REST over real sockets: tokens, problems, idempotency, sessions, and a capability of ten lines."""

from __future__ import annotations

import io
from collections.abc import AsyncIterator, Callable
from typing import Any

import aiohttp
import pytest

from auth import client_secret, signed_request
from gateway.app import create_app
from gateway.server import listen, serving
from tests.fixtures.world import CODE, OPERATOR, World

PAID = "TM-MUSIC-10"


class Api:
    """A partner's view of the gateway."""

    def __init__(self, session: aiohttp.ClientSession, url: str) -> None:
        self.session = session
        self.url = url
        self.headers: dict[str, str] = {}

    async def __call__(self, method: str, path: str, body: Any = None, **headers: str) -> tuple[int, Any]:
        sent = {**self.headers, **{name.replace("_", "-"): value for name, value in headers.items()}}
        async with self.session.request(method, self.url + path, json=body, headers=sent) as response:
            return response.status, await response.json(content_type=None)


@pytest.fixture
async def served(make_world: Callable[..., Any], sqlite_url: str) -> AsyncIterator[tuple[World, Api]]:
    world = await make_world(sqlite_url)
    async with serving(create_app(world.platform), listen("127.0.0.1", 0)) as url, aiohttp.ClientSession() as session:
        yield world, Api(session, url)


async def new_partner(world: World, *scopes: str, **quota: Any) -> tuple[str, str]:
    given = await world.call(
        OPERATOR, "partners.create", id="shop", name="Shop", scopes=list(scopes or ("orders:*", "recommendations:*")),
        origins=["https://shop.example"], **quota,
    )  # fmt: skip
    return given.client_id, given.client_secret


async def log_in(api: Api, client_id: str, secret: str, scope: str | None = None) -> tuple[int, Any]:
    form = {"grant_type": "client_credentials", **({"scope": scope} if scope else {})}
    basic = {"Authorization": aiohttp.encode_basic_auth(client_id, secret)}
    async with api.session.post(api.url + "/oauth/token", data=form, headers=basic) as response:
        return response.status, await response.json()


async def as_partner(world: World, api: Api) -> None:
    _, token = await log_in(api, *await new_partner(world))
    api.headers = {"Authorization": f"Bearer {token['access_token']}", "Tuila-User": "u1"}


async def test_a_partner_places_an_order_with_a_token(served: tuple[World, Api]) -> None:
    world, api = served
    await world.subscriber("partner:shop:u1")
    await as_partner(world, api)
    status, order = await api("POST", "/v1/orders", {"offer": PAID, "partner_ref": "R1"}, Idempotency_Key="k1")
    assert (status, order["state"], order["partner_ref"]) == (200, "awaiting_confirmation", "R1")
    assert await api("POST", "/v1/orders", {"offer": PAID, "partner_ref": "R1"}, Idempotency_Key="k1") == (200, order)
    status, problem = await api("POST", "/v1/orders", {"offer": "TM-READ-8"}, Idempotency_Key="k1")
    assert (status, problem["code"]) == (422, "idempotency-key-reused")
    status, page = await api("GET", "/v1/orders?limit=1")
    assert [one["id"] for one in page["items"]] == [order["id"]]
    status, whole = await api("GET", f"/v1/orders/{order['id']}")
    assert [step["to"] for step in whole["history"]] == ["acknowledged", "awaiting_confirmation"]


async def test_problems_speak_the_callers_language_and_say_what_to_mend(served: tuple[World, Api]) -> None:
    world, api = served
    await world.subscriber("partner:shop:u1")
    await as_partner(world, api)
    status, problem = await api("POST", "/v1/orders", {"offer": 3})
    assert status == 400 and "offer" in problem["detail"]
    status, problem = await api("GET", "/v1/orders", None, **{"Accept-Language": "en", "Tuila-User": "u2"})
    assert (status, problem["code"], problem["detail"]) == (
        403, "forbidden", "the account is not bound to a phone number yet",
    )  # fmt: skip
    assert (await api("GET", "/v1/nothing"))[0] == 404
    assert (await api("DELETE", "/v1/offers"))[0] == 405


async def test_wrong_credentials_prove_nothing(served: tuple[World, Api]) -> None:
    world, api = served
    client_id, _ = await new_partner(world)
    status, refusal = await log_in(api, client_id, "tsk_wrong")
    assert (status, refusal["error"]) == (401, "invalid_client")
    api.headers = {"Authorization": "Bearer nonsense"}
    assert (await api("GET", "/v1/orders"))[0] == 401


async def test_a_scope_beyond_the_partners_is_refused(served: tuple[World, Api]) -> None:
    world, api = served
    status, refusal = await log_in(api, *await new_partner(world, "orders:read"), scope="orders:write")
    assert (status, refusal["error"]) == (400, "invalid_scope")


async def test_a_token_asked_for_less_may_do_less(served: tuple[World, Api]) -> None:
    world, api = served
    await world.subscriber("partner:shop:u1")
    _, token = await log_in(api, *await new_partner(world), scope="orders:read")
    api.headers = {"Authorization": f"Bearer {token['access_token']}", "Tuila-User": "u1"}
    assert (await api("GET", "/v1/orders"))[0] == 200
    assert (await api("POST", "/v1/orders", {"offer": PAID}))[0] == 403


async def test_a_token_is_worthless_after_its_time_and_says_so(served: tuple[World, Api]) -> None:
    world, api = served
    await world.subscriber("partner:shop:u1")
    await as_partner(world, api)
    world.clock.advance(minutes=16)
    assert (await api("GET", "/v1/orders"))[0] == 401


async def test_a_suspended_partner_is_shut_out_within_seconds(served: tuple[World, Api]) -> None:
    world, api = served
    await world.subscriber("partner:shop:u1")
    await as_partner(world, api)
    assert (await api("GET", "/v1/orders"))[0] == 200
    await world.call(OPERATOR, "partners.suspend", id="shop")
    world.clock.advance(seconds=4)
    assert (await api("GET", "/v1/orders"))[0] == 403


async def test_a_signed_request_counts_once_and_only_as_signed(served: tuple[World, Api]) -> None:
    world, api = served
    await world.subscriber("partner:shop:u1")
    client_id, secret = await new_partner(world)
    header = signed_request.sign(
        client_secret.signing_key(secret), "GET", "/v1/orders?limit=2&tuila_user=u1", b"", client=client_id, nonce="n" * 16,
        now=world.clock(),
    )  # fmt: skip
    api.headers = {"Authorization": header}
    assert (await api("GET", "/v1/orders?limit=2&tuila_user=u2"))[0] == 401
    assert (await api("GET", "/v1/orders?limit=2&tuila_user=u1"))[0] == 200
    status, problem = await api("GET", "/v1/orders?limit=2&tuila_user=u1")
    assert (status, problem["reason"]) == (401, "nonce_reused")


async def test_a_signed_request_cannot_name_its_user_outside_the_signature(served: tuple[World, Api]) -> None:
    world, api = served
    client_id, secret = await new_partner(world)
    header = signed_request.sign(
        client_secret.signing_key(secret), "GET", "/v1/orders", b"", client=client_id, nonce="m" * 16, now=world.clock()
    )
    api.headers = {"Authorization": header, "Tuila-User": "u1"}
    assert (await api("GET", "/v1/orders"))[0] == 400


async def test_after_a_rotation_both_secrets_are_good_for_a_week(served: tuple[World, Api]) -> None:
    world, api = served
    client_id, old = await new_partner(world)
    new = (await world.call(OPERATOR, "partners.rotate_secret", id=client_id)).client_secret
    assert [(await log_in(api, client_id, secret))[0] for secret in (old, new)] == [200, 200]
    world.clock.advance(days=7, seconds=4)
    assert [(await log_in(api, client_id, secret))[0] for secret in (old, new)] == [401, 200]


async def test_a_visitor_binds_and_orders_on_an_allowed_page(served: tuple[World, Api]) -> None:
    world, api = served
    await world.subscriber(phone="+8613800138000")
    await new_partner(world)
    status, problem = await api("POST", "/v1/sessions", {"client_id": "shop"}, Origin="https://evil.example")
    assert (status, problem["code"]) == (403, "origin-refused")
    _, session = await api("POST", "/v1/sessions", {"client_id": "shop"}, Origin="https://shop.example")
    api.headers = {"Authorization": f"Bearer {session['token']}"}
    assert (await api("GET", "/v1/recommendations"))[1]["items"]
    assert (await api("POST", "/v1/orders", {"offer": PAID}))[1]["reason"] == "binding_required"
    status, sent = await api("POST", "/v1/bindings/codes", {"phone": "138 0013 8000"})
    assert (status, sent["to"]) == (200, "138****8000")
    await world.work()
    assert CODE in world.sms.to("+8613800138000")[0]
    status, wrong = await api("POST", "/v1/bindings", {"code": "000000"})
    assert (status, wrong["outcome"], wrong["tries_left"]) == (409, "wrong", 4)
    assert (await api("POST", "/v1/bindings", {"code": CODE}))[0] == 200
    _, order = await api("POST", "/v1/orders", {"offer": PAID})
    assert (await api("POST", f"/v1/orders/{order['id']}/confirm"))[1]["state"] == "accepted"
    assert (await api("POST", "/v1/bindings/end", {}))[0] == 200
    assert (await api("GET", "/v1/orders"))[1]["reason"] == "binding_required"


async def test_a_body_too_large_is_refused_as_a_problem(served: tuple[World, Api]) -> None:
    world, api = served
    await as_partner(world, api)
    body = io.BytesIO(b" " * 3_000_000)
    async with api.session.post(api.url + "/v1/orders", data=body, headers=api.headers) as response:
        status, problem = response.status, await response.json(content_type=None)
    assert (status, problem["code"]) == (413, "body-too-large")


async def test_a_caller_is_told_what_is_left_of_its_quota_and_when_to_come_again(served: tuple[World, Api]) -> None:
    world, api = served
    _, token = await log_in(api, *await new_partner(world, per_second=2, per_day=100))
    url, headers = api.url + "/v1/offers", {"Authorization": f"Bearer {token['access_token']}"}
    seen = []
    for _ in range(3):
        async with api.session.get(url, headers=headers) as response:
            seen.append((response.status, response.headers["RateLimit"], response.headers.get("Retry-After")))
            policy = response.headers["RateLimit-Policy"]
    day = 86_400 - int(world.clock().timestamp()) % 86_400
    assert seen == [
        (200, f'"second";r=1;t=1, "day";r=99;t={day}', None),
        (200, f'"second";r=0;t=1, "day";r=98;t={day}', None),
        (429, '"second";r=0;t=1', "1"),
    ]
    assert policy == '"second";q=2;w=1'


async def test_an_order_changed_meanwhile_is_not_changed_by_who_saw_the_one_before(served: tuple[World, Api]) -> None:
    world, api = served
    await world.subscriber("partner:shop:u1")
    await as_partner(world, api)
    _, order = await api("POST", "/v1/orders", {"offer": PAID})
    path = f"/v1/orders/{order['id']}"
    async with api.session.get(api.url + path, headers=api.headers) as response:
        tag = response.headers["ETag"]
    assert tag == f'"{order["version"]}"'
    status, problem = await api("POST", path + "/cancel", If_Match='"1", W/"2"')
    assert (status, problem["code"], problem["version"]) == (412, "precondition-failed", 2)
    assert (await api("POST", path + "/cancel", If_Match="2"))[0] == 400
    assert (await api("POST", "/v1/orders", {"offer": "TM-READ-8"}, If_Match=tag))[0] == 400
    status, cancelled = await api("POST", path + "/cancel", If_Match=tag)
    assert (status, cancelled["state"], cancelled["version"]) == (200, "cancelled", 3)
    assert (await api("POST", path + "/cancel", If_Match=tag))[0] == 412
    assert (await api("POST", path + "/cancel", If_Match="*"))[0] == 200


async def test_every_capability_is_in_the_openapi_document(served: tuple[World, Api]) -> None:
    world, api = served
    _, document = await api("GET", "/openapi.json")
    operations = {operation["operationId"] for path in document["paths"].values() for operation in path.values()}
    assert operations == set(world.platform.capabilities)
