"""Two processes need a new access token at once, and the one that fetches it is killed."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from tests.faults.checker import check_books
from tests.faults.clients import insist_on_saying
from tests.faults.gateway_process import Gateway, Stage, staged
from tests.faults.warm_starts import WarmStarts
from tests.waiting import wait_for

TOKEN = "/cgi-bin/stable_token"


@pytest.mark.postgresql
@pytest.mark.redis
@pytest.mark.timeout(180)
async def test_a_refresher_killed_while_fetching_is_followed_by_one_other(
    postgresql_url: str, redis_url: str, tmp_path: Path, starts: WarmStarts
) -> None:
    async with staged(postgresql_url, tmp_path, starts, people=1, redis_url=redis_url) as stage:
        await stage.subscribers(1)
        await stage.put(f"{stage.wechat_url}/faults", slow_seconds=3)
        both = [stage.gateway(), stage.gateway()]
        # Each pushes the account's menu when it starts, and so needs a token.
        await asyncio.gather(*(gateway.start() for gateway in both))
        await wait_for(lambda: stage.asked[TOKEN], timeout=10, message="the token is being fetched")
        fetching = await holder_of_the_lease(stage, both)
        (other,) = (gateway for gateway in both if gateway is not fetching)
        await fetching.kill()
        await stage.put(f"{stage.wechat_url}/faults")

        await stage.point_callbacks(other)
        for text in ("推荐", "订1", "是"):
            await insist_on_saying(stage, 1, text)
        await wait_for(lambda: late_bubbles(stage), timeout=60, message="the owed message has come")
        assert stage.asked[TOKEN] == 2  # the one that was killed, and the one after it
        await fetching.start()
        assert stage.asked[TOKEN] == 2
        assert len(await late_bubbles(stage)) == 1
        assert (await check_books(stage, [])).effects == 1

        await stage.world.platform.hot.delete(f"wx:token:{stage.account.appid}")  # as if it had expired
        pushed = stage.asked["/cgi-bin/menu/create"]
        await asyncio.gather(*(gateway.kill() for gateway in both))
        await asyncio.gather(*(gateway.start() for gateway in both))
        await wait_for(
            lambda: stage.asked["/cgi-bin/menu/create"] == pushed + 2, timeout=20, message="both have a token"
        )
        assert stage.asked[TOKEN] == 3


async def holder_of_the_lease(stage: Stage, gateways: list[Gateway]) -> Gateway:
    """The process that refreshes: the lease names its owner, and the owner its process id."""
    held = await stage.world.platform.hot.get(f"wx:token-lease:{stage.account.appid}")
    assert held is not None
    owner = held.decode().partition(":")[0]
    (gateway,) = (one for one in gateways if f"-{one.pid}-" in owner)
    return gateway


async def late_bubbles(stage: Stage) -> list[dict[str, object]]:
    """What the account sent unasked."""
    return [bubble for bubble in await stage.bubbles(1) if bubble["late"]]
