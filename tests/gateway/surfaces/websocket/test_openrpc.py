"""The OpenRPC document: complete, consistent in itself, the same over HTTP and over the connection."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import aiohttp
import jsonschema

from tests.fixtures.rpc import served


async def test_every_capability_is_a_method_of_the_document(make_world: Callable[..., Any], sqlite_url: str) -> None:
    world = await make_world(sqlite_url)
    async with served(world) as gateway, aiohttp.ClientSession() as session, gateway.connected() as rpc:
        async with session.get(gateway.url + "/openrpc.json") as response:
            document = await response.json()
        assert (await rpc("rpc.discover"))["result"] == document
    methods = {method["name"]: method for method in document["methods"]}
    assert methods.keys() - set(world.platform.capabilities) == {name for name in methods if name.startswith("rpc.")}
    assert methods.keys() >= set(world.platform.capabilities)
    schemas = document["components"]["schemas"]
    assert {ref.rpartition("/")[2] for ref in _references(document)} <= schemas.keys()
    for method in document["methods"]:
        for schema in (*(param["schema"] for param in method["params"]), method["result"]["schema"]):
            jsonschema.Draft202012Validator.check_schema(schema)
    refusals = {error["data"]["code"]: error["code"] for error in methods["orders.place"]["errors"]}
    assert (refusals["too-many-requests"], refusals["malformed-request"]) == (-32029, -32602)


def _references(part: Any) -> Iterator[str]:
    if isinstance(part, dict):
        if isinstance(part.get("$ref"), str):
            yield part["$ref"]
        for value in part.values():
            yield from _references(value)
    elif isinstance(part, list):
        for value in part:
            yield from _references(value)
