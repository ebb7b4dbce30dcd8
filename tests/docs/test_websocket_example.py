"""The Python example of docs/websocket.md follows a partner's orders, also over a connection that is cut."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from gateway.capabilities.events import emit
from gateway.store import Unit
from tests.fixtures.rpc import served
from tests.fixtures.world import OPERATOR, World

PAGE = (Path(__file__).parents[2] / "docs" / "websocket.md").read_text()


async def test_the_example_sees_every_order_event_once(make_world: Callable[..., Any], sqlite_url: str) -> None:
    world: World = await make_world(sqlite_url)
    await world.call(OPERATOR, "partners.create", id="shop", name="Shop", scopes=["events:*"])
    (code,) = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    names: dict[str, Any] = {}
    exec(code, names)
    seen: asyncio.Queue[str] = asyncio.Queue()

    async def record(*types: str) -> None:
        unit = Unit()
        for one in types:
            emit(unit, one, {}, id=world.platform.ids(), at=world.clock(), key="k", partner_id="shop", account=None)
        await world.platform.store.commit(unit)
        await world.platform.sequencer.number()

    async def deal_with(event: dict[str, Any]) -> None:
        seen.put_nowait(event["type"])

    async with served(world) as gateway:

        async def token() -> str:
            return gateway.partner_token()

        following = asyncio.create_task(names["follow"](gateway.address, token, deal_with))
        await record("order.one", "consent.given", "order.two")
        found = [await asyncio.wait_for(seen.get(), 10) for _ in range(2)]
        await record("order.three")
        found.append(await asyncio.wait_for(seen.get(), 10))
        following.cancel()
        await asyncio.gather(following, return_exceptions=True)
    assert found == ["order.one", "order.two", "order.three"]
    assert seen.empty()
