"""Every list of every interface selects as TMF630 has it: filters, `fields`, `offset` and `limit`, and the counts."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import pytest

from gateway.standards import STANDARDS
from gateway.standards.operation import Shape
from tests.fixtures.world import World, partner
from tests.gateway.standards.client import Client, client_of
from tests.gateway.standards.documents import conforms, document, needed
from tests.waiting import wait_for

ACCOUNT = "partner:shop:u1"


class Listed(NamedTuple):
    """One list, and two ways to narrow it."""

    standard: str
    path: str
    definition: str
    filter: str
    """An attribute that not all have the same value of; where all of a list are alike, one that none have is asked for."""
    needs_user: bool = True


LISTS = [
    Listed("tmf620", "/productOffering", "ProductOffering", "category.id", False),
    Listed("tmf620", "/productOfferingPrice", "ProductOfferingPrice", "priceType", False),
    Listed("tmf620", "/productSpecification", "ProductSpecification", "isBundle", False),
    Listed("tmf620", "/category", "Category", "id", False),
    Listed("tmf620", "/catalog", "Catalog", "id", False),
    Listed("tmf622", "/productOrder", "ProductOrder", "state"),
    Listed("tmf622", "/cancelProductOrder", "CancelProductOrder", "cancellationReason"),
    Listed("tmf637", "/product", "Product", "productOffering.id"),
    Listed("tmf680", "/queryProductRecommendation", "QueryProductRecommendation", "category.id"),
]
by_name = {standard.name: standard for standard in STANDARDS}


def test_there_is_none_that_is_not_looked_at() -> None:
    offered = {
        (standard.name, operation.path)
        for standard in STANDARDS
        for operation in standard.operations
        if operation.shape is Shape.LIST
    }
    assert offered == {(one.standard, one.path) for one in LISTS}


async def filled(world: World) -> None:
    """Three products, four orders of which two are cancelled, three recommendations; all of one user."""
    number = await world.subscriber(ACCOUNT, held=("TM-MUSIC-10", "TM-NEWS-3", "TM-READ-5"))
    await world.consent(number, "recommend")
    placed = []
    for at, offer in enumerate(("TM-COMIC-5", "TM-MAIL-5", "TM-CLOUD-6", "TM-VIDEO-10")):
        placed.append(await world.call(partner(), "orders.place", account=ACCOUNT, offer=offer, partner_ref=f"R-{at}"))
        world.clock.advance(seconds=1)
    for at in (0, 1):
        given_up = {"id": placed[at].id, "reason": f"reason {at}"}
        await world.call(partner(), "orders.cancel_together", account=ACCOUNT, **given_up)
    for place in ("any", "service:music", "service:music"):
        await world.call(partner(), "recommendations.list", account=ACCOUNT, place=place)
        world.clock.advance(seconds=1)

    async def written() -> bool:
        shown = await world.call(partner(), "recommendations.list_shown", account=ACCOUNT)
        return len(shown.items) == 3

    await wait_for(written, message="the records of what was shown are written")


def values(resource: Any, path: list[str]) -> list[str]:
    if isinstance(resource, list):
        return [found for one in resource for found in values(one, path)]
    if not path:
        return [str(resource).lower() if isinstance(resource, bool) else str(resource)]
    return values(resource[path[0]], path[1:]) if path[0] in resource else []


@needed
async def test_every_list_is_selected_from(make_world: Callable[..., Any], sqlite_url: str) -> None:
    world = await make_world(sqlite_url)
    await filled(world)
    async with client_of(world) as client:
        await client.log_in()
        for one in LISTS:
            await check(one, client)


async def check(one: Listed, client: Client) -> None:
    """Everything that TMF630 lets a caller ask of a list."""
    base = by_name[one.standard].base + one.path
    user = ["relatedParty.id=u1"] if one.needs_user else []

    async def get(*query: str) -> Any:
        return await client("GET", f"{base}?{'&'.join([*user, *query])}")

    whole = await get("limit=100")
    total = len(whole.body)
    declared = document(one.standard)["paths"][one.path]["get"]["responses"]
    assert whole.status == 200 and "206" not in declared, one
    assert (whole.headers["x-total-count"], whole.headers["x-result-count"]) == (str(total), str(total)), one
    assert conforms(one.standard, one.definition, whole.body)
    assert total >= (1 if one.path == "/catalog" else 2), one

    middle = await get("offset=1", "limit=1")
    assert middle.body == whole.body[1:2], one
    assert (middle.headers["x-total-count"], middle.headers["x-result-count"]) == (str(total), str(len(middle.body)))
    assert ('rel="prev"' in middle.headers["link"]) and ('rel="next"' in middle.headers.get("link", "")) == (total > 2)
    beyond = await get(f"offset={total}")
    assert (beyond.status, beyond.body, beyond.headers["x-result-count"]) == (200, [], "0")

    path = one.filter.split(".")
    told = [found for resource in whole.body for found in values(resource, path)]
    assert told, one
    for value in {told[0], "none of them"}:
        expected = [resource for resource in whole.body if value in values(resource, path)]
        found = await get(f"{one.filter}={value}", "limit=100")
        assert found.body == expected and found.headers["x-total-count"] == str(len(expected)), (one, value)
        others = await get(f"{one.filter}.ne={value}", "limit=100")
        assert others.body == [resource for resource in whole.body if resource not in expected], (one, value)
    both = await get(f"{one.filter}={','.join(sorted(set(told)))}", "limit=100")
    assert both.body == [resource for resource in whole.body if values(resource, path)], one

    assert {*(await get("fields=none", "limit=1")).body[0]} <= {"id", "href", "@type", *required(one)}, one
    name = path[0]
    narrow = await get(f"fields={name}", "limit=100")
    assert all({*resource} <= {"id", "href", "@type", name, *required(one)} for resource in narrow.body), one
    assert any(name in resource for resource in narrow.body)
    for wrong in ("nonsense=1", "fields=nonsense", "limit=x", "limit=-1", "offset=-1", "limit=0", "id.nonsense=1"):
        refused = await get(wrong)
        assert (refused.status, refused.body["@type"]) == (400, "Error"), (one, wrong)


def required(one: Listed) -> list[str]:
    found: list[str] = document(one.standard)["definitions"][one.definition].get("required", [])
    return found


@pytest.mark.parametrize("one", [one for one in LISTS if one.needs_user], ids=lambda one: one.path)
async def test_a_list_of_somebody_is_nobody_elses(small: Client, one: Listed) -> None:
    await filled(small.world)
    await small.log_in(partner="other")
    answer = await small("GET", f"{by_name[one.standard].base}{one.path}?relatedParty.id=u1")
    assert answer.status == 403 or answer.body == []
