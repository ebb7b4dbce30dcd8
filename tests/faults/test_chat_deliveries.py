"""One message delivered four times to two processes; a yes said five times; a back end that sleeps."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from itertools import count
from pathlib import Path

import pytest
from pydantic import SecretStr
from sqlalchemy import Connection, select

from config.settings import WeChatSettings
from gateway.capabilities.orders.tables import orders
from tests.bots.wechat_phone import Envelopes
from tests.faults.checker import check_books, open_matters
from tests.faults.gateway_process import Gateway, Stage, WallClock, openid_of, staged
from tests.faults.warm_starts import WarmStarts
from tests.waiting import wait_for

pytestmark = [pytest.mark.postgresql, pytest.mark.redis, pytest.mark.timeout(240)]

_message_ids = count(5_000_000_000)


@pytest.fixture
async def stage(postgresql_url: str, redis_url: str, tmp_path: Path, starts: WarmStarts) -> AsyncIterator[Stage]:
    async with staged(postgresql_url, tmp_path, starts, people=1, redis_url=redis_url) as opened:
        await opened.subscribers(1)
        yield opened


@pytest.fixture
async def gateways(stage: Stage) -> list[Gateway]:
    """Two processes over one database and one Redis."""
    both = [stage.gateway(), stage.gateway()]
    await asyncio.gather(*(gateway.start() for gateway in both))
    await stage.point_callbacks(both[0])
    return both


class Platform:
    """Delivers a message as often as told, each time newly signed, encrypted and to the next process."""

    def __init__(self, stage: Stage, gateways: list[Gateway]) -> None:
        self._stage = stage
        self._gateways = gateways
        account = stage.account
        self._seal = Envelopes(
            WallClock(),
            WeChatSettings(
                gh_id=account.gh_id, appid=account.appid, secret=SecretStr(account.secret),
                token=SecretStr(account.token), encoding_aes_key=SecretStr(account.encoding_aes_key),
            ),
        )  # fmt: skip

    async def deliver(self, text: str, times: int, *, at_once: bool) -> list[str | None]:
        """The reply to each delivery of one message."""
        body = self._message(text)
        attempts = [self._post(self._gateways[number % 2], body) for number in range(times)]
        if at_once:
            return list(await asyncio.gather(*attempts))
        return [await attempt for attempt in attempts]

    async def deliver_by_the_clock(self, texts: Sequence[str]) -> list[list[str | None]]:
        """The replies to messages sent a second apart, each delivered again after 5, 10 and 15 s as WeChat does it."""

        async def one(number: int, body: bytes) -> list[str | None]:
            replies = []
            for attempt, at in enumerate((0, 5, 10, 15)):
                await asyncio.sleep(max(0.0, began + number + at - time.monotonic()))  # the schedule is what is tested
                replies.append(await self._post(self._gateways[attempt % 2], body))
            return replies

        began = time.monotonic()
        bodies = [self._message(text) for text in texts]
        return await asyncio.gather(*(one(number, body) for number, body in enumerate(bodies)))

    def _message(self, text: str) -> bytes:
        at = int(WallClock()().timestamp())
        return (
            f"<xml><ToUserName><![CDATA[{self._stage.account.gh_id}]]></ToUserName>"
            f"<FromUserName><![CDATA[{openid_of(1)}]]></FromUserName><CreateTime>{at}</CreateTime>"
            f"<MsgType><![CDATA[text]]></MsgType><Content><![CDATA[{text}]]></Content>"
            f"<MsgId>{next(_message_ids)}</MsgId></xml>"
        ).encode()

    async def _post(self, gateway: Gateway, body: bytes) -> str | None:
        posted = self._seal(body)
        url = f"{gateway.url}/wechat/callback?{posted.query}"
        async with self._stage.http.post(url, data=posted.body) as response:
            assert response.status == 200
            answer = await response.read()
        return None if answer in (b"", b"success") else self._seal.read(answer)


@pytest.mark.parametrize("at_once", [False, True], ids=["one after the other", "at once"])
async def test_a_message_delivered_four_times_to_two_processes_has_one_effect_and_one_reply(
    stage: Stage, gateways: list[Gateway], at_once: bool
) -> None:
    platform = Platform(stage, gateways)
    for text in ("推荐", "订1", "是"):
        replies = await platform.deliver(text, 4, at_once=at_once)
        assert replies[0] and set(replies) == {replies[0]}
    await settled(stage)
    findings = await check_books(stage, [])
    assert (findings.ended, findings.effects) == ({"completed": 1}, 1)


async def test_deliveries_at_0_5_10_and_15_seconds_have_one_effect_and_one_reply(
    stage: Stage, gateways: list[Gateway]
) -> None:
    replies = await Platform(stage, gateways).deliver_by_the_clock(("推荐", "订1", "是"))
    assert all(of_one[0] and set(of_one) == {of_one[0]} for of_one in replies)
    await settled(stage)
    findings = await check_books(stage, [])
    assert (findings.ended, findings.effects) == ({"completed": 1}, 1)


async def test_five_yeses_in_a_row_are_one_order(stage: Stage, gateways: list[Gateway]) -> None:
    platform = Platform(stage, gateways)
    await platform.deliver("推荐", 1, at_once=False)
    await platform.deliver("订1", 1, at_once=False)
    replies = await asyncio.gather(*(platform.deliver("是", 1, at_once=False) for _ in range(5)))
    assert len({reply for (reply,) in replies}) == 1
    await settled(stage)
    findings = await check_books(stage, [])
    assert (findings.ended, findings.effects) == ({"completed": 1}, 1)


async def test_a_back_end_asleep_brings_no_fault_notice_and_the_late_answer_comes_once(
    stage: Stage, gateways: list[Gateway]
) -> None:
    asleep = 30
    await stage.boss_faults(slow_seconds=asleep)  # many times what we wait for it
    for text in ("推荐", "订1", "是"):
        delivery = await stage.say(1, text)
        assert delivery["outcome"] == "replied", delivery
    began = time.monotonic()
    await wait_for(lambda: is_unknown(stage), timeout=20, message="the outcome is unknown")
    assert (await stage.say(1, "我的订单"))["outcome"] == "replied"
    await stage.boss_faults()  # it wakes, and is still at the order for the rest of its time
    await wait_for(lambda: is_settled(stage), timeout=90, message="the order is settled")
    await wait_for(lambda: late_answers(stage), timeout=20, message="the late answer has come")
    assert time.monotonic() - began > asleep - 1
    assert len(await late_answers(stage)) == 1
    assert not [bubble for bubble in await stage.bubbles(1) if "出现故障" in str(bubble)]
    assert (await stage.get(f"{stage.wechat_url}/violations"))["violations"] == []
    assert (await check_books(stage, [])).effects == 1


async def is_unknown(stage: Stage) -> bool:
    def states(connection: Connection) -> list[str]:
        return list(connection.execute(select(orders.c.state)).scalars())

    return await stage.world.platform.store.read(states) == ["unknown"]


async def late_answers(stage: Stage) -> list[dict[str, object]]:
    """What the account sent unasked."""
    return [bubble for bubble in await stage.bubbles(1) if bubble["late"]]


async def is_settled(stage: Stage) -> bool:
    return await stage.world.platform.store.read(open_matters) == (0, 0)


async def settled(stage: Stage) -> None:
    await wait_for(lambda: is_settled(stage), timeout=60, message="everything is settled")
