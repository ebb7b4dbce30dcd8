"""The callback: one effect and one answer for every message, in time, and a quiet no to everything else."""

from __future__ import annotations

import asyncio
import io
import re
from collections.abc import Callable
from typing import Any

import aiohttp
import pytest
from sqlalchemy import Connection, func, select

from bots.wechat.channel import PATH, Refused, WeChatCallbacks, mount
from bots.wechat.refusal import CallbackRefused
from config.settings import WeChatSettings
from gateway.capabilities.orders.tables import orders
from gateway.platform import Platform
from gateway.server import listen, new_server, serving
from gateway.store import StoreUnavailable
from gateway.store.outbox import outbox
from tests.bots.wechat_phone import ACCOUNT, Envelopes, MakeCallbacks, WeChatPhone, message
from tests.bots.wechat_samples import COLLECTION
from tests.fixtures.world import World
from tests.waiting import wait_for

_MESSAGE = [
    re.compile(rb"<%s>\s*(?:<!\[CDATA\[)?%s" % pair)
    for pair in ((b"FromUserName", b"."), (b"MsgType", b"."), (b"CreateTime", rb"\d"))
]
_ADDRESSEE = re.compile(rb"(<ToUserName>\s*(?:<!\[CDATA\[)?)[^<\]]*")


def count_orders(connection: Connection) -> int:
    return connection.scalar(select(func.count()).select_from(orders)) or 0


def count_late(connection: Connection) -> int:
    return connection.scalar(select(func.count()).select_from(outbox).where(outbox.c.kind == "bots.late")) or 0


class Gate:
    """Holds up one capability of a platform until it is opened."""

    def __init__(self, platform: Platform, capability: str) -> None:
        self.opened = asyncio.Event()
        self.reached = asyncio.Event()
        known = platform.capabilities[capability]

        async def waiting(request: Any, ctx: Any) -> Any:
            self.reached.set()
            await self.opened.wait()
            return await known.run(request, ctx)

        values = {name: getattr(known, name) for name in type(known).__dataclass_fields__}
        platform.capabilities[capability] = type(known)(**{**values, "run": waiting})


@pytest.fixture
async def two(
    postgresql_url: str, redis_url: str, make_world: Callable[..., Any], another: Any, compose: MakeCallbacks
) -> tuple[World, WeChatCallbacks, WeChatCallbacks]:
    """Two gateway processes' worth of callbacks over one PostgreSQL and one Redis."""
    world: World = await make_world(postgresql_url, redis_url=redis_url)
    other = await another(world)
    first, second = compose(world.platform), compose(other)
    return world, first, second


@pytest.mark.postgresql
@pytest.mark.redis
async def test_four_deliveries_to_two_processes_are_one_order_and_one_answer(two: Any) -> None:
    world, first, second = two
    phone = WeChatPhone(first, world.clock)
    await world.subscriber(phone.account)
    order = phone.text("订TM-MUSIC-10", "1")
    answers = []
    for callbacks in (first, second, first, second):
        answers.append(await phone.post_whole(order, via=callbacks))
        world.clock.advance(seconds=5)
    assert answers[0] is not None and "音乐畅听会员" in answers[0]
    assert len(set(answers)) == 1
    yes = phone.text("是", "2")
    said = await asyncio.gather(*(phone.post_whole(yes, via=each) for each in (first, second, second, first)))
    assert len(set(said)) == 1 and said[0] is not None and "正在为您办理" in said[0]
    world.clock.advance(minutes=10)
    assert await phone.post_whole(order, via=second) == answers[0]
    await world.work()
    assert [effect.offer_code for effect in world.boss.effects] == ["TM-MUSIC-10"]
    assert await world.platform.store.read(count_orders) == 1


@pytest.mark.postgresql
@pytest.mark.redis
async def test_five_yes_at_once_over_two_processes_are_one_order(two: Any) -> None:
    world, first, second = two
    phone = WeChatPhone(first, world.clock)
    await world.subscriber(phone.account)
    await phone.say("订TM-MUSIC-10")
    said = await asyncio.gather(
        *(phone.say("是", message_id=str(n), via=(first, second)[n % 2]) for n in range(10, 15))
    )
    assert len(set(said)) == 1 and said[0] == "好的，「音乐畅听会员」正在为您办理，完成后通知您。"
    await world.work()
    assert len(world.boss.effects) == 1
    assert len(world.chat.sent) == 1


@pytest.mark.postgresql
@pytest.mark.redis
async def test_the_retry_of_a_message_whose_process_died_is_answered_by_the_other(two: Any) -> None:
    world, first, second = two
    phone = WeChatPhone(first, world.clock)
    await world.subscriber(phone.account)
    dead = b"?a process that is no more"
    await world.platform.hot.add(f"wx:{ACCOUNT.gh_id}:1", dead, 0.2)
    await world.platform.hot.add(f"turn:{phone.account}", dead, 0.2)
    reply = await phone.say("订TM-MUSIC-10", message_id="1", via=second)
    assert reply is not None and "音乐畅听会员" in reply


async def test_a_message_redelivered_after_a_crash_finds_its_effect_and_its_answer(
    world: World, another: Any, compose: MakeCallbacks
) -> None:
    phone = WeChatPhone(compose(world.platform), world.clock)
    await world.subscriber(phone.account)
    order = phone.text("订TM-MUSIC-10", "1")
    reply = await phone.post_whole(order)
    survivor = await another(world)  # its hot state is empty
    assert await phone.post_whole(order, via=compose(survivor)) == reply
    assert await world.platform.store.read(count_orders) == 1


async def test_a_crash_between_effect_and_memory_places_no_second_order(
    world: World, compose: MakeCallbacks, monkeypatch: pytest.MonkeyPatch
) -> None:
    phone = WeChatPhone(compose(world.platform), world.clock)
    await world.subscriber(phone.account)

    def dies(*_: Any) -> None:
        raise StoreUnavailable("the process ended here")

    with monkeypatch.context() as patch:
        patch.setattr("bots.bot.put_state", dies)
        reply = await phone.say("订TM-MUSIC-10", message_id="1")
        assert reply is not None and reply.startswith("系统繁忙")
    reply = await phone.say("订TM-MUSIC-10", message_id="1")
    assert reply is not None and reply.startswith("您要订购「音乐畅听会员」")
    assert await world.platform.store.read(count_orders) == 1


async def test_a_slow_back_end_gives_no_error_and_one_late_answer(world: World, compose: MakeCallbacks) -> None:
    callbacks = compose(world.platform, deadline=0.05)
    phone = WeChatPhone(callbacks, world.clock)
    await world.subscriber(phone.account)
    gate = Gate(world.platform, "orders.place")
    order = phone.text("订TM-MUSIC-10", "1")
    assert await phone.post(order) is None
    assert await phone.post(order) is None  # the platform tries again
    assert await world.platform.store.read(count_late) == 1
    world.clock.advance(seconds=30)
    gate.opened.set()
    await wait_for(lambda: not callbacks._working, message="the work ends")
    await world.work()
    assert [text for _, text in world.chat.sent if text.startswith("您要订购「音乐畅听会员」")] == [
        world.chat.sent[0][1]
    ]
    assert len(world.chat.sent) == 1
    assert await phone.post(order) is None
    world.clock.advance(minutes=2)
    await world.work()
    assert len(world.chat.sent) == 1
    assert await world.platform.store.read(count_late) == 0
    assert await world.platform.store.read(count_orders) == 1


async def test_a_message_whose_process_dies_while_late_is_answered_once_by_a_worker(
    world: World, another: Any, compose: MakeCallbacks
) -> None:
    doomed = await another(world)
    callbacks = compose(doomed, deadline=0.05)
    compose(world.platform)
    phone = WeChatPhone(callbacks, world.clock)
    await world.subscriber(phone.account)
    gate = Gate(doomed, "orders.place")
    assert await phone.say("订TM-MUSIC-10") is None
    await wait_for(gate.reached.is_set, message="the first process is at it")
    for task in callbacks._working:
        task.cancel()
    await world.work()
    assert world.chat.sent == []
    world.clock.advance(seconds=61)
    await world.work()
    assert [text.partition("，")[0] for _, text in world.chat.sent] == ["您要订购「音乐畅听会员」"]
    assert await world.platform.store.read(count_orders) == 1


async def test_both_the_worker_and_the_first_process_finish_and_one_answer_arrives(
    world: World, another: Any, compose: MakeCallbacks
) -> None:
    slow = await another(world)
    callbacks = compose(slow, deadline=0.05)
    compose(world.platform)
    phone = WeChatPhone(callbacks, world.clock)
    await world.subscriber(phone.account)
    gate = Gate(slow, "orders.place")
    assert await phone.say("订TM-MUSIC-10") is None
    world.clock.advance(seconds=61)
    await world.work()
    assert len(world.chat.sent) == 1
    gate.opened.set()
    await wait_for(lambda: not callbacks._working, message="the work ends")
    await world.work()
    assert len(world.chat.sent) == 1
    assert await world.platform.store.read(count_orders) == 1


async def test_a_message_while_another_of_the_same_person_is_slow_waits_its_turn(
    world: World, compose: MakeCallbacks
) -> None:
    callbacks = compose(world.platform)
    phone = WeChatPhone(callbacks, world.clock)
    await world.subscriber(phone.account)
    gate = Gate(world.platform, "orders.place")
    order = asyncio.create_task(phone.say("订TM-MUSIC-10"))
    await gate.reached.wait()
    yes = asyncio.create_task(phone.say("是"))
    other = await WeChatPhone(callbacks, world.clock, "oPerson2").say("你好")
    assert other is not None and not yes.done()
    gate.opened.set()
    assert (await order or "").startswith("您要订购")
    assert await yes == "好的，「音乐畅听会员」正在为您办理，完成后通知您。"


async def test_a_person_hears_an_excuse_while_the_store_is_away(
    world: World, phone: WeChatPhone, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def away(*_: Any) -> None:
        raise StoreUnavailable("down")

    with monkeypatch.context() as patch:
        patch.setattr(world.platform.store, "commit", away)
        assert (await phone.say("推荐", message_id="1") or "").startswith("系统繁忙")
    assert (await phone.say("推荐", message_id="1") or "").startswith("大家都在用")


@pytest.mark.skipif(not COLLECTION.exists(), reason="the WeChat payload collection (../shared/data/wechat) is absent")
async def test_every_recorded_callback_is_answered_or_received(
    sqlite_url: str, make_world: Any, compose: MakeCallbacks
) -> None:
    world: World = await make_world(sqlite_url)
    callbacks, envelope = compose(world.platform), Envelopes(world.clock)
    served = 0
    for path in sorted((COLLECTION / "callbacks").glob("*.xml")):
        to_us = _ADDRESSEE.sub(rb"\g<1>" + ACCOUNT.gh_id.encode(), path.read_bytes(), count=1)
        try:
            reply = envelope.read(await callbacks.receive(*envelope(to_us)))
        except (Refused, CallbackRefused):
            # Only what is no message: templates of replies, sealed envelopes, other products' orders.
            assert not all(field.search(to_us) for field in _MESSAGE), path.name
        else:
            served += 1
            assert reply is None or len(reply.encode()) <= 2048
    assert served > 100


BOMB = b'<!DOCTYPE xml [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;">]><xml><ToUserName>&b;</ToUserName></xml>'


@pytest.fixture
async def served(world: World, callbacks: WeChatCallbacks) -> Any:
    """The callback on a real socket: `post(query, body)` gives status and text."""
    app = new_server("wechat-test", body_bytes=1_048_576)
    mount(app, callbacks)
    async with serving(app, listen("127.0.0.1", 0)) as url, aiohttp.ClientSession() as session:

        async def post(query: str, body: bytes) -> tuple[int, str]:
            try:
                async with session.post(f"{url}{PATH}?{query}", data=io.BytesIO(body)) as response:
                    return response.status, await response.text()
            except aiohttp.ClientConnectionError:  # hung up on in the middle of too long a body
                return 413, ""

        async def get(query: str) -> tuple[int, str]:
            async with session.get(f"{url}{PATH}?{query}") as response:
                return response.status, await response.text()

        post.get = get  # type: ignore[attr-defined] # one fixture, two verbs
        yield post


async def test_what_the_platform_did_not_send_is_refused_quietly(served: Any, world: World) -> None:
    envelope = Envelopes(world.clock)
    at = int(world.clock().timestamp())
    good = message("o1", at, "text", Content="你好", MsgId="1")
    query, body = envelope(good)
    stranger = Envelopes(world.clock, WeChatSettings(**{**ACCOUNT.model_dump(), "appid": "wx_other"}))
    forged = query.replace("msg_signature=", "msg_signature=0")
    old = envelope(good, timestamp=str(at - 1000))
    cases = {
        "no query": ("", body),
        "wrong signature": (query.replace("signature=", "signature=f", 1), body),
        "wrong message signature": (forged, body),
        "stale": old,
        "far future": envelope(good, timestamp=str(at + 1000)),
        "odd timestamp": envelope(good, timestamp="²"),
        "wrong appid": stranger(good),
        "truncated": (query, body.replace(b"]]></Encrypt>", b"")[:-30]),
        "cut cipher": (
            query,
            body.replace(b"==]]>", b"]]>").replace(b"A]]>", b"]]>")[: len(body) // 2] + b"]]></Encrypt></xml>",
        ),
        "plain where sealed is asked": envelope(good, mode="plain"),
        "bomb outside": (query, BOMB),
        "bomb inside": envelope(BOMB),
        "not XML inside": envelope(b"hello"),
        "empty inside": envelope(b""),
        "empty": (query, b""),
        "another account": envelope(good.replace(ACCOUNT.gh_id.encode(), b"gh_other")),
        "long": (query, b"<xml>" + b"a" * 200_000 + b"</xml>"),
        "10 MB": (query, b"<xml>" + b"a" * 10_000_000 + b"</xml>"),
    }
    for name, (case_query, case_body) in cases.items():
        status, text = await served(case_query, case_body)
        assert status in (400, 403, 413), f"{name}: {status} {text}"
        assert "Traceback" not in text and len(text) < 300, name
    status, text = await served(query, body)
    assert status == 200 and "您好" in (envelope.read(text.encode()) or "")


async def test_a_signature_is_good_for_one_message_and_only_for_the_retries(served: Any, world: World) -> None:
    envelope = Envelopes(world.clock)
    at = int(world.clock().timestamp())
    first = envelope(message("o1", at, "text", Content="你好", MsgId="1"), nonce="n")
    other = envelope(message("o1", at, "text", Content="推荐", MsgId="2"), nonce="n")
    assert (await served(*first))[0] == 200
    assert (await served(*other))[0] == 403
    assert (await served(*first))[0] == 200
    world.clock.advance(seconds=90)
    assert (await served(*first))[0] == 403


async def test_unknown_types_and_reports_are_received_without_an_answer(served: Any, world: World) -> None:
    envelope = Envelopes(world.clock)
    at = int(world.clock().timestamp())
    for kind, fields in (
        ("hologram", {"MsgId": "7"}),
        ("event", {"Event": "TEMPLATESENDJOBFINISH", "MsgID": "9", "Status": "success"}),
        ("event", {"Event": "something_new"}),
        ("event", {"Event": "VIEW", "EventKey": "http://example.test"}),
    ):
        assert await served(*envelope(message("o1", at, kind, **fields))) == (200, "success")


async def test_the_address_is_verified_by_echo(served: Any, world: World) -> None:
    envelope = Envelopes(world.clock)
    query, _ = envelope(b"", mode="plain")
    assert await served.get(f"{query}&echostr=5837%2B1") == (200, "5837+1")
    assert (await served.get(f"{query.replace('signature=', 'signature=0')}&echostr=1"))[0] == 403
    assert (await served.get("echostr=1"))[0] == 400 or (await served.get("echostr=1"))[0] == 403


@pytest.mark.parametrize("mode", ["plain", "compatible", "encrypted"])
async def test_each_mode_is_answered_as_it_came(mode: str, world: World, compose: MakeCallbacks) -> None:
    account = WeChatSettings(**{**ACCOUNT.model_dump(), "mode": mode})
    envelope = Envelopes(world.clock, account)
    in_mode = compose(world.platform, account=account)
    at = int(world.clock().timestamp())
    reply = await in_mode.receive(*envelope(message("o1", at, "text", Content="你好", MsgId="1")))
    assert "您好" in (envelope.read(reply) or "")


async def test_pictures_and_places_get_a_kind_word(phone: WeChatPhone, world: World) -> None:
    at = int(world.clock().timestamp())
    for kind in ("image", "voice", "video", "location", "link"):
        reply = await phone.post(message("oPerson1", at, kind, MsgId=f"5{kind}"))
        assert reply is not None and "文字" in reply
    heard = await phone.post(message("oPerson1", at, "voice", MsgId="77", Recognition="推荐。"))
    assert heard is not None and "1. " in heard


async def test_what_a_person_types_never_becomes_a_link(phone: WeChatPhone) -> None:
    reply = await phone.say('订<a href="http://evil.test">x</a>')
    assert reply is not None and '<a href="http' not in reply
