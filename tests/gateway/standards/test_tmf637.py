"""TMF637 over real sockets: what a subscriber holds."""

from __future__ import annotations

from tests.gateway.standards.conftest import Client
from tests.gateway.standards.documents import conforms, needed

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
