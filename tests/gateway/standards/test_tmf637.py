"""TMF637 over real sockets: what a subscriber holds, read and told."""

from __future__ import annotations

from typing import Any

from tests.fixtures.world import partner, person
from tests.gateway.standards.client import SCOPES, Client
from tests.gateway.standards.documents import conforms, needed
from tests.gateway.standards.listener import Heard, Listener

BASE = "/tmf-api/productInventory/v4"


@needed
async def test_what_is_held_conforms_to_the_document(client: Client) -> None:
    await client.world.subscriber("partner:shop:u1", held=("TM-MUSIC-10", "TM-NEWS-3"))
    await client.world.subscriber("partner:shop:u2", held=("TM-READ-5",))
    await client.log_in()
    listed = await client("GET", f"{BASE}/product?relatedParty.id=u1")
    assert conforms("tmf637", "Product", listed.body)
    assert {one["productOffering"]["id"] for one in listed.body} == {"TM-MUSIC-10", "TM-NEWS-3"}
    assert {one["status"] for one in listed.body} == {"active"}
    assert all(one["relatedParty"][0]["id"] == "u1" for one in listed.body)
    one = listed.body[0]
    assert (await client("GET", f"{BASE}/product/{one['id']}?relatedParty.id=u1")).body == one
    assert (await client("GET", f"{BASE}/product/{one['id']}?relatedParty.id=u2")).status == 404
    found = await client("GET", f"{BASE}/product?relatedParty.id=u1&productOffering.id=TM-NEWS-3")
    assert [one["productOffering"]["id"] for one in found.body] == ["TM-NEWS-3"]
    assert found.headers["x-total-count"] == "1"
    assert (await client("GET", f"{BASE}/product?relatedParty.id=u1&status=terminated")).body == []


async def test_the_inventory_needs_credentials_and_the_scope(small: Client) -> None:
    await small.world.subscriber("partner:shop:u1", held=("TM-NEWS-3",))
    assert (await small("GET", f"{BASE}/product?relatedParty.id=u1")).status == 401
    await small.log_in("orders:read")
    refused = await small("GET", f"{BASE}/product?relatedParty.id=u1")
    assert (refused.status, refused.body["@type"]) == (403, "Error")


def bodies_of(heard: list[Heard]) -> list[tuple[str, dict[str, Any]]]:
    assert all(conforms("tmf637", one.kind, one.body) for one in heard)
    assert all(one.path == f"/tmf/listener/{one.kind[0].lower()}{one.kind[1:]}" for one in heard)
    return [(one.kind, one.resource) for one in heard]


async def ordered(listener: Listener, **order: Any) -> None:
    """Placed by the partner, confirmed by the subscriber, carried out."""
    placed = await listener.world.call(partner(), "orders.place", account="partner:shop:u1", **order)
    await listener.world.call(person("wechat:gh:o1"), "orders.confirm", id=placed.id)
    await listener.world.work()


@needed
async def test_a_listener_hears_what_starts_and_what_ends(listener: Listener) -> None:
    await listener.world.bind("wechat:gh:o1", await listener.world.subscriber("partner:shop:u1"))
    assert conforms("tmf637", "EventSubscription", await listener.register(BASE))
    await ordered(listener, offer="TM-MUSIC-10")
    ((kind, started),) = bodies_of(await listener.hear())
    assert (kind, started["status"]) == ("ProductCreateEvent", "active")
    read = await listener.client("GET", f"{BASE}/product?relatedParty.id=u1")
    assert read.body == [started], "it is told as it is read"
    await ordered(listener, offer="TM-MUSIC-15", action="change", replaces="TM-MUSIC-10")
    (ended, began) = bodies_of(await listener.hear())
    assert (ended[0], ended[1]["id"]) == ("ProductStateChangeEvent", started["id"])
    assert (ended[1]["status"], "terminationDate" in ended[1]) == ("terminated", True)
    assert (began[0], began[1]["productOffering"]["id"]) == ("ProductCreateEvent", "TM-MUSIC-15")
    await ordered(listener, offer="TM-MUSIC-15", action="unsubscribe")
    ((kind, over),) = bodies_of(await listener.hear())
    assert (kind, over["id"]) == ("ProductStateChangeEvent", began[1]["id"])


@needed
async def test_a_trial_that_is_kept_is_another_value_and_one_that_runs_out_ends(listener: Listener) -> None:
    await listener.world.bind("wechat:gh:o1", await listener.world.subscriber("partner:shop:u1"))
    await listener.register(BASE)
    trials = [one for one in listener.world.platform.catalog.current.by_code.values() if one.trial is not None]
    for offer, action in ((trials[0].code, "convert_trial"), (trials[1].code, None)):
        await ordered(listener, offer=offer, action="start_trial")
        ((kind, begun),) = bodies_of(await listener.hear())
        assert kind == "ProductCreateEvent" and "trial" in [term["name"] for term in begun["productTerm"]]
        if action is None:
            listener.world.clock.advance(days=60)
            await listener.world.work()
        else:
            await ordered(listener, offer=offer, action=action)
        ((kind, now),) = bodies_of(await listener.hear())
        wanted = "ProductAttributeValueChangeEvent" if action else "ProductStateChangeEvent"
        assert (kind, now["id"]) == (wanted, begun["id"])
        assert ("trial" in [term["name"] for term in now["productTerm"]]) == (action is None)


async def test_only_those_hear_it_who_may_read_it(listener: Listener) -> None:
    """Whoever orders: the inventory is the subscriber's, and so are its readers."""
    world = listener.world
    number = await world.subscriber("partner:shop:u1")
    for account in ("partner:other:x", "partner:blind:y", "wechat:gh:o1"):
        await world.bind(account, number)
    await world.subscriber("partner:third:z")
    await listener.register(BASE)
    for name, scopes in (("other", SCOPES), ("blind", ("orders:*",)), ("third", SCOPES)):
        await listener.client.log_in(*scopes, "webhooks:*", partner=name)
        await listener.register(BASE)
    await world.call(person("wechat:gh:o1"), "orders.place", offer="TM-MUSIC-10")
    await world.work()
    order = (await world.call(person("wechat:gh:o1"), "orders.list")).items[0]
    await world.call(person("wechat:gh:o1"), "orders.confirm", id=order.id)
    await world.work()
    heard = await listener.hear()
    assert sorted(one.resource["relatedParty"][0]["id"] for one in heard) == ["u1", "x"]


async def test_a_query_of_what_is_not_told_is_refused_with_what_is(small: Client) -> None:
    await small.log_in("webhooks:*")
    for kind in ("ProductDeleteEvent", "ProductBatchEvent", "ProductOrderCreateEvent"):
        wanted = {"callback": "https://shop.example.test", "query": f"eventType={kind}"}
        refused = await small("POST", f"{BASE}/hub", wanted)
        assert (refused.status, refused.body["@type"]) == (400, "Error")
        assert "ProductStateChangeEvent" in refused.body["message"]
