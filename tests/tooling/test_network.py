import asyncio
import socket

import aiohttp
import pytest

from tests.fixtures.network import NetworkForbidden


def test_another_machine_cannot_be_reached():
    with socket.socket() as connection, pytest.raises(NetworkForbidden, match=r"192\.0\.2\.1"):
        connection.connect(("192.0.2.1", 80))


async def test_another_machine_cannot_be_looked_up_by_async_code():
    with pytest.raises(NetworkForbidden, match=r"example\.test"):
        await asyncio.get_running_loop().getaddrinfo("example.test", 80)
    async with aiohttp.ClientSession() as session:
        with pytest.raises(NetworkForbidden, match=r"192\.0\.2\.1"):
            await session.get("http://192.0.2.1/")


@pytest.mark.parametrize("name", ["127.0.0.1", "localhost", "::1"])
def test_this_machine_can_be_looked_up(name):
    assert socket.getaddrinfo(name, 80)
