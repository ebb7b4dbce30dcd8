"""TMF622 over real sockets: product orders of several items, changes, and what is kept with an order."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from itertools import combinations_with_replacement, permutations
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from adapters.webhooks.protocol import Reply
from gateway.standards.tmf622_bodies import STATES, ProductOrderState, state_of
from tests.fixtures.world import partner, person
from tests.gateway.standards.client import SCOPES, Client
from tests.gateway.standards.documents import conforms, needed
from tests.gateway.standards.test_tmf_hub import CANCELLATION, send

BASE = "/tmf-api/productOrderingManagement/v4"
CUSTOMER = {"id": "u1", "role": "customer", "@referredType": "Individual"}
MUSIC, NEWS = "TM-MUSIC-10", "TM-NEWS-3"


def item(name: str, offering: str | None, action: str = "add", **others: Any) -> dict[str, Any]:
    named = {} if offering is None else {"productOffering": {"id": offering}}
    return {"id": name, "action": action, **named, **others}


def two(**others: Any) -> dict[str, Any]:
    items = [item("A", MUSIC), item("B", NEWS)]
    return {"productOrderItem": items, "relatedParty": [CUSTOMER], "externalId": "R-1", **others}


async def ready(client: Client, held: Sequence[str] = ()) -> None:
    number = await client.world.subscriber("partner:shop:u1", held=tuple(held))
    await client.world.bind("wechat:gh:o1", number)
    await client.log_in(*SCOPES, "webhooks:*")


async def place(client: Client, body: dict[str, Any], **headers: str) -> dict[str, Any]:
    placed = await client("POST", f"{BASE}/productOrder", body, **headers)
    assert placed.status == 201, placed.body
    return dict(placed.body)


async def orders_of(client: Client) -> dict[str, str]:
    """Each of the partner's orders by its offer."""
    return {one.offer: one.id for one in (await client.world.call(partner(), "orders.search")).items}


def states(order: dict[str, Any]) -> tuple[str, dict[str, str]]:
    return order["state"], {one["id"]: one["state"] for one in order["productOrderItem"]}


async def test_items_go_their_own_way_under_one_id(client: Client) -> None:
    await ready(client)
    placed = await place(client, two())
    path = f"{BASE}/productOrder/{placed['id']}"
    assert states(placed) == ("pending", {"A": "pending", "B": "pending"})
    ids = await orders_of(client)
    await client.world.call(person("wechat:gh:o1"), "orders.confirm", id=ids[NEWS])
    await client.world.work()
    now = (await client("GET", path)).body
    assert states(now) == ("inProgress", {"A": "pending", "B": "completed"})
    assert "completionDate" not in now
    body = {"productOrder": {"id": placed["id"]}, "cancellationReason": "too much"}
    cancelled = await client("POST", f"{BASE}/cancelProductOrder", body)
    assert (cancelled.status, cancelled.body["cancellationReason"]) == (201, "too much")
    now = (await client("GET", path)).body
    assert states(now) == ("partial", {"A": "cancelled", "B": "completed"}) and now["completionDate"]
    listed = (await client("GET", f"{BASE}/productOrder")).body
    assert listed == [now], "one product order, whatever its items are"
    assert (await client("GET", f"{BASE}/productOrder?state=partial&externalId=R-1")).body == [now]
    assert (await client("GET", f"{BASE}/cancelProductOrder")).body == [cancelled.body]
    follower = next(one for one in ids.values() if one != placed["id"])
    assert (await client("GET", f"{BASE}/productOrder/{follower}")).status == 404
    assert (await client("POST", f"{BASE}/cancelProductOrder", {"productOrder": {"id": follower}})).status == 400
    ended = [order for order in (await client.world.call(partner(), "orders.search")).items if order.together]
    assert {order.together for order in ended} == {placed["id"]} and len(ended) == 2


async def test_all_items_are_taken_down_or_none(small: Client) -> None:
    await ready(small, held=[NEWS])
    refused = await small("POST", f"{BASE}/productOrder", two(), Accept_Language="en")
    assert (refused.status, refused.body["code"]) == (409, "not-orderable") and "item=B" in refused.body["message"]
    assert await orders_of(small) == {}
    many = [item(str(number), f"TM-{number}") for number in range(21)]
    assert (await small("POST", f"{BASE}/productOrder", two(productOrderItem=many))).status == 400


async def test_the_same_product_order_sent_again_is_not_ordered_twice(client: Client) -> None:
    await ready(client)
    sent = [client("POST", f"{BASE}/productOrder", two(), Idempotency_Key="k1") for _ in range(3)]
    answers = [answer.body for answer in await asyncio.gather(*sent)]
    assert answers[0] == answers[1] == answers[2] and len(await orders_of(client)) == 2
    other = two(productOrderItem=[item("A", "TM-READ-5"), item("B", "TM-CLOUD-6")])
    for body in (other, {**other, "productOrderItem": [item("A", "TM-READ-5")]}):
        taken = await client("POST", f"{BASE}/productOrder", body)
        assert (taken.status, taken.body["code"]) == (409, "partner-ref-taken")
        assert answers[0]["id"] in taken.body["message"]
    first, second = answers[0]["id"], next(one for one in (await orders_of(client)).values() if one != answers[0]["id"])
    await client.world.call(partner(), "orders.cancel", account="partner:shop:u1", id=first)
    still = await client("POST", f"{BASE}/productOrder", other)
    assert (still.status, still.body["code"]) == (409, "partner-ref-taken"), "one of its items is still under way"
    await client.world.call(partner(), "orders.cancel", account="partner:shop:u1", id=second)
    assert (await place(client, other))["externalId"] == "R-1"


async def test_what_is_held_is_ended_or_changed_by_its_id_in_the_inventory(client: Client) -> None:
    await ready(client, held=[MUSIC, NEWS])
    held = (await client("GET", "/tmf-api/productInventory/v4/product?relatedParty.id=u1")).body
    product = {one["productOffering"]["id"]: {"id": one["id"]} for one in held}
    items = [
        item("1", None, "delete", product=product[NEWS]),
        item("2", "TM-READ-5", "modify", product=product[MUSIC]),
    ]
    placed = await place(client, two(productOrderItem=items))
    told = {one["id"]: one for one in placed["productOrderItem"]}
    assert (told["1"]["action"], told["1"]["productOffering"]["id"]) == ("delete", NEWS)
    assert (told["2"]["action"], told["2"]["productOffering"]["id"]) == ("modify", "TM-READ-5")
    assert told["2"]["product"]["productOffering"]["id"] == MUSIC
    wrong = (
        item("1", MUSIC, "delete", product=product[NEWS]), item("1", None, "delete", product={"id": placed["id"]}),
        item("1", NEWS, "modify", product={"id": placed["id"]}), item("1", None, "delete", product={"id": "x"}),
        item("1", NEWS, "modify"),
    )  # fmt: skip
    for one in wrong:
        refused = await client("POST", f"{BASE}/productOrder", two(externalId="R-2", productOrderItem=[one]))
        assert refused.status in (400, 409), one


async def test_what_is_said_of_an_order_is_found_again(small: Client) -> None:
    await ready(small)
    led = item("A", MUSIC, product={"productCharacteristic": [{"name": "impression", "value": "imp-1"}]})
    body = two(productOrderItem=[led, item("B", NEWS)], description="礼包", note=[{"text": "call\nfirst"}])
    placed = await place(small, body)
    now = (await small("GET", f"{BASE}/productOrder/{placed['id']}")).body
    assert now == placed
    assert (now["description"], now["note"][0]) == ("礼包", {"text": "call\nfirst"})
    assert now["productOrderItem"][0]["product"] == {
        "productCharacteristic": [{"name": "impression", "value": "imp-1"}]
    }
    (first,) = (await small.world.call(partner(), "orders.search", offer=MUSIC)).items
    assert first.attribution.impression == "imp-1"
    for wrong in (
        two(note=[{"text": "a"}, {"text": "b"}]), two(description="x" * 1001), two(note=[{"text": "\x00"}]),
        two(productOrderItem=[item("A", MUSIC, product={"productCharacteristic": [{"name": "colour", "value": 1}]})]),
        two(productOrderItem=[item("A", MUSIC, product={"productCharacteristic": [{"name": "impression", "value": {}}]})]),
        two(productOrderItem=[item("A", MUSIC), item("B", NEWS, productOrderItemRelationship=[{"id": "A"}])]),
    ):  # fmt: skip
        refused = await small("POST", f"{BASE}/productOrder", {**wrong, "externalId": "R-9"})
        assert (refused.status, refused.body["@type"]) == (400, "Error"), wrong


@needed
async def test_product_orders_of_several_items_are_told_as_the_document_says(client: Client) -> None:
    await ready(client)
    hub = await client("POST", f"{BASE}/hub", {"callback": "https://shop.example.test"})
    assert hub.status == 201
    placed = await place(client, two(description="d", note=[{"text": "n"}]))
    assert conforms("tmf622", "ProductOrder", placed)
    client.world.webhooks.answer = lambda _: Reply(204)
    created, *changed = await send(client)
    assert (created.kind, created.body["event"]["productOrder"]["id"]) == ("ProductOrderCreateEvent", placed["id"])
    assert [(one.kind, one.state) for one in changed] == [("ProductOrderStateChangeEvent", "pending")] * 2
    client.world.clock.advance(minutes=1)
    ids = await orders_of(client)
    await client.world.call(partner(), "orders.cancel", account="partner:shop:u1", id=ids[NEWS])
    sent = await send(client)
    assert [one.kind for one in sent if one.kind.startswith("Cancel")] == CANCELLATION
    (one,) = [one for one in sent if one.kind.startswith("ProductOrder")]
    assert states(one.body["event"]["productOrder"]) == ("pending", {"A": "pending", "B": "cancelled"})
    for event in (created, *changed, one):
        assert conforms("tmf622", event.kind, event.body)
        assert event.body["event"]["productOrder"]["id"] == placed["id"]


KNOWN = sorted(set(STATES.values()))


@given(st.lists(st.sampled_from(KNOWN), min_size=1, max_size=20))
def test_a_product_order_has_a_state_whatever_its_items_have(items: list[ProductOrderState]) -> None:
    state = state_of(items)
    assert state in {*KNOWN, "partial"}
    assert state_of(items[::-1]) == state and state_of([*items, items[0]]) == state
    over = {"completed", "failed", "cancelled"}
    assert (state in over | {"partial"}) == (set(items) <= over)
    if state in ("held", "acknowledged", "completed", "failed"):  # what a search is narrowed by
        assert state in items
    assert (state == "partial") == (set(items) <= over and "completed" in items and len(set(items)) > 1)


def test_every_pair_of_item_states_has_the_state_it_should() -> None:
    expected = {
        ("cancelled", "failed"): "failed", ("cancelled", "completed"): "partial", ("completed", "failed"): "partial",
        ("completed", "pending"): "inProgress", ("failed", "pending"): "pending", ("held", "inProgress"): "held",
        ("acknowledged", "cancelled"): "acknowledged", ("inProgress", "pending"): "inProgress",
    }  # fmt: skip
    for pair in combinations_with_replacement(KNOWN, 2):
        for turned in permutations(pair):
            if pair in expected:
                assert state_of(turned) == expected[pair], pair
