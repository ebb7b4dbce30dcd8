"""Webhooks from registration to the log: signed as the specification says, in order, again after failures and crashes."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import ipaddress
from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest
from aiohttp import web
from standardwebhooks import Webhook, WebhookVerificationError

from adapters.webhooks.client import WebhookClient
from adapters.webhooks.fake import Received
from adapters.webhooks.protocol import Reply
from config.settings import WebhookSettings
from gateway.capabilities.events import EventNotFound, emit
from gateway.capabilities.webhooks import Rendered, delete_old_deliveries
from gateway.capabilities.webhooks.errors import (
    FormatUnknown,
    TooManyWebhooks,
    WebhookDisabled,
    WebhookNotFound,
    WebhookUrlRefused,
)
from gateway.capabilities.webhooks.urls import refuse_url
from gateway.errors import Forbidden, MalformedRequest
from gateway.platform import Outside, Platform
from gateway.store import Unit
from tests.fixtures.world import OPERATOR, World, partner, person
from tests.waiting import wait_for

URL = "https://shop.example.test/hooks"
SHOP = partner()


async def create(world: World, url: str = URL, **fields: Any) -> tuple[str, str]:
    made = await world.call(SHOP, "webhooks.create", url=url, **fields)
    return made.webhook.id, made.secret


async def happen(world: World, *happened: str, key: str = "o1", partner_id: str = "shop") -> None:
    """Record events of these types and number them."""
    unit = Unit()
    for name in happened:
        emit(
            unit,
            name,
            {"n": 1},
            id=world.platform.ids(),
            at=world.clock(),
            key=key,
            partner_id=partner_id,
            account=None,
        )
    await world.platform.store.commit(unit)
    await world.platform.sequencer.number()


async def send(world: World, on: Platform | None = None) -> int:
    return await (on or world.platform).webhooks.run_due()


def types(world: World) -> list[str]:
    return [msgspec.json.decode(one.body)["type"] for one in world.webhooks.received]


async def log(world: World, hook: str, **fields: Any) -> list[Any]:
    items: list[Any] = (await world.call(SHOP, "webhooks.list_deliveries", id=hook, **fields)).items
    return items


async def test_a_delivery_verifies_with_the_standards_own_library_over_a_real_socket(world: World) -> None:
    world.clock.now = datetime.now(UTC)  # the library compares with the time of day
    got: list[tuple[dict[str, str], bytes]] = []

    async def take(request: web.Request) -> web.Response:
        got.append((dict(request.headers), await request.read()))
        return web.Response(status=204)

    app = web.Application()
    app.router.add_post("/hooks", take)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    port = site._server.sockets[0].getsockname()[1]  # type: ignore[union-attr] # it was started
    url = f"http://127.0.0.1:{port}/hooks"
    group = WebhookSettings(allowed_networks=(ipaddress.ip_network("127.0.0.0/8"),))
    async with contextlib.aclosing(WebhookClient(allowed=group.allowed_networks)) as client:
        settings = world.settings.model_copy(update={"webhooks": group})
        sender = Platform(settings, Outside(world.boss, world.sms, {}, client), clock=world.clock)
        made = await world.call(SHOP, "webhooks.create", url=url, on=sender)
        hook, secret = made.webhook.id, made.secret
        await happen(world, "order.completed")
        assert await sender.webhooks.run_due() == 1
        (headers, body), *_ = got
        payload = Webhook(secret).verify(body, headers)
        assert payload == {"type": "order.completed", "timestamp": world.clock().isoformat(), "data": {"n": 1}}
        with pytest.raises(WebhookVerificationError):
            Webhook(secret).verify(body + b" ", headers)
        (event,) = (await world.call(SHOP, "events.list")).items
        assert headers["webhook-id"] == event.id
        rotated = await world.call(SHOP, "webhooks.rotate_secret", id=hook)
        await happen(world, "order.failed")
        await sender.webhooks.run_due()
        for good in (secret, rotated.secret):
            assert Webhook(good).verify(got[1][1], got[1][0])
        world.clock.advance(hours=25)
        await happen(world, "order.expired")
        await sender.webhooks.run_due()
        assert len(got[2][0]["webhook-signature"].split()) == 1
        await sender.close()
    await runner.cleanup()


async def test_only_what_an_endpoint_asks_for_is_sent_to_it(world: World) -> None:
    await create(world, types=["order.*", "consent.granted"])
    await happen(world, "order.completed", "consent.granted", "consent.withdrawn", "orders.strange")
    await happen(world, "order.completed", partner_id="rival")
    await send(world)
    assert types(world) == ["order.completed", "consent.granted"]


async def test_what_happened_before_an_endpoint_was_made_is_not_sent(world: World) -> None:
    await happen(world, "order.completed")
    await create(world)
    await send(world)
    assert world.webhooks.received == []


async def test_events_of_one_order_wait_for_one_another_and_others_pass(world: World) -> None:
    hook, _ = await create(world)
    fails = {"order.accepted"}
    world.webhooks.answer = lambda one: Reply(500 if msgspec.json.decode(one.body)["type"] in fails else 204)
    await happen(world, "order.acknowledged", "order.accepted", "order.completed", key="o1")
    await happen(world, "order.acknowledged", "order.failed", key="o2")
    await send(world)
    assert sorted(types(world)) == ["order.accepted", "order.acknowledged", "order.acknowledged", "order.failed"]
    await happen(world, "order.strange", key="o1")
    assert await send(world) == 0, "the order that failed waits, and so do its later events"
    states = {one.type: one.state for one in await log(world, hook)}
    assert states["order.accepted"] == states["order.completed"] == states["order.strange"] == "pending"
    fails.clear()
    world.clock.advance(seconds=6)
    await send(world)
    assert types(world)[-3:] == ["order.accepted", "order.completed", "order.strange"]
    assert {one.state for one in await log(world, hook)} == {"delivered"}


async def test_a_retry_is_the_same_message_and_the_log_tells_of_it(world: World) -> None:
    hook, _ = await create(world)
    world.webhooks.answer = lambda _: Reply(503, excerpt="busy", retry_after="60", seconds=0.25)
    await happen(world, "order.completed")
    await send(world)
    (entry,) = await log(world, hook)
    assert (entry.state, entry.attempts, entry.status_code, entry.latency_ms) == ("pending", 1, 503, 250)
    assert (entry.excerpt, entry.next_at) == ("busy", world.clock() + timedelta(seconds=60))
    world.clock.advance(seconds=59)
    assert await send(world) == 0
    world.clock.advance(seconds=1)
    world.webhooks.answer = lambda _: Reply(200)
    await send(world)
    first, second = world.webhooks.received
    assert first.headers["webhook-id"] == second.headers["webhook-id"] and first.body == second.body
    (entry,) = await log(world, hook)
    assert (entry.state, entry.attempts, entry.next_at) == ("delivered", 2, None)


async def test_an_event_nobody_takes_is_given_up_and_the_next_goes_on(world: World) -> None:
    hook, _ = await create(world)
    world.webhooks.answer = lambda one: Reply(500 if b"accepted" in one.body else 204)
    await happen(world, "order.accepted", "order.completed")
    for _ in range(10):
        await happen(world, "binding.ended", key="other")  # somebody takes something, so the endpoint lives
        await send(world)
        world.clock.advance(hours=27)
    await send(world)
    entries = {one.type: one for one in await log(world, hook) if one.type.startswith("order")}
    assert (entries["order.accepted"].state, entries["order.accepted"].attempts) == ("failed", 10)
    assert entries["order.completed"].state == "delivered"


@pytest.mark.parametrize("status, days, reason", [(410, 0, "gone"), (500, 6, "failing")])
async def test_an_endpoint_that_is_gone_is_disabled_and_its_partner_told(
    world: World, status: int, days: int, reason: str
) -> None:
    hook, _ = await create(world)
    world.webhooks.answer = lambda _: Reply(status)
    await happen(world, "order.completed")
    await send(world)
    if days:
        world.clock.advance(days=days)
        await send(world)
    seen = await world.call(SHOP, "webhooks.get", id=hook)
    assert (seen.enabled, seen.disabled_because) == (False, reason)
    await world.platform.sequencer.number()
    (notice,) = (await world.call(SHOP, "events.list", types="webhook.*")).items
    assert notice.data == {"webhook": hook, "url": URL, "reason": reason}
    count = len(world.webhooks.received)
    world.clock.advance(days=1)
    await happen(world, "order.failed", key="o2")
    await send(world)
    assert len(world.webhooks.received) == count
    with pytest.raises(WebhookDisabled):
        await world.call(SHOP, "webhooks.test", id=hook)
    world.webhooks.answer = lambda _: Reply(204)
    await world.call(SHOP, "webhooks.update", id=hook, enabled=True)
    await send(world)
    world.clock.advance(days=1)
    await send(world)
    assert {"order.completed", "order.failed"} <= set(types(world)[count:]), "it goes on where it stopped"


async def test_a_test_event_goes_to_the_one_endpoint(world: World) -> None:
    first, _ = await create(world, types=["order.*"])
    second, _ = await create(world, URL + "/2")
    sent = await world.call(SHOP, "webhooks.test", id=first)
    await world.platform.sequencer.number()
    await send(world)
    (received,) = world.webhooks.received
    assert (received.url, received.headers["webhook-id"]) == (URL, sent.event)
    assert len(await log(world, first)) == 1 and not await log(world, second)


async def test_replaying_one_event_and_a_range(world: World) -> None:
    hook, _ = await create(world, types=["order.*"])
    await happen(world, "order.accepted", "order.completed", "binding.ended")
    await send(world)
    accepted, completed, ended = (await world.call(SHOP, "events.list")).items
    world.webhooks.received.clear()
    assert (await world.call(SHOP, "webhooks.replay", id=hook, event=ended.id)).events == 1, "one that is named is sent"
    await send(world)
    assert types(world) == ["binding.ended"]
    assert (await world.call(SHOP, "webhooks.replay", id=hook, after=accepted.id)).events == 1
    assert (await world.call(SHOP, "webhooks.replay", id=hook, since=accepted.at.isoformat())).events == 2
    await send(world)
    assert types(world)[1:] == ["order.accepted", "order.completed"]
    assert world.webhooks.received[-1].headers["webhook-id"] == completed.id
    with pytest.raises(EventNotFound):
        await world.call(SHOP, "webhooks.replay", id=hook, event=hook)
    with pytest.raises(MalformedRequest):
        await world.call(SHOP, "webhooks.replay", id=hook)


async def test_a_replay_does_not_wait_for_the_next_attempt(world: World) -> None:
    hook, _ = await create(world)
    world.webhooks.answer = lambda _: Reply(500, retry_after="86400")
    await happen(world, "order.completed")
    await send(world)
    world.webhooks.answer = lambda _: Reply(204)
    world.clock.advance(seconds=1)
    (event,) = (await world.call(SHOP, "events.list")).items
    await world.call(SHOP, "webhooks.replay", id=hook, event=event.id)
    assert await send(world) == 1
    (entry,) = await log(world, hook)
    assert entry.state == "delivered"


async def test_a_killed_process_loses_nothing_and_another_goes_on_in_order(world: World) -> None:
    """The first one sends three of five, one of which fails, and is killed: some before it could write of them."""
    hook, _ = await create(world)
    await happen(world, "a.one", "a.two", "a.three", key="o1")
    await happen(world, "b.one", "b.two", key="o2")
    calls = 0

    def fail_late(one: Received) -> Reply:
        nonlocal calls
        calls += 1
        return Reply(500 if b"a.two" in one.body else 204)

    world.webhooks.answer = fail_late
    first = world.platform.webhooks
    await first._look_after_endpoints()
    await first._take_in()
    first._send()
    await wait_for(lambda: calls >= 4, message="the first process has sent")
    first._forget()  # killed: nothing of what it did is written
    world.clock.advance(seconds=31)
    other = world.another()
    world.webhooks.answer = lambda _: Reply(204)
    await send(world, other)
    sent = Counter(one.headers["webhook-id"] for one in world.webhooks.received)
    events = (await world.call(SHOP, "events.list")).items
    assert set(sent) == {one.id for one in events}
    again = [one for one in types(world)[calls:] if one.startswith("a")]
    assert again == ["a.one", "a.two", "a.three"]
    assert {one.state for one in await log(world, hook)} == {"delivered"}
    await other.close()


async def test_what_was_written_is_not_sent_again_by_the_next_process(world: World) -> None:
    await create(world)
    world.webhooks.answer = lambda one: Reply(500 if b"a.one" in one.body else 204)
    await happen(world, "a.one", "a.two", key="o1")
    await happen(world, "b.one", "b.two", key="o2")
    await send(world)
    world.clock.advance(seconds=31)
    other = world.another()
    world.webhooks.received.clear()
    world.webhooks.answer = lambda _: Reply(204)
    await send(world, other)
    assert types(world) == ["a.one", "a.two"]
    await other.close()


async def test_two_processes_share_the_endpoints_and_send_each_event_once(world: World) -> None:
    for number in range(6):
        await create(world, f"{URL}/{number}")
    other = world.another()
    await happen(world, *(["order.completed"] * 20))
    await asyncio.gather(send(world), send(world, other))
    sent = Counter((one.url, one.headers["webhook-id"]) for one in world.webhooks.received)
    assert len(sent) == 120 and set(sent.values()) == {1}
    await other.close()


async def test_a_window_full_of_failures_holds_back_and_then_catches_up(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gateway.capabilities.webhooks.dispatcher.WINDOW", 10)
    await create(world)
    world.webhooks.answer = lambda _: Reply(500)
    await send(world)
    for number in range(35):
        await happen(world, "order.completed", key=f"o{number}")
    await send(world)
    assert len(world.webhooks.received) == 10, "the others stay in the feed"
    world.webhooks.answer = lambda _: Reply(204)
    world.clock.advance(seconds=6)
    world.webhooks.received.clear()
    await send(world)
    assert len({one.headers["webhook-id"] for one in world.webhooks.received}) == len(world.webhooks.received) == 35


async def test_running_dispatcher_sends_soon_and_gives_its_endpoints_back(world: World) -> None:
    await create(world)
    running = asyncio.create_task(world.platform.webhooks.run())
    await happen(world, "order.completed")
    await wait_for(lambda: world.webhooks.received, message="it was sent")
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    other = world.another()
    await happen(world, "order.failed")
    await send(world, other)
    assert types(world) == ["order.completed", "order.failed"]
    await other.close()


async def test_a_suspended_partner_is_sent_nothing(world: World) -> None:
    await world.call(OPERATOR, "partners.create", id="shop", name="Shop", scopes=["webhooks:*"])
    made = await world.call(OPERATOR, "webhooks.create", url=URL, partner="shop")
    assert made.webhook.partner == "shop"
    await world.call(OPERATOR, "partners.suspend", id="shop")
    await happen(world, "order.completed")
    await send(world)
    assert world.webhooks.received == []


async def test_managing_endpoints(world: World) -> None:
    hook, secret = await create(world, types=["order.*"], description="stock")
    assert len(base64.b64decode(secret.removeprefix("whsec_"))) == 32
    changed = await world.call(SHOP, "webhooks.update", id=hook, description="books", enabled=False)
    assert (changed.description, changed.types, changed.disabled_because) == ("books", ["order.*"], "switched off")
    other, _ = await create(world, URL + "/2")
    page = await world.call(SHOP, "webhooks.list_all", limit=1)
    rest = await world.call(SHOP, "webhooks.list_all", limit=1, cursor=page.next)
    assert [one.id for one in (*page.items, *rest.items)] == [hook, other] and rest.next is None
    await world.call(SHOP, "webhooks.delete", id=other)
    for stranger in (partner("rival"), SHOP):
        with pytest.raises(WebhookNotFound):
            await world.call(stranger, "webhooks.get", id=other)
    assert (await world.call(partner("rival"), "webhooks.list_all")).items == []
    assert [one.id for one in (await world.call(OPERATOR, "webhooks.list_all")).items] == [hook]
    with pytest.raises(Forbidden):
        await world.call(partner("rival"), "webhooks.list_all", partner="shop")
    with pytest.raises(Forbidden):
        await world.call(person("web:1"), "webhooks.create", url=URL)
    with pytest.raises(FormatUnknown):
        await create(world, format="carrier-pigeon")
    for number in range(19):
        await create(world, f"{URL}/{number}")
    with pytest.raises(TooManyWebhooks):
        await create(world)


@pytest.mark.parametrize(
    "url",
    [
        "ftp://shop.example.test/", "https://", "https:///x", "shop.example.test", "https://user:pw@shop.example.test/",
        "https://user@shop.example.test/", "https://shop.example.test/#x", "https://127.0.0.1/", "https://2130706433/",
        "https://0x7f.1/", "https://127.1/", "https://[::1]/", "https://[::ffff:10.0.0.1]/", "https://10.0.0.1/",
        "https://shop.example.test\\@10.0.0.1/", "https://shop.example.test/\u00e9", "https://shop.example.test:99999/",
        "https://shop example.test/", "javascript:alert(1)", "https://169.254.169.254/latest",
    ],
)  # fmt: skip
def test_addresses_that_are_refused_at_once(url):
    with pytest.raises(WebhookUrlRefused):
        refuse_url(url, https_only=False, allowed=())


def test_plain_http_is_for_development():
    refuse_url("http://shop.example.test/hooks", https_only=False, allowed=())
    with pytest.raises(WebhookUrlRefused):
        refuse_url("http://shop.example.test/hooks", https_only=True, allowed=())
    refuse_url("https://10.1.2.3:8443/hooks", https_only=True, allowed=[ipaddress.ip_network("10.1.2.0/24")])


async def test_old_deliveries_go(world: World) -> None:
    hook, _ = await create(world)
    await happen(world, "order.completed")
    await send(world)
    world.clock.advance(days=31)
    await happen(world, "order.failed")
    await send(world)
    store = world.platform.store
    assert await store.write(delete_old_deliveries, world.clock() - timedelta(days=30), 1000) == 1
    assert [one.type for one in await log(world, hook)] == ["order.failed"]


async def test_an_event_that_cannot_be_rendered_holds_up_nobody(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    hook, _ = await create(world)
    await send(world)
    (endpoint,) = world.platform.webhooks._held.values()
    render = endpoint.render

    async def breaks(event: Any) -> Rendered | None:
        if event.type == "order.strange":
            raise KeyError("state")
        return await render(event)

    monkeypatch.setattr(endpoint, "render", breaks)
    await happen(world, "order.strange", key="o1")
    await happen(world, "order.completed", key="o2")
    await send(world)
    assert types(world) == ["order.completed"]
    errors = {one.type: one.error for one in await log(world, hook)}
    assert errors["order.strange"] == "internal: KeyError"
