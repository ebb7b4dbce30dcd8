"""The hub of TMF622 over real sockets: registered in the document's words, told in its bodies, sent like any webhook."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, NamedTuple

import msgspec
import pytest
from standardwebhooks import Webhook

from adapters.webhooks.protocol import Reply
from gateway.capabilities.webhooks.formats import address_below
from tests.fixtures.world import partner, person
from tests.gateway.standards.client import SCOPES, Client
from tests.gateway.standards.documents import conforms, needed
from tests.gateway.standards.listener import Listener

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
    assert [one.kind for one in await send(small)] == ["CancelProductOrderCreateEvent"]  # it keeps an order of its own
    small.world.webhooks.answer = lambda _: Reply(204)
    small.world.clock.advance(minutes=10)
    again = [one for one in await send(small) if one.kind.startswith("ProductOrder")]
    assert again[0] == first[0]
    assert [one.state for one in again[:3]] == ["acknowledged", "pending", "cancelled"]


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


async def test_a_listener_over_a_real_socket_verifies_what_it_gets(listener: Listener) -> None:
    await listener.world.subscriber("partner:shop:u1")
    hook = (await listener.register(BASE))["id"]
    secret = (await listener.world.call(partner(), "webhooks.rotate_secret", id=hook)).secret
    await listener.client("POST", f"{BASE}/productOrder", ORDER)
    listener.world.clock.now = datetime.now(UTC)  # the library compares with the time of day
    heard = await listener.hear()
    assert len(heard) == 2
    for one in heard:
        event = Webhook(secret).verify(one.raw, one.headers)
        assert one.path == f"/tmf/listener/{event['eventType'][0].lower()}{event['eventType'][1:]}"
        assert event["eventId"] == one.headers["webhook-id"]


CANCELLATION = ["CancelProductOrderCreateEvent", "CancelProductOrderStateChangeEvent"]
SEVERAL = {
    **ORDER,
    "productOrderItem": [
        {"id": at, "action": "add", "productOffering": {"id": offer}}
        for at, offer in (("1", "TM-MUSIC-10"), ("2", "TM-NEWS-3"), ("3", "TM-READ-5"))
    ],
}


@needed
@pytest.mark.parametrize("order", [ORDER, SEVERAL], ids=["one item", "three items"])
async def test_a_cancellation_is_told_once_and_is_then_the_one_that_is_read(
    listener: Listener, order: dict[str, Any]
) -> None:
    await listener.world.subscriber("partner:shop:u1")
    await listener.register(BASE, "eventType=" + ",".join(CANCELLATION))
    placed = (await listener.client("POST", f"{BASE}/productOrder", order)).body["id"]
    assert await listener.hear() == []
    wanted = {"productOrder": {"id": placed}, "cancellationReason": "not wanted any more"}
    made = (await listener.client("POST", f"{BASE}/cancelProductOrder", wanted)).body
    heard = await listener.hear()
    assert [one.kind for one in heard] == CANCELLATION
    assert [one.path for one in heard] == [f"/tmf/listener/{kind[0].lower()}{kind[1:]}" for kind in CANCELLATION]
    assert all(conforms("tmf622", one.kind, one.body) for one in heard)
    assert [one.resource["state"] for one in heard] == ["acknowledged", "done"]
    assert heard[1].resource == made == (await listener.client("GET", f"{BASE}/cancelProductOrder/{placed}")).body
    await listener.client("POST", f"{BASE}/cancelProductOrder", wanted)
    assert await listener.hear() == [], "said again it changes nothing"


async def test_more_that_is_given_up_later_belongs_to_the_same_cancellation(listener: Listener) -> None:
    await listener.world.subscriber("partner:shop:u1")
    await listener.register(BASE, "eventType=" + ",".join(CANCELLATION))
    await listener.client("POST", f"{BASE}/productOrder", SEVERAL)
    user = {"Tuila_User": "u1"}
    orders = (await listener.client("GET", "/v1/orders", None, **user)).body["items"]
    for at in (1, 0):
        listener.world.clock.advance(minutes=1)
        await listener.client("POST", f"/v1/orders/{orders[at]['id']}/cancel", None, **user)
    heard = await listener.hear()
    assert [one.kind for one in heard] == [*CANCELLATION, CANCELLATION[1]]
    assert len({one.resource["id"] for one in heard}) == 1
    assert heard[1].resource["effectiveCancellationDate"] < heard[2].resource["effectiveCancellationDate"]


async def test_who_says_no_cancels_too_and_whom_it_does_not_concern_hears_nothing(listener: Listener) -> None:
    number = await listener.world.subscriber("partner:shop:u1")
    await listener.world.bind("wechat:gh:o1", number)
    await listener.register(BASE)
    placed = (await listener.client("POST", f"{BASE}/productOrder", ORDER)).body["id"]
    await listener.hear()
    await listener.client.log_in(*SCOPES, "webhooks:*", partner="other")
    await listener.register(BASE)
    await listener.world.call(person("wechat:gh:o1"), "orders.refuse", id=placed)
    kinds = [one.kind for one in await listener.hear()]  # an order and its cancellation are in no order with each other
    assert sorted(kinds) == sorted(["ProductOrderStateChangeEvent", *CANCELLATION])
    assert [one for one in kinds if one in CANCELLATION] == CANCELLATION
