import pytest
import redis.asyncio

from tests.fixtures.redis import run_redis

pytestmark = pytest.mark.redis


@pytest.mark.parametrize("time", ["first", "second"])
async def test_each_test_starts_with_an_empty_redis(redis_url, time):
    async with redis.asyncio.from_url(redis_url, decode_responses=True) as client:
        assert await client.dbsize() == 0
        await client.set("token", "现值", px=60_000)
        assert await client.get("token") == "现值"


def test_the_server_is_gone_when_its_block_ends(tmp_path):
    with run_redis(tmp_path) as server:
        assert server.answers()
    assert not server.answers()
