"""TMF622 over real sockets: orders of a partner in the words of the published document."""

from __future__ import annotations

from typing import Any, get_args

from gateway.capabilities.orders.states import OrderState
from gateway.standards.tmf622_bodies import STATES, ProductOrderState
from tests.fixtures.world import person
from tests.gateway.standards.client import Client
from tests.gateway.standards.documents import conforms, document, needed

BASE = "/tmf-api/productOrderingManagement/v4"
PAID = "TM-MUSIC-10"
CUSTOMER = {"id": "u1", "role": "customer", "@referredType": "Individual"}


def order(action: str = "add", offering: str = PAID, **others: Any) -> dict[str, Any]:
    item = {"id": "01", "action": action, "quantity": 1, "productOffering": {"id": offering}}
    return {"productOrderItem": [item], "relatedParty": [CUSTOMER], "@type": "ProductOrder", **others}


async def place(client: Client, body: dict[str, Any]) -> dict[str, Any]:
    placed = await client("POST", f"{BASE}/productOrder", body)
    assert placed.status == 201, placed.body
    return dict(placed.body)


async def test_an_order_is_placed_followed_and_completed(client: Client) -> None:
    world = client.world
    number = await world.subscriber("partner:shop:u1")
    await world.bind("wechat:gh:o1", number)
    await client.log_in()
    placed = await client("POST", f"{BASE}/productOrder", order(externalId="R-1"), Accept_Language="en")
    assert placed.status == 201
    assert placed.headers["location"] == placed.body["href"]
    assert (placed.body["state"], placed.body["externalId"]) == ("pending", "R-1")
    assert "confirm" in placed.body["note"][0]["text"]
    item = placed.body["productOrderItem"][0]
    assert (item["action"], item["state"], item["productOffering"]["id"]) == ("add", "pending", PAID)
    assert item["itemPrice"][0]["price"]["taxIncludedAmount"] == {"unit": "CNY", "value": 10.0}
    assert placed.body["relatedParty"] == [CUSTOMER]
    path = f"{BASE}/productOrder/{placed.body['id']}?relatedParty.id=u1"
    assert (await client("GET", path)).body["state"] == "pending"
    await world.call(person("wechat:gh:o1"), "orders.confirm", id=placed.body["id"])
    assert (await client("GET", path)).body["state"] == "inProgress"
    await world.work()
    done = (await client("GET", path)).body
    assert done["state"] == "completed" and done["completionDate"]
    ended = await place(client, order("delete"))
    assert (ended["productOrderItem"][0]["action"], ended["state"]) == ("delete", "pending")


@needed
async def test_every_answer_conforms_to_the_document(client: Client) -> None:
    await client.world.subscriber("partner:shop:u1")
    await client.log_in()
    placed = await place(client, order(externalId="R-1"))
    await place(client, order(offering="TM-NEWS-3"))
    assert conforms("tmf622", "ProductOrder", placed)
    cancelled = await client(
        "POST", f"{BASE}/cancelProductOrder?relatedParty.id=u1", {"productOrder": {"id": placed["id"]}}
    )
    assert cancelled.status == 201 and conforms("tmf622", "CancelProductOrder", cancelled.body)
    for name, kind, many in (("productOrder", "ProductOrder", 2), ("cancelProductOrder", "CancelProductOrder", 1)):
        listed = await client("GET", f"{BASE}/{name}?relatedParty.id=u1")
        assert len(listed.body) == many and conforms("tmf622", kind, listed.body)
        one = await client("GET", f"{BASE}/{name}/{placed['id']}?relatedParty.id=u1")
        assert one.body in listed.body
        narrow = await client("GET", f"{BASE}/{name}?relatedParty.id=u1&fields=href")
        assert conforms("tmf622", kind, narrow.body)


async def test_the_same_order_sent_again_is_not_ordered_twice(client: Client) -> None:
    await client.world.subscriber("partner:shop:u1")
    await client.log_in()
    first = await client("POST", f"{BASE}/productOrder", order(externalId="订单 1"), Idempotency_Key="k1")
    again = await client("POST", f"{BASE}/productOrder", order(externalId="订单 1"), Idempotency_Key="k1")
    assert first.status == again.status == 201 and again.body == first.body
    other = order(offering="TM-NEWS-3")
    reused = await client("POST", f"{BASE}/productOrder", other, Idempotency_Key="k1")
    assert (reused.status, reused.body["code"]) == (409, "idempotency-key-reused")
    taken = await client("POST", f"{BASE}/productOrder", {**other, "externalId": "订单 1"})
    assert (taken.status, taken.body["code"]) == (409, "partner-ref-taken")
    assert first.body["id"] in taken.body["message"]


async def test_orders_are_cancelled_by_a_cancel_product_order(small: Client) -> None:
    await small.world.subscriber("partner:shop:u1")
    await small.log_in()
    placed = await place(small, order())
    mine = {"Tuila-User": "u1"}
    path = f"{BASE}/productOrder/{placed['id']}"
    patched = await small("PATCH", path, {"state": "cancelled"}, **mine)
    assert patched.status == 405 and patched.headers["allow"] == "GET"
    assert (await small("GET", f"{BASE}/cancelProductOrder/{placed['id']}", **mine)).status == 404
    body = {"productOrder": {"id": placed["id"]}, "cancellationReason": "changed my mind"}
    later = {**body, "requestedCancellationDate": "2027-01-01T00:00:00Z"}
    assert (await small("POST", f"{BASE}/cancelProductOrder", later, **mine)).status == 400
    cancelled = await small("POST", f"{BASE}/cancelProductOrder", body, **mine)
    assert (cancelled.status, cancelled.body["state"]) == (201, "done")
    followed = (await small("GET", path, **mine)).body
    assert followed["state"] == "cancelled" and followed["cancellationDate"]
    assert followed["cancellationReason"] == cancelled.body["cancellationReason"] == "changed my mind"
    again = await small("POST", f"{BASE}/cancelProductOrder", {**body, "cancellationReason": "once more"}, **mine)
    assert again.body == cancelled.body
    unknown = {"productOrder": {"id": "00000000-0000-0000-0000-000000000000"}}
    assert (await small("POST", f"{BASE}/cancelProductOrder", unknown, **mine)).status == 400


async def test_orders_are_found_by_state_date_and_number(small: Client) -> None:
    await small.world.subscriber("partner:shop:u1")
    await small.log_in()
    first = await place(small, order(externalId="R-1"))
    small.world.clock.advance(minutes=5)
    second = await place(small, order(offering="TM-NEWS-3", externalId="R-2"))
    await small("POST", f"{BASE}/cancelProductOrder", {"productOrder": {"id": first["id"]}}, Tuila_User="u1")
    found = {
        "state=cancelled": [first["id"]],
        "state=pending,held": [second["id"]],
        "externalId=R-2": [second["id"]],
        f"orderDate.gt={first['orderDate']}": [second["id"]],
        f"orderDate.gte={first['orderDate']}": [second["id"], first["id"]],
        f"orderDate.lt={second['orderDate']}": [first["id"]],
        "orderDate.gt=never": [],
        "externalId=R-1,R-2": [second["id"], first["id"]],
        "state=nonsense": [],
        "productOrderItem.productOffering.id=TM-NEWS-3": [second["id"]],
        "limit=1": [second["id"]],
        "offset=1": [first["id"]],
    }
    for query, ids in found.items():
        listed = await small("GET", f"{BASE}/productOrder?relatedParty.id=u1&{query}")
        assert [one["id"] for one in listed.body] == ids, query


async def test_a_partner_reads_and_cancels_its_orders_without_naming_the_user(client: Client) -> None:
    for user in ("u1", "u2"):
        await client.world.subscriber(f"partner:shop:{user}")
    await client.log_in()
    parties = {user: [{**CUSTOMER, "id": user}] for user in ("u1", "u2")}
    placed = [await place(client, order(relatedParty=party)) for party in parties.values()]
    listed = (await client("GET", f"{BASE}/productOrder")).body
    assert {one["id"]: one["relatedParty"] for one in listed} == {one["id"]: one["relatedParty"] for one in placed}
    path = f"{BASE}/productOrder/{placed[1]['id']}"
    assert (await client("GET", path)).body["relatedParty"] == parties["u2"]
    cancelled = await client("POST", f"{BASE}/cancelProductOrder", {"productOrder": {"id": placed[1]["id"]}})
    assert cancelled.status == 201
    assert (await client("GET", path)).body["state"] == "cancelled"
    done = (await client("GET", f"{BASE}/cancelProductOrder")).body
    assert [one["productOrder"]["id"] for one in done] == [placed[1]["id"]]


async def test_a_person_in_a_session_sees_its_own_orders(small: Client) -> None:
    await small.world.subscriber("partner:shop:u1")
    await small.log_in()
    placed = await place(small, order())
    async with small.session.post(
        f"{small.url}/v1/sessions", json={"client_id": "shop"}, headers={**small.headers, "Tuila-User": "u1"}
    ) as response:
        small.headers = {"Authorization": f"Bearer {(await response.json())['token']}"}
    assert [one["id"] for one in (await small("GET", f"{BASE}/productOrder")).body] == [placed["id"]]
    assert (await small("GET", f"{BASE}/productOrder/{placed['id']}")).body["state"] == "pending"
    assert (await small("GET", f"{BASE}/productOrder?relatedParty.id=u2")).status == 400


async def test_what_is_not_offered_is_refused_and_nothing_is_ordered(small: Client) -> None:
    await small.world.subscriber("partner:shop:u1")
    await small.log_in()
    item = order()["productOrderItem"][0]
    wrong: list[Any] = [
        b"", b"{", b"[]", b"\xff", {}, {"productOrderItem": []}, {"productOrderItem": [{}]}, {"productOrderItem": [{"id": "1"}]},
        order(productOrderItem=[item, item]), order(productOrderItem=[item, {**item, "id": "02"}]), order("modify"), order(productOrderItem=[{"id": "1", "action": "delete", "product": {}}]), order(productOrderItem=[{**item, "quantity": 2}]),
        order(productOrderItem=[{**item, "productOrderItem": [item]}]), order(productOrderItem=[{"id": "1", "action": "add"}]),
        order("noChange"), order(requestedStartDate="2027-01-01T00:00:00Z"), order(payment=[{"id": "p"}]),
        order(externalId="a\x00b"), order(externalId="x" * 101), order(offering="TM-NOTHING-1"), order(offering="\x00"),
        order(relatedParty=[CUSTOMER, {**CUSTOMER, "id": "u2"}]), order(relatedParty=[{"id": "u1"}]),
        order(relatedParty=[{**CUSTOMER, "id": "a\x00b"}]),
    ]  # fmt: skip
    for body in wrong:
        refused = await small("POST", f"{BASE}/productOrder", body, Accept_Language="en")
        assert (refused.status, refused.body["@type"]) == (400, "Error"), body
        assert refused.body["message"]
    assert (await small("GET", f"{BASE}/productOrder?relatedParty.id=u1")).body == []


async def test_a_user_is_named_once_and_in_one_way(small: Client) -> None:
    await small.world.subscriber("partner:shop:u1")
    await small.log_in()
    assert (await small("POST", f"{BASE}/productOrder", order(), Tuila_User="u2")).status == 400
    unbound = await small("POST", f"{BASE}/productOrder", order(relatedParty=[{**CUSTOMER, "id": "u9"}]))
    assert (unbound.status, unbound.body["code"]) == (403, "forbidden")
    without = {**order(), "relatedParty": None}
    assert (await small("POST", f"{BASE}/productOrder", without, Tuila_User="u1")).status == 201


async def test_foreign_orders_are_not_seen(small: Client) -> None:
    await small.world.subscriber("partner:shop:u1")
    await small.log_in()
    placed = await place(small, order())
    await small.log_in(partner="other")
    await small.world.bind("partner:other:u1", 1)
    seen = await small("GET", f"{BASE}/productOrder/{placed['id']}?relatedParty.id=u1")
    assert seen.status == 404
    assert (await small("GET", f"{BASE}/productOrder?relatedParty.id=u1")).body == []


@needed
def test_every_state_of_ours_is_one_of_the_document() -> None:
    assert set(STATES) == set(OrderState)
    allowed = set(document("tmf622")["definitions"]["ProductOrderStateType"]["enum"])
    assert set(STATES.values()) <= set(get_args(ProductOrderState)) <= allowed
    assert set(get_args(ProductOrderState)) <= set(
        document("tmf622")["definitions"]["ProductOrderItemStateType"]["enum"]
    ) | {"partial"}
