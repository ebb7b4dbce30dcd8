"""The page behind the link of a text message: what it shows, what it takes, and from whom."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Callable
from typing import Any

import aiohttp
import pytest

from auth.order_link import OrderLink
from auth.principal import Principal
from gateway.app import create_app
from gateway.capabilities.orders import OrderNotFound
from gateway.errors import Forbidden
from gateway.server import listen, serving
from tests.fixtures.world import World, partner
from widgets.order_page import SCOPES

USER = "partner:shop:u1"
PAID = "TM-MUSIC-10"
LINK = re.compile(r"https?://\S+/c/[A-Za-z0-9_=-]{44}")


class Page:
    def __init__(self, session: aiohttp.ClientSession, url: str) -> None:
        self._session, self._url = session, url

    def path(self, link: str) -> str:
        return self._url + "/c/" + link.rpartition("/")[2]

    async def open(self, link: str, lang: str = "en", method: str = "GET") -> tuple[int, str]:
        async with self._session.request(method, self.path(link), params={"lang": lang}) as response:
            assert "default-src 'none'" in response.headers["Content-Security-Policy"]
            return response.status, await response.text()

    async def send(self, link: str, answer: str, body: str, **headers: str) -> tuple[int, str]:
        form = dict(re.findall(r'name="(version|seal)" value="([^"]*)"', body)) | {"answer": answer}
        async with self._session.post(self.path(link) + "?lang=en", data=form, headers=headers) as response:
            return response.status, await response.text()


@pytest.fixture
async def served(make_world: Callable[..., Any], database_url: str) -> AsyncIterator[tuple[World, Page]]:
    world = await make_world(database_url)
    async with serving(create_app(world.platform), listen("127.0.0.1", 0)) as url, aiohttp.ClientSession() as session:
        yield world, Page(session, url)


async def pushed(world: World, **fields: Any) -> tuple[Any, str]:
    """An order that a partner pushed, and the link that its subscriber was sent."""
    await world.subscriber(USER, phone="+8613800001234")
    order = await world.call(partner(), "orders.place", account=USER, offer=PAID, **fields)
    await world.work()
    (text,) = [text for account, text in world.text_messages.sent if account == "sms:+8613800001234"]
    found = LINK.search(text)
    assert found and len(text) < 500
    return order, found[0]


async def state_of(world: World, order_id: str) -> str:
    state: str = (await world.call(partner(), "orders.find", id=order_id)).state
    return state


async def test_the_page_says_what_a_yes_means_and_the_yes_is_a_post(served: tuple[World, Page]) -> None:
    world, page = served
    order, link = await pushed(world)
    for method in ("GET", "HEAD", "GET"):
        status, body = await page.open(link, method=method)
        assert status == 200
    for shown in ("Music", "¥10/month", "Open until", "Yes", "No"):
        assert shown in body
    assert await state_of(world, order.id) == "awaiting_confirmation"
    status, said = await page.send(link, "yes", body)
    assert status == 200 and "Confirmed" in said and "<form" not in said
    await world.work()
    assert await state_of(world, order.id) == "completed"
    assert "Done" in (await page.open(link))[1]
    assert "已办理完成" in (await page.open(link, "zh-CN"))[1]


async def test_a_no_is_a_no_and_both_are_said_once(served: tuple[World, Page]) -> None:
    world, page = served
    order, link = await pushed(world)
    _, body = await page.open(link)
    assert "Cancelled" in (await page.send(link, "no", body))[1]
    status, said = await page.send(link, "yes", body)
    assert status == 412 and "Cancelled" in said
    assert await state_of(world, order.id) == "cancelled"


async def test_only_a_form_of_this_page_for_this_order_is_taken(served: tuple[World, Page]) -> None:
    world, page = served
    order, link = await pushed(world)
    _, body = await page.open(link)
    forged = re.sub(r'name="seal" value="[^"]*"', 'name="seal" value="00"', body)
    for attempt in (
        page.send(link, "yes", ""), page.send(link, "yes", forged), page.send(link, "maybe", body),
        page.send(link, "yes", body, Origin="https://evil.example"),
        page.send(link, "yes", body, **{"Sec-Fetch-Site": "cross-site"}),
    ):  # fmt: skip
        status, said = await attempt
        assert status == 403 and "choose again" in said
    assert await state_of(world, order.id) == "awaiting_confirmation"


async def test_a_link_that_is_not_ours_leads_nowhere(served: tuple[World, Page]) -> None:
    world, page = served
    _, link = await pushed(world)
    token = link.rpartition("/")[2]
    for other in (token[:-2] + ("AA" if token[-2:] != "AA" else "BB"), "x", "g" + token[1:], "é" * 44):
        assert (await page.open(other))[0] == 404
    assert (
        await page.open(world.platform.order_links.token(OrderLink("confirm", "0" * 8 + "-0000-0000-0000-" + "0" * 12)))
    )[0] == 404


async def test_after_half_an_hour_nothing_is_left_to_say(served: tuple[World, Page]) -> None:
    world, page = served
    order, link = await pushed(world)
    _, body = await page.open(link)
    world.clock.advance(minutes=31)
    assert (await page.send(link, "yes", body))[0] == 409
    await world.work()
    assert await state_of(world, order.id) == "expired"
    assert "ran out" in (await page.open(link))[1]


async def test_who_guesses_is_slowed_down(served: tuple[World, Page]) -> None:
    _, page = served
    statuses = [(await page.open("x"))[0] for _ in range(32)]
    assert statuses == [404] * 30 + [429] * 2


async def test_the_holder_of_a_link_touches_that_order_alone(served: tuple[World, Page]) -> None:
    world, _ = served
    order, _ = await pushed(world)
    other = await world.call(partner(), "orders.place", account=USER, offer="TM-READ-5")
    holder = Principal("session", f"order:{order.id}", SCOPES, account=f"order:{order.id}", order_id=order.id)
    assert [one.id for one in (await world.call(holder, "orders.list")).items] == [order.id]
    for capability in ("orders.confirm", "orders.get"):
        with pytest.raises(OrderNotFound):
            await world.call(holder, capability, id=other.id)
    for capability in ("orders.place", "orders.cancel", "subscriptions.list_held", "bindings.list_live"):
        with pytest.raises(Forbidden):
            await world.call(holder, capability, id=order.id, offer=PAID)


async def test_a_gift_is_taken_or_refused_by_its_recipient(served: tuple[World, Page]) -> None:
    world, page = served
    await world.subscriber(phone="+8613800009999")
    order, link = await pushed(world, action="gift", recipient="13800009999")
    _, body = await page.open(link)
    assert "138****9999" in body
    assert "recipient may refuse" in (await page.send(link, "yes", body))[1]
    await world.work()
    (told,) = [text for account, text in world.text_messages.sent if account == "sms:+8613800009999"]
    found = LINK.search(told)
    assert found
    _, body = await page.open(found[0])
    assert "pay nothing" in body
    assert "dealt with" in (await page.send(found[0], "no", body))[1]
    assert await state_of(world, order.id) == "cancelled"
