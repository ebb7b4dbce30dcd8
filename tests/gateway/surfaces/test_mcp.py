"""The Model Context Protocol over real sockets: the official client, and requests that no client sends."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable
from typing import Any

import aiohttp
import jsonschema
import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from mcp.shared.exceptions import MCPError

import bots.tables  # noqa: F401 - its table belongs to the schema that tests make
from auth.principal import Principal
from auth.tokens import TokenIssuer
from bots.bot import Bot
from bots.claims import Claims
from bots.conversation import Incoming
from bots.dialogue import Dialogue
from gateway.app import create_app
from gateway.capabilities.sessions import SESSION_SCOPES
from gateway.capability import catalogue
from gateway.platform import SETS
from gateway.server import listen, serving
from gateway.surfaces import mcp as surface
from gateway.surfaces.mcp_tools import tools_of
from tests.fixtures.assistant import assistant, words_of
from tests.fixtures.world import OPERATOR, World

ME = "wechat:gh:me"
PAID = "TM-MUSIC-10"
ERAS = pytest.mark.parametrize("mode", ["auto", "legacy"])
MODERN_META = {
    "io.modelcontextprotocol/protocolVersion": "2026-07-28",
    "io.modelcontextprotocol/clientCapabilities": {},
}


class Served:
    """A gateway, and tokens for those who call it."""

    def __init__(self, world: World, url: str, http: aiohttp.ClientSession) -> None:
        self.world = world
        self.url = url
        self.http = http

    def token(self, principal: Principal) -> dict[str, str]:
        """The header of a caller."""
        issuer = self.world.platform.parts.get(TokenIssuer)
        settings = self.world.settings
        token = issuer.issue(principal, token_id="t", now=self.world.clock(), ttl=settings.partner_token_ttl)
        return {"Authorization": f"Bearer {token}"}

    async def partner(self, *scopes: str) -> dict[str, str]:
        """A registered partner's header."""
        await self.world.call(
            OPERATOR, "partners.create", id="shop", name="Shop", scopes=[*scopes] or ["orders:*"],
            origins=["https://shop.example"],
        )  # fmt: skip
        return self.token(Principal("partner", "shop", frozenset(scopes or ("orders:*",)), partner_id="shop"))

    async def post(self, body: Any, headers: dict[str, str]) -> tuple[int, Any]:
        """Status and body of a POST; bytes are sent as they are."""
        raw = body if isinstance(body, bytes) else json.dumps(body).encode()
        sent = {"Content-Type": "application/json", "Accept": "application/json, text/event-stream", **headers}
        async with self.http.post(f"{self.url}/mcp", data=raw, headers=sent) as response:
            text = await response.text()
            self.answered = response.headers
            return response.status, json.loads(text) if text else None


@pytest.fixture
async def served(make_world: Callable[..., Any], sqlite_url: str) -> AsyncIterator[Served]:
    world = await make_world(sqlite_url)
    async with serving(create_app(world.platform), listen("127.0.0.1", 0)) as url, aiohttp.ClientSession() as http:
        yield Served(world, url, http)


def request(method: str, **params: Any) -> dict[str, Any]:
    return {"jsonrpc": "2.0", "id": 1, "method": method, "params": params}


@ERAS
async def test_an_assistant_recommends_and_prepares_what_only_the_subscriber_confirms(
    served: Served, mode: str
) -> None:
    world = served.world
    number = await world.subscriber("partner:shop:u1")
    await world.bind(ME, number)
    await world.consent(number, "recommend")
    headers = await served.partner("offers:*", "orders:*", "recommendations:*")
    user = {"tuila_user": "u1"}
    async with assistant(served.url, mode, headers=headers) as client:
        assert client.server_info is not None and client.server_info.name == "tuila"
        assert client.protocol_version == ("2026-07-28" if mode == "auto" else "2025-11-25")
        listed = {tool.name for tool in (await client.list_tools()).tools}
        assert {"recommendations_list", "orders_place", "orders_get"} <= listed
        assert not {"orders_confirm", "partners_create", "consents_set_one"} & listed

        recommended = await client.call_tool("recommendations_list", {**user, "limit": 2})
        assert recommended.structured_content is not None and len(recommended.structured_content["items"]) == 2
        assert json.loads(words_of(recommended)[0]) == recommended.structured_content

        wish = {**user, "offer": PAID, "tuila_key": "wish-1"}
        placed = await client.call_tool("orders_place", wish)
        assert placed.structured_content is not None
        order = {**user, "id": placed.structured_content["id"]}
        assert placed.structured_content["state"] == "awaiting_confirmation"
        assert (await client.call_tool("orders_place", wish)).structured_content == placed.structured_content

        refused = await client.call_tool("orders_confirm", order)
        assert refused.is_error and "本人" in words_of(refused)[0]
        assert json.loads(words_of(refused)[1])["reason"] == "own_voice_required"
        waiting = await client.call_tool("orders_get", order)
        assert waiting.structured_content is not None and waiting.structured_content["state"] == "awaiting_confirmation"

        await world.work()  # the question goes out
        claims = Claims(world.platform.hot, "p")
        dialogue = Dialogue(world.platform.invoke, world.platform.catalog, world.clock)
        bot = Bot(dialogue, world.platform.store, claims, world.clock)
        reply = await bot.answer(Incoming(ME, "m1", world.clock(), "是"))
        await claims.close()
        assert "正在为您办理" in reply.text
        await world.work()
        completed = await client.call_tool("orders_get", order)
        assert completed.structured_content is not None and completed.structured_content["state"] == "completed"


async def test_with_a_subscribers_own_session_an_assistant_cannot_confirm_either(served: Served) -> None:
    world = served.world
    await world.subscriber("web:1")
    headers = served.token(Principal("session", "web:1", SESSION_SCOPES, account="web:1"))
    async with assistant(served.url, headers=headers) as client:
        placed = await client.call_tool("orders_place", {"offer": PAID})
        assert placed.structured_content is not None
        refused = await client.call_tool("orders_confirm", {"id": placed.structured_content["id"]})
        assert json.loads(words_of(refused)[1])["reason"] == "own_voice_required"
    session = Principal("session", "web:1", SESSION_SCOPES, account="web:1")
    confirmed = await world.call(session, "orders.confirm", id=placed.structured_content["id"])
    assert confirmed.state == "accepted"


async def test_a_refusal_says_what_to_mend(served: Served) -> None:
    await served.world.subscriber("partner:shop:u1")
    headers = {**await served.partner(), "Accept-Language": "en"}
    async with assistant(served.url, headers=headers) as client:

        async def words(**arguments: Any) -> str:
            result = await client.call_tool("orders_place", arguments)
            assert result.is_error
            return words_of(result)[0]

        assert "`offer`" in await words(tuila_user="u1")
        assert "$.offer" in await words(tuila_user="u1", offer=3)
        assert "no argument offfer; it takes: action, attribution, offer" in await words(tuila_user="u1", offfer="x")
        assert "no offer TM-NONE" in await words(tuila_user="u1", offer="TM-NONE")
        assert "bound" in await words(tuila_user="nobody", offer=PAID)
        assert "tuila_user must be a string" in await words(tuila_user=7, offer=PAID)
        assert "visible characters" in await words(tuila_user="u1", offer=PAID, tuila_key="a b")
        await client.call_tool("orders_place", {"tuila_user": "u1", "offer": PAID, "tuila_key": "k"})
        assert "another body" in await words(tuila_user="u1", offer="TM-READ-5", tuila_key="k")


async def test_a_connection_for_one_user_cannot_speak_of_another(served: Served) -> None:
    await served.world.subscriber("partner:shop:u1")
    headers = {**await served.partner(), "Tuila-User": "u1"}
    async with assistant(served.url, headers=headers) as client:
        tools = {tool.name: tool for tool in (await client.list_tools()).tools}
        assert "tuila_user" not in tools["orders_place"].input_schema["properties"]
        assert not (await client.call_tool("orders_place", {"offer": PAID})).is_error
        assert (await client.call_tool("orders_list", {"tuila_user": "u2"})).is_error


@ERAS
async def test_tools_are_told_by_pages_in_the_callers_language(
    served: Served, mode: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(surface, "PAGE", 2)
    headers = {**await served.partner("orders:*", "subscriptions:read"), "Accept-Language": "en"}
    async with assistant(served.url, mode, headers=headers) as client:
        tools, cursor = [], None
        while True:
            page = await client.list_tools(cursor=cursor)
            assert len(page.tools) <= 2
            tools += page.tools
            cursor = page.next_cursor
            if cursor is None:
                break
        with pytest.raises(MCPError) as refused:
            await client.list_tools(cursor="nonsense")
        assert refused.value.error.code == -32602
    assert [tool.name for tool in tools] == sorted(tool.name for tool in tools)
    by_name = {tool.name: tool for tool in tools}
    placing, getting, cancelling = (by_name[f"orders_{verb}"] for verb in ("place", "get", "cancel"))
    assert placing.title == "Place an order"
    hints = [one.annotations for one in (placing, getting, cancelling)]
    assert [(h.read_only_hint, h.destructive_hint, h.open_world_hint) for h in hints if h is not None] == [
        (False, False, False), (True, False, False), (False, True, False),
    ]  # fmt: skip
    assert placing.input_schema["required"] == ["offer", "tuila_user"]
    assert "tuila_key" in placing.input_schema["properties"] and "tuila_key" not in getting.input_schema["properties"]


async def test_every_capability_is_a_tool_with_whole_schemas(served: Served) -> None:
    tools = tools_of(tuple(served.world.platform.capabilities.values()))
    assert {tool.capability.name for tool in tools.values()} == served.world.platform.capabilities.keys()
    for tool in tools.values():
        told = tool.described("en", names_user=True)
        for schema in (told["inputSchema"], told["outputSchema"]):
            assert schema["type"] == "object"
            jsonschema.Draft202012Validator.check_schema(schema)
        for example in tool.capability.examples:
            jsonschema.validate(msgspec.to_builtins(example), {**told["inputSchema"], "required": []})


async def test_who_shows_no_token_is_led_to_where_tokens_are_given(served: Served) -> None:
    status, refusal = await served.post(request("tools/list"), {})
    assert (status, refusal["error"]["data"]["code"]) == (401, "unauthenticated")
    told = served.answered["www-authenticate"]
    base = served.world.settings.public_url
    assert told == f'Bearer resource_metadata="{base}/.well-known/oauth-protected-resource/mcp"'
    for path, resource in (("/mcp", f"{base}/mcp"), ("", base)):
        async with served.http.get(f"{served.url}/.well-known/oauth-protected-resource{path}") as response:
            document = await response.json()
        assert (document["resource"], document["authorization_servers"]) == (resource, [base])
    status, _ = await served.post(request("tools/list"), {"Authorization": "Bearer nonsense"})
    assert status == 401 and 'error="invalid_token"' in served.answered["www-authenticate"]


async def test_a_missing_scope_is_named(served: Served) -> None:
    await served.world.subscriber("partner:shop:u1")
    headers = {**await served.partner("orders:read"), "MCP-Protocol-Version": "2025-11-25"}
    call = request("tools/call", name="orders_place", arguments={"offer": PAID, "tuila_user": "u1"})
    status, refusal = await served.post(call, headers)
    assert (status, refusal["error"]["data"]["reason"]) == (403, "scope_missing")
    assert 'error="insufficient_scope", scope="orders:write"' in served.answered["www-authenticate"]


async def test_a_strange_page_cannot_connect(served: Served) -> None:
    headers = {**await served.partner(), "MCP-Protocol-Version": "2025-11-25"}
    origins = ("https://evil.example", "null", "https://shop.example", served.world.settings.public_url)
    outcomes = [(await served.post(request("tools/list"), {**headers, "Origin": one}))[0] for one in origins]
    assert outcomes == [403, 403, 200, 200]
    assert (await served.post(request("tools/list"), {"Origin": "https://evil.example"}))[0] == 403


async def test_the_endpoint_streams_nothing_and_keeps_no_session(served: Served) -> None:
    headers = await served.partner()
    for method in ("GET", "DELETE"):
        async with served.http.request(method, f"{served.url}/mcp", headers=headers) as response:
            assert response.status == 405 and "POST" in response.headers["allow"]
    status, answer = await served.post(request("initialize", protocolVersion="2025-06-18"), headers)
    assert (status, answer["result"]["protocolVersion"]) == (200, "2025-06-18")
    assert "mcp-session-id" not in served.answered
    _, answer = await served.post(request("initialize", protocolVersion="2031-01-01"), headers)
    assert answer["result"]["protocolVersion"] == "2025-11-25"
    initialized = {"jsonrpc": "2.0", "method": "notifications/initialized"}
    named = {**headers, "MCP-Protocol-Version": "2025-11-25"}
    assert await served.post(initialized, named) == (202, None)
    assert (await served.post(request("ping"), named))[1]["result"] == {}


async def test_header_and_body_of_a_modern_request_say_the_same(served: Served) -> None:
    right = {
        **await served.partner(), "MCP-Protocol-Version": "2026-07-28", "Mcp-Method": "tools/call",
        "Mcp-Name": "=?base64?b3JkZXJzX2xpc3Q=?=",
    }  # fmt: skip
    call = request("tools/call", name="orders_list", arguments={"tuila_user": "u1"}, _meta=MODERN_META)
    status, answer = await served.post(call, right)
    assert (status, answer["result"]["resultType"]) == (200, "complete")
    for name, value in (
        ("Mcp-Name", "orders_get"),
        ("Mcp-Method", "tools/list"),
        ("MCP-Protocol-Version", "2025-11-25"),
    ):
        status, answer = await served.post(call, {**right, name: value})
        assert (status, answer["error"]["code"]) == (400, -32020)
    without_name = {name: value for name, value in right.items() if name != "Mcp-Name"}
    assert (await served.post(call, without_name))[1]["error"]["code"] == -32020
    bare = request("tools/call", name="orders_list")
    assert (await served.post(bare, right))[1]["error"]["code"] == -32602
    future = {**MODERN_META, "io.modelcontextprotocol/protocolVersion": "2031-01-01"}
    status, answer = await served.post(
        request("tools/call", name="orders_list", _meta=future), {**right, "MCP-Protocol-Version": "2031-01-01"}
    )
    assert (status, answer["error"]["code"]) == (400, -32022)
    assert answer["error"]["data"]["supported"] == ["2026-07-28", "2025-11-25", "2025-06-18"]


ODD_MESSAGES = [
    (b"", 400, -32700),
    (b"{", 400, -32700),
    (b"\xff", 400, -32700),
    (b"[" * 100_000, 400, -32600),
    (b'{"jsonrpc":"2.0","id":1,"method":"ping","params":' + b"[" * 100_000, 400, -32700),
    (b"[]", 400, -32600),
    (b'{"jsonrpc":"1.0","id":1,"method":"ping"}', 400, -32600),
    (b'{"jsonrpc":"2.0","id":null,"method":"ping"}', 400, -32600),
    (b'{"jsonrpc":"2.0","id":1,"result":{}}', 400, -32600),
    (b'{"jsonrpc":"2.0","id":1,"method":"resources/list"}', 200, -32601),
    (b'{"jsonrpc":"2.0","id":1,"method":"tools/call"}', 200, -32602),
    (b'{"jsonrpc":"2.0","id":1,"method":"tools/call","params":[]}', 200, -32602),
    (b'{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"orders_list","arguments":[]}}', 200, -32602),
]


async def test_odd_messages_are_answered_as_json_rpc_errors(served: Served) -> None:
    headers = {**await served.partner(), "MCP-Protocol-Version": "2025-11-25"}
    for body, status, code in ODD_MESSAGES:
        told, answer = await served.post(body, headers)
        assert (told, answer["error"]["code"]) == (status, code), body[:100]


async def test_deep_arguments_are_refused(served: Served) -> None:
    await served.world.subscriber("partner:shop:u1")
    headers = {**await served.partner(), "MCP-Protocol-Version": "2025-11-25"}
    deep = b'{"a":' * 900 + b"1" + b"}" * 900
    head = b'{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"orders_place","arguments":'
    call = head + b'{"tuila_user":"u1","offer":"x","attribution":' + deep + b"}}}"
    status, answer = await served.post(call, headers)
    assert status == 200 and (answer.get("error") or answer["result"]["isError"])
    async with served.http.post(
        f"{served.url}/v1/orders", data=b'{"x":' * 5000 + b"1" + b"}" * 5000, headers={**headers, "Tuila-User": "u1"}
    ) as response:
        assert response.status == 400


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=12), inner, max_size=4),
    max_leaves=12,
)


ARGUMENTS = JSON | st.dictionaries(
    st.sampled_from(["tuila_user", "tuila_key", "offer", "id", "limit", "cursor", "phone", "code"]), JSON, max_size=5
)
TOOLS = st.sampled_from(sorted(tools_of(tuple(catalogue(*SETS).values()))))
PARAMS = st.fixed_dictionaries({"name": TOOLS | JSON, "arguments": ARGUMENTS}, optional={"_meta": JSON, "cursor": JSON})
METHODS = st.sampled_from(["tools/call", "tools/list", "initialize", "ping", "server/discover"]) | st.text()
MESSAGES = st.fixed_dictionaries(
    {"jsonrpc": st.just("2.0"), "method": METHODS, "params": PARAMS | JSON}, optional={"id": st.integers() | JSON}
)
REVISION = st.sampled_from(["2025-11-25", "2026-07-28", "2025-06-18", "x"])


async def test_no_json_brings_it_down(served: Served) -> None:
    await served.world.subscriber("partner:shop:u1")
    headers = await served.partner(*(f"{one.name}:*" for one in SETS))
    sent: list[tuple[Any, str]] = []

    @settings(max_examples=100, database=None, derandomize=True, suppress_health_check=list(HealthCheck))
    @given(JSON | MESSAGES, REVISION)
    def collect(body: Any, revision: str) -> None:
        sent.append((body, revision))

    collect()
    for body, revision in sent:
        served.world.clock.advance(seconds=1)  # within the quota
        status, answer = await served.post(body, {**headers, "MCP-Protocol-Version": revision})
        assert status < 500, (body, revision, answer)
        assert "internal" not in json.dumps(answer), (body, revision, answer)
