"""Two gateway processes for one partner while everything around them fails, one thing after another and by chance.

After each fault the books are compared: what the partner was promised, what the back end did, what webhooks and followers
were told. Nothing is lost, doubled or out of order.
"""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from random import Random
from typing import Any, NamedTuple
from uuid import uuid4

import pytest
from sqlalchemy import make_url

from auth import client_secret, signed_request
from tests.faults.shop import PEOPLE, Shop, open_shop
from tests.faults.warm_starts import WarmStarts
from tests.fixtures.postgresql import PostgreSQLServer
from tests.fixtures.redis import RedisServer
from tests.waiting import wait_for

pytestmark = [pytest.mark.postgresql, pytest.mark.redis, pytest.mark.timeout(90)]

Open = Callable[..., AbstractAsyncContextManager[Shop]]


@pytest.fixture
def opening(postgresql_url: str, redis_url: str, tmp_path: Path, starts: WarmStarts) -> Open:
    """Opens a shop, with settings where wanted."""
    return partial(open_shop, postgresql_url, redis_url, tmp_path, starts)


@pytest.fixture
async def shop(opening: Open) -> AsyncIterator[Shop]:
    async with opening() as opened:
        yield opened


async def test_a_back_end_that_is_slow_loses_answers_and_refuses(shop: Shop) -> None:
    await shop.stage.boss_faults(lose_answer=0.5)
    await shop.sell()
    await shop.stage.boss_faults(slow_seconds=1.0)  # longer than we wait for it
    await shop.sell()
    await shop.stage.boss_faults(refuse=f"next {PEOPLE}")
    await shop.sell()
    findings = await shop.settle()
    assert findings.ended == Counter(completed=2 * PEOPLE, failed=PEOPLE)


async def test_connections_to_the_database_are_cut_and_it_is_restarted(
    shop: Shop, postgresql_server: PostgreSQLServer
) -> None:
    for _ in range(2):
        selling = asyncio.create_task(shop.sell())
        await wait_for(lambda: shop.server.promised, timeout=20, message="the first order is taken down")
        postgresql_server.sql(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()"
        )
        await selling
    selling = asyncio.create_task(shop.sell())
    postgresql_server.stop()
    await wait_for(lambda: are_down(shop), timeout=20, message="the gateways say so")
    postgresql_server.start()
    await selling
    findings = await shop.settle()
    assert findings.ended == Counter(completed=3 * PEOPLE)


async def test_the_database_is_killed_in_the_midst_of_its_work_and_started_again(
    opening: Open, postgresql_url: str, postgresql_server: PostgreSQLServer
) -> None:
    database = make_url(postgresql_url).database
    assert database is not None
    with postgresql_server.waiting_commits(database):
        async with opening() as shop:
            selling = asyncio.create_task(shop.sell())
            await wait_for(lambda: shop.server.promised, timeout=20, message="the first order is taken down")
            postgresql_server.crash()
            postgresql_server.start()
            await selling
            findings = await shop.settle()
    assert "not properly shut down" in postgresql_server.log.read_text(errors="replace")
    assert findings.ended == Counter(completed=PEOPLE)


async def test_redis_is_flushed_again_and_again(shop: Shop, redis_server: RedisServer) -> None:
    for _ in range(3):
        selling = asyncio.create_task(shop.sell())
        while not selling.done():
            assert await asyncio.to_thread(redis_server.command, "FLUSHALL") == "+OK"
        await selling
    findings = await shop.settle()
    assert findings.ended == Counter(completed=3 * PEOPLE)


async def test_both_processes_are_killed_and_started_again(shop: Shop) -> None:
    for gateway in shop.gateways * 2:
        selling = asyncio.create_task(shop.sell())
        so_far = len(shop.server.promised)
        await wait_for(lambda: len(shop.server.promised) > so_far, timeout=20, message="an order is taken down")  # noqa: B023 - at once
        await gateway.kill()
        await gateway.start()
        await selling
    findings = await shop.settle()
    assert findings.ended == Counter(completed=4 * PEOPLE)


async def test_a_receiver_that_is_slow_busy_silent_away_or_gone_for_a_while(shop: Shop) -> None:
    receiver = shop.receiver
    moods = (
        receiver.answering(500), receiver.answering(429, Retry_After="1"), receiver.hang, receiver.take_slowly,
        receiver.take_and_hang_up,
    )  # fmt: skip
    for mood in moods:
        receiver.mood = mood
        so_far = receiver.asked.total()
        await shop.sell()
        await wait_for(lambda: receiver.asked.total() > so_far, timeout=20, message="it was asked")  # noqa: B023 - at once
        receiver.mood = receiver.take
    await receiver.close()
    await shop.sell()
    await receiver.open()

    receiver.mood = receiver.answering(410)
    await shop.sell()
    await wait_for(lambda: is_disabled(shop), timeout=20, message="the webhook is disabled")
    receiver.mood = receiver.take
    asked = receiver.asked.total()
    await shop.sell()
    assert receiver.asked.total() == asked
    enabled = await shop.server.insist("PATCH", f"/v1/webhooks/{shop.webhook}", body={"enabled": True})
    assert enabled.status == 200, enabled
    findings = await shop.settle()
    assert findings.ended == Counter(completed=8 * PEOPLE)
    assert max(receiver.asked.values()) > 1


async def test_the_back_end_is_down_for_an_hour(opening: Open) -> None:
    # An hour of ten-minute waits is 3 s of half seconds: 1 second of the test is 20 minutes by the usual settings.
    an_hour = {"TUILA_WORKER__RETRY_FIRST": "PT0.00083S", "TUILA_WORKER__RETRY_LONGEST": "0.5"}
    async with opening(**an_hour, TUILA_WORKER__ATTEMPTS="30") as shop:
        await shop.stage.boss_faults(down=True)
        await shop.sell()
        await asyncio.sleep(3)  # the fault
        assert len(await shop.stage.ledger("effects")) == 0
        await shop.stage.boss_faults()
        findings = await shop.settle()
        assert findings.ended == Counter(completed=PEOPLE)


async def test_a_signed_request_has_no_second_effect_when_spent_nonces_are_flushed(
    shop: Shop, redis_server: RedisServer
) -> None:
    body = json.dumps({"offer": "TM-NEWS-3"}).encode()
    placing = signed(shop, "POST", "/v1/orders?tuila_user=user-1", body)
    rotating = signed(shop, "POST", f"/v1/webhooks/{shop.webhook}/secrets", b"")
    for request in (placing, rotating):
        assert (await send(shop, request))[0] == 200
    orders = await shop.server.insist("GET", "/v1/orders", "user-1")
    redis_server.command("FLUSHALL")
    for request in (placing, rotating):
        status, problem = await send(shop, request)
        assert (status, problem["reason"]) == (401, "nonce_reused")
    assert await shop.server.insist("GET", "/v1/orders", "user-1") == orders


async def test_faults_at_random_lose_double_and_disorder_nothing(
    shop: Shop, postgresql_server: PostgreSQLServer, redis_server: RedisServer
) -> None:
    rng, receiver = Random(20261124), shop.receiver

    async def restart_database() -> None:
        postgresql_server.stop()
        await wait_for(lambda: are_down(shop), timeout=20, message="the gateways say so")
        postgresql_server.start()

    async def flush() -> None:
        redis_server.command("FLUSHALL")

    async def kill() -> None:
        gateway = rng.choice(shop.gateways)
        await gateway.kill()
        await gateway.start()

    async def fall_out_with_the_receiver() -> None:
        receiver.mood = rng.choice([receiver.answering(500), receiver.hang, receiver.take_and_hang_up])

    faults = [restart_database, flush, kill, fall_out_with_the_receiver]
    for fault in rng.sample(faults, len(faults)):
        await shop.stage.boss_faults(lose_answer=0.2, slow_seconds=rng.choice([0, 0.05]))
        selling = asyncio.create_task(shop.sell())
        await fault()
        await selling
        receiver.mood = receiver.take
    await shop.stage.boss_faults()
    findings = await shop.settle()
    assert findings.ended == Counter(completed=len(faults) * PEOPLE)


class Signed(NamedTuple):
    """A request as somebody on its way could have kept it."""

    method: str
    target: str
    body: bytes
    headers: dict[str, str]


def signed(shop: Shop, method: str, target: str, body: bytes) -> Signed:
    secret = shop.credentials.client_secret
    assert secret is not None
    key = client_secret.signing_key(secret)
    header = signed_request.sign(
        key, method, target, body, client=shop.credentials.client_id, nonce=uuid4().hex, now=datetime.now(UTC)
    )
    return Signed(method, target, body, {"Authorization": header})


async def send(shop: Shop, request: Signed) -> tuple[int, dict[str, Any]]:
    url = shop.gateways[0].url + request.target
    async with shop.stage.http.request(request.method, url, data=request.body, headers=request.headers) as response:
        return response.status, await response.json(content_type=None)


async def are_down(shop: Shop) -> bool:
    states = []
    for gateway in shop.gateways:
        async with shop.stage.http.get(f"{gateway.url}/health") as response:
            states.append(response.status)
    return states == [503, 503]


async def is_disabled(shop: Shop) -> bool:
    seen = await shop.server.insist("GET", f"/v1/webhooks/{shop.webhook}")
    return not seen.body["enabled"]
