"""The hub of TMF622 over real sockets: registered in the document's words, told in its bodies, sent like any webhook."""

from __future__ import annotations

import contextlib
import ipaddress
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any, NamedTuple

import msgspec
import pytest
from aiohttp import web
from standardwebhooks import Webhook

from adapters.webhooks.client import WebhookClient
from adapters.webhooks.protocol import Reply
from config.settings import WebhookSettings
from gateway.capabilities.webhooks.formats import address_below
from gateway.platform import Outside, Platform
from tests.fixtures.world import partner, person
from tests.gateway.standards.conftest import SCOPES, Client
from tests.gateway.standards.documents import conforms, needed

BASE = "/tmf-api/productOrderingManagement/v4"
CALLBACK = "https://shop.example.test/tmf/"
CUSTOMER = {"id": "u1", "role": "customer", "@referredType": "Individual"}
ORDER = {
    "productOrderItem": [{"id": "1", "action": "add", "productOffering": {"id": "TM-MUSIC-10"}}],
    "relatedParty": [CUSTOMER],
    "externalId": "R-1",
}


class Told(NamedTuple):
    """One delivery."""

    path: str
    body: dict[str, Any]

    @property
    def kind(self) -> str:
        return str(self.body["eventType"])

    @property
    def state(self) -> str:
        return str(self.body["event"]["productOrder"]["state"])


async def ready(client: Client) -> None:
    number = await client.world.subscriber("partner:shop:u1")
    await client.world.bind("wechat:gh:o1", number)
    await client.log_in(*SCOPES, "webhooks:*")


async def register(client: Client, **fields: str) -> dict[str, Any]:
    made = await client("POST", f"{BASE}/hub", {"callback": CALLBACK, **fields})
    assert made.status == 201, made.body
    return dict(made.body)


async def send(client: Client) -> list[Told]:
    """What is sent now, in order."""
    world = client.world
    before = len(world.webhooks.received)
    await world.platform.sequencer.number()
    await world.platform.webhooks.run_due()
    return [Told(one.url, msgspec.json.decode(one.body)) for one in world.webhooks.received[before:]]


async def test_an_order_is_told_from_its_placing_to_its_end(client: Client) -> None:
    await ready(client)
    made = await register(client)
    assert made["callback"] == CALLBACK and "query" not in made
    placed = (await client("POST", f"{BASE}/productOrder", ORDER)).body
    await client.world.call(person("wechat:gh:o1"), "orders.confirm", id=placed["id"])
    await client.world.work()
    sent = await send(client)
    kinds = ["ProductOrderCreateEvent", *["ProductOrderStateChangeEvent"] * 4]
    assert [one.kind for one in sent] == kinds
    assert [one.state for one in sent] == ["acknowledged", "pending", "inProgress", "inProgress", "completed"]
    assert {one.path for one in sent[1:]} == {"https://shop.example.test/tmf/listener/productOrderStateChangeEvent"}
    assert sent[0].path == "https://shop.example.test/tmf/listener/productOrderCreateEvent"
    told = sent[-1].body["event"]["productOrder"]
    now = (await client("GET", f"{BASE}/productOrder/{placed['id']}")).body
    assert told == now, "the last event tells what is read afterwards"
    assert len({one.body["eventId"] for one in sent}) == 5


@needed
async def test_what_is_registered_and_told_is_what_the_document_says(small: Client) -> None:
    await ready(small)
    assert conforms("tmf622", "EventSubscription", await register(small, query="eventType=ProductOrderCreateEvent"))
    await register(small)
    await small("POST", f"{BASE}/productOrder", ORDER)
    sent = await send(small)
    assert len(sent) == 3
    for one in sent:
        assert conforms("tmf622", one.kind, one.body)


async def test_a_query_selects_event_types_and_nothing_else(small: Client) -> None:
    await ready(small)
    await register(small, query="eventType=ProductOrderStateChangeEvent")
    await small("POST", f"{BASE}/productOrder", ORDER)
    assert [one.kind for one in await send(small)] == ["ProductOrderStateChangeEvent"]
    for query in ("eventType=ProductOrderDeleteEvent", "state=completed", "eventType=", "&", "x" * 201, "a=1&" * 40):
        refused = await small("POST", f"{BASE}/hub", {"callback": CALLBACK, "query": query}, Accept_Language="en")
        assert (refused.status, refused.body["@type"]) == (400, "Error"), query
    for body in ({}, {"callback": ""}, {"callback": "ftp://shop.example.test"}, {"callback": "https://127.0.0.1/"}):
        refused = await small("POST", f"{BASE}/hub", body)
        assert (refused.status, refused.body["@type"]) == (400, "Error"), body


async def test_a_listener_is_a_webhook_and_ends_with_its_hub_entry(client: Client) -> None:
    await ready(client)
    hook = (await register(client, query="eventType=ProductOrderCreateEvent"))["id"]
    seen = await client.world.call(partner(), "webhooks.get", id=hook)
    assert (seen.format, seen.types, seen.description) == (
        "tmf622",
        ["order.acknowledged"],
        "eventType=ProductOrderCreateEvent",
    )
    assert (await client("GET", f"{BASE}/hub")).status == 405
    await client.log_in("webhooks:*", partner="other")
    assert (await client("DELETE", f"{BASE}/hub/{hook}")).status == 404
    await client.log_in("orders:*", partner="third")
    assert (await client("POST", f"{BASE}/hub", {"callback": CALLBACK})).status == 403
    await client.world.call(partner(), "webhooks.get", id=hook)
    client.headers = {}
    assert (await client("DELETE", f"{BASE}/hub/{hook}")).status == 401


async def test_nothing_is_sent_to_a_listener_that_was_deleted(small: Client) -> None:
    await ready(small)
    hook = (await register(small))["id"]
    gone = await small("DELETE", f"{BASE}/hub/{hook}")
    assert (gone.status, gone.body) == (204, None)
    assert (await small("DELETE", f"{BASE}/hub/{hook}")).status == 404
    await small("POST", f"{BASE}/productOrder", ORDER)
    assert await send(small) == []


async def test_a_late_delivery_tells_the_order_as_it_was_and_later_ones_wait_for_it(small: Client) -> None:
    await ready(small)
    await register(small)
    small.world.webhooks.answer = lambda _: Reply(500)
    placed = (await small("POST", f"{BASE}/productOrder", ORDER)).body
    first = await send(small)
    await small("POST", f"{BASE}/cancelProductOrder", {"productOrder": {"id": placed["id"]}})
    assert await send(small) == []
    small.world.webhooks.answer = lambda _: Reply(204)
    small.world.clock.advance(minutes=10)
    again = await send(small)
    assert again[0] == first[0]
    assert [one.state for one in again] == ["acknowledged", "pending", "cancelled"]


async def test_what_the_interface_has_no_event_for_goes_to_the_callback_itself(small: Client) -> None:
    await ready(small)
    hook = (await register(small))["id"]
    await small.world.call(partner(), "webhooks.test", id=hook)
    world = small.world
    await world.platform.sequencer.number()
    await world.platform.webhooks.run_due()
    (one,) = world.webhooks.received
    assert (one.url, msgspec.json.decode(one.body)["type"]) == (CALLBACK, "webhook.test")


@pytest.mark.parametrize(
    ("url", "path", "address"),
    [
        ("https://a/b", "/l/e", "https://a/b/l/e"),
        ("https://a/b/", "/l/e", "https://a/b/l/e"),
        ("https://a", "/l/e", "https://a/l/e"),
        ("https://a/b?k=/v/", "/l/e", "https://a/b/l/e?k=/v/"),
        ("https://a/b/?k=v", "", "https://a/b/?k=v"),
    ],
)
def test_a_path_goes_below_the_address_and_before_its_query(url: str, path: str, address: str) -> None:
    assert address_below(url, path) == address


@contextlib.asynccontextmanager
async def receiver(got: list[tuple[str, dict[str, str], bytes]]) -> AsyncIterator[str]:
    async def take(request: web.Request) -> web.Response:
        got.append((request.path, dict(request.headers), await request.read()))
        return web.Response(status=201)

    app = web.Application()
    app.router.add_post("/{path:.*}", take)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        yield f"http://127.0.0.1:{site._server.sockets[0].getsockname()[1]}"  # type: ignore[union-attr] # it was started
    finally:
        await runner.cleanup()


async def test_a_listener_over_a_real_socket_verifies_what_it_gets(small: Client) -> None:
    world, got = small.world, list[tuple[str, dict[str, str], bytes]]()
    world.clock.now = datetime.now(UTC)  # the library compares with the time of day
    await ready(small)
    group = WebhookSettings(allowed_networks=(ipaddress.ip_network("127.0.0.0/8"),))
    settings = world.settings.model_copy(update={"webhooks": group})
    async with receiver(got) as url, contextlib.aclosing(WebhookClient(allowed=group.allowed_networks)) as client:
        sender = Platform(settings, Outside(world.boss, world.sms, {}, client), clock=world.clock)
        await sender.catalog.refresh(sender.store)
        hook = (await world.call(partner(), "webhooks.create", url=f"{url}/tmf", format="tmf622", on=sender)).webhook
        secret = (await world.call(partner(), "webhooks.rotate_secret", id=hook.id)).secret
        await small("POST", f"{BASE}/productOrder", ORDER)
        await world.platform.sequencer.number()
        assert await sender.webhooks.run_due() == 2
        for path, headers, body in got:
            event = Webhook(secret).verify(body, headers)
            assert path == f"/tmf/listener/{event['eventType'][0].lower()}{event['eventType'][1:]}"
            assert event["eventId"] == headers["webhook-id"]
        await sender.close()
