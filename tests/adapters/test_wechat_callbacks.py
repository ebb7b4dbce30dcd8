"""What the platform's stand-in posts to the account, how it tries again, and what it makes of the answers."""

import asyncio
from typing import Any

import msgspec
import pytest
from aiohttp import web
from lxml import etree
from wechatpy.crypto import WeChatCrypto

from adapters.wechat.platform.bubbles import Choice, Segment, segments
from adapters.wechat.platform.callbacks import FAULT_NOTICE, message_xml
from tests.adapters.wechat_world import ACCOUNT, PERSON, Posted, element, platform

MODES = pytest.mark.parametrize("mode", ["plain", "compatible", "encrypted"])


async def shown(there: Any) -> list[Any]:
    """The last bubbles as (side, text or kind)."""
    found = []
    for bubble in await there.bubbles():
        parts = bubble["content"].get("segments")
        words = "".join(part["text"] for part in parts) if parts else bubble["content"].get("zh", bubble["kind"])
        found.append((bubble["side"], words))
    return found


@MODES
async def test_a_text_arrives_signed_and_its_answer_is_shown(mode: str) -> None:
    async with platform(mode) as there:
        await there.do("subscribe")

        async def echo(posted: Posted) -> web.Response:
            return there.server.reply(posted, f"收到：{posted.message['Content']}")

        there.server.answer = echo
        delivery = await there.say("推荐 <&> ]]> 😀")
        assert (await shown(there))[-2:] == [("person", "推荐 <&> ]]> 😀"), ("account", "收到：推荐 <&> ]]> 😀")]
        assert (delivery["outcome"], len(delivery["attempts"]), delivery["violations"]) == ("replied", 1, [])
        posted = there.server.posted[-1]
        assert posted.query["openid"] == PERSON
        assert set(posted.message) - {"Encrypt"} == {
            "ToUserName",
            "FromUserName",
            "CreateTime",
            "MsgType",
            "Content",
            "MsgId",
        }
        assert ("Encrypt" in posted.outer, "Content" in posted.outer) == {
            "plain": (False, True), "compatible": (True, True), "encrypted": (True, False),
        }[mode]  # fmt: skip


async def test_an_unanswered_message_is_tried_three_times_with_one_id_and_new_signatures() -> None:
    async with platform() as there:
        await there.do("subscribe")

        async def fail(posted: Posted) -> web.Response:
            return web.Response(status=502)

        there.server.answer = fail
        there.server.posted.clear()
        delivery = await there.say("推荐")
        posted = there.server.posted
        assert len(posted) == 3
        assert len({one.message["MsgId"] for one in posted}) == 1
        assert len({one.query["nonce"] for one in posted}) == len({one.query["msg_signature"] for one in posted}) == 3
        seconds = [int(one.query["timestamp"]) for one in posted]
        assert [later - seconds[0] for later in seconds] == [0, 5, 10]
        assert [attempt["status"] for attempt in delivery["attempts"]] == [502, 502, 502]
        assert (await shown(there))[-1] == ("system", FAULT_NOTICE)


async def test_the_answer_to_a_second_try_is_shown_once() -> None:
    async with platform() as there:
        await there.do("subscribe")

        async def second_time(posted: Posted) -> web.Response:
            if len(there.server.posted) < 2:
                return web.Response(status=500)
            return there.server.reply(posted, "您好")

        there.server.posted.clear()
        there.server.answer = second_time
        delivery = await there.say("推荐")
        assert (delivery["outcome"], len(delivery["attempts"])) == ("replied", 2)
        assert (await shown(there))[-1] == ("account", "您好")


async def test_after_the_limit_the_connection_is_dropped_and_the_message_comes_again() -> None:
    async with platform(retry_after=0.1) as there:
        await there.do("subscribe")
        held = asyncio.Event()

        async def hang(posted: Posted) -> web.Response:
            await held.wait()
            return there.server.reply(posted, "太晚了")

        there.server.posted.clear()
        there.server.answer = hang
        delivery = await there.say("推荐")
        held.set()
        assert len(there.server.posted) == 3
        assert [attempt["failure"] for attempt in delivery["attempts"]] == ["TimeoutError"] * 3
        assert (await shown(there))[-1] == ("system", FAULT_NOTICE)


@pytest.mark.parametrize("body", ["", "success"])
async def test_an_empty_answer_shows_nothing(body: str) -> None:
    async with platform() as there:

        async def quiet(posted: Posted) -> web.Response:
            return web.Response(text=body)

        there.server.answer = quiet
        await there.do("subscribe")
        delivery = await there.say("推荐")
        assert (delivery["outcome"], delivery["violations"]) == ("silent", [])
        assert (await shown(there))[-1] == ("person", "推荐")


def news(count: int, url: str = "https://shop.example/1") -> str:
    root = etree.Element("xml")
    for name, value in {
        "ToUserName": PERSON, "FromUserName": ACCOUNT.gh_id, "CreateTime": "1", "MsgType": "news", "ArticleCount": str(count),
    }.items():  # fmt: skip
        etree.SubElement(root, name).text = value
    articles = etree.SubElement(root, "Articles")
    for _ in range(count):
        item = etree.SubElement(articles, "item")
        for name, value in {"Title": "音乐包", "Description": "10 元", "PicUrl": "", "Url": url}.items():
            etree.SubElement(item, name).text = value
    return etree.tostring(root, encoding="unicode")


@pytest.mark.parametrize(
    ("changed", "rule"),
    [
        ({"Content": "长" * 683}, "Content has 2049 bytes"),
        ({"Content": ""}, "Content has 0 bytes"),
        ({"ToUserName": "oOther"}, "ToUserName is not"),
        ({"FromUserName": "gh_other"}, "FromUserName is not"),
        ({"CreateTime": "now"}, "CreateTime is not"),
        ({"MsgType": "dance"}, "is no reply type"),
        ({"MsgType": "image"}, "Image/MediaId is missing"),
        ({"body": news(2)}, "2 articles, 1 to 1 are allowed"),
        ({"body": news(1, "javascript:alert(1)")}, "no http(s) Url"),
        ({"body": "{}"}, "Start tag expected"),
        ({"body": "<html/>"}, "root is <html>"),
    ],
)
async def test_a_reply_that_breaks_a_rule_is_named(changed: dict[str, str], rule: str) -> None:
    async with platform() as there:
        await there.do("subscribe")

        async def wrong(posted: Posted) -> web.Response:
            return there.server.reply(posted, "您好", **changed)

        there.server.answer = wrong
        await there.say("推荐")
        (found,) = await there.violations()
        assert rule in found


async def test_an_event_may_be_answered_with_several_cards() -> None:
    async with platform() as there:

        async def cards(posted: Posted) -> web.Response:
            return there.server.reply(posted, body=news(3))

        there.server.answer = cards
        await there.do("subscribe")
        assert await there.violations() == []
        assert len((await there.bubbles())[-1]["content"]["articles"]) == 3


@pytest.mark.parametrize(
    ("token", "appid", "rule"),
    [("another", ACCOUNT.appid, "MsgSignature is wrong"), (ACCOUNT.token, "wxother", "for another appid")],
)
async def test_a_wrongly_sealed_answer_is_named_and_told_to_the_person(token: str, appid: str, rule: str) -> None:
    async with platform() as there:
        await there.do("subscribe")

        async def wrongly_sealed(posted: Posted) -> web.Response:
            there.server.crypto = WeChatCrypto(token, ACCOUNT.encoding_aes_key, appid)
            return there.server.reply(posted, "您好")

        there.server.answer = wrongly_sealed
        await there.say("推荐")
        (found,) = await there.violations()
        assert rule in found
        assert (await shown(there))[-1] == ("system", FAULT_NOTICE)


async def test_a_plain_answer_to_an_encrypted_message_is_named() -> None:
    async with platform() as there:
        await there.do("subscribe")

        async def unsealed(posted: Posted) -> web.Response:
            return web.Response(text=element({"ToUserName": PERSON, "MsgType": "text", "Content": "x"}))

        there.server.answer = unsealed
        await there.say("推荐")
        assert "an encrypted reply has" in (await there.violations())[0]


async def test_following_by_a_code_and_scanning_again_tell_its_scene() -> None:
    async with platform() as there:
        code = await there.client().create_qrcode("bind-1", 600)
        await there.do("scan", scene=code.url)
        await there.do("scan", scene="bind-1")
        follow, scan = (one.message for one in there.server.posted[-2:])
        assert (follow["Event"], follow["EventKey"], follow["Ticket"]) == ("subscribe", "qrscene_bind-1", code.ticket)
        assert (scan["Event"], scan["EventKey"], scan["Ticket"]) == ("SCAN", "bind-1", code.ticket)
        assert (await there.client().user_info(PERSON)).scene == "bind-1"


async def test_menu_and_unfollow_events_have_their_fields() -> None:
    async with platform() as there:
        await there.do("subscribe")
        await there.do("click", key="recommend")
        await there.do("view", key="https://shop.example/")
        await there.do("unsubscribe")
        events = [(one.message["Event"], one.message["EventKey"]) for one in there.server.posted]
        assert events == [
            ("subscribe", ""),
            ("CLICK", "recommend"),
            ("VIEW", "https://shop.example/"),
            ("unsubscribe", ""),
        ]
        assert (await there.call("POST", "/control/send", {"openid": PERSON, "text": "x"}))["code"] == "not_following"


async def test_a_clicked_choice_goes_along_with_its_id() -> None:
    async with platform() as there:
        await there.do("subscribe")
        await there.say("满意", menu_id="101")
        assert there.server.posted[-1].message["bizmsgmenuid"] == "101"


async def test_a_sent_template_reports_its_end() -> None:
    async with platform() as there:
        await there.do("subscribe")
        msgid = await there.client().send_template(PERSON, "T1", {"first": "办好了"})
        async with asyncio.timeout(5):
            while there.server.posted[-1].message["Event"] != "TEMPLATESENDJOBFINISH":
                await asyncio.sleep(0)
        message = there.server.posted[-1].message
        assert (message["MsgID"], message["Status"]) == (str(msgid), "success")


async def test_the_address_is_verified_as_in_the_back_office() -> None:
    async with platform() as there:
        assert await there.call("POST", "/control/verify") == {"verified": True}
        there.server.account = msgspec.structs.replace(ACCOUNT, token="another")
        assert await there.call("POST", "/control/verify") == {"verified": False}


async def test_mode_and_address_change_while_running() -> None:
    async with platform() as there:
        await there.do("subscribe")
        await there.call("PUT", "/control/account", {"mode": "plain"})
        await there.say("推荐")
        assert "encrypt_type" not in there.server.posted[-1].query


async def test_waiting_for_a_chat_ends_with_the_next_bubble() -> None:
    async with platform() as there:
        waiting = asyncio.create_task(there.call("GET", f"/chats/{PERSON}", after="0", wait="20"))
        await there.do("subscribe")
        assert (await waiting)["bubbles"][0]["content"]["zh"] == "已关注"


async def test_a_new_phone_can_follow_and_write() -> None:
    async with platform() as there:
        openid = (await there.call("POST", "/control/people"))["openid"]
        await there.do("subscribe", openid)
        assert (await there.say("推荐", openid))["outcome"] == "silent"
        assert openid in [person["openid"] for person in (await there.call("GET", "/people"))["people"]]


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("一 <b>二</b>", [Segment("一 <b>二</b>")]),
        ('看<a href="https://x.example/?a=1&amp;b=2">这里</a>。',
         [Segment("看"), Segment("这里", href="https://x.example/?a=1&b=2"), Segment("。")]),
        ('<a href="weixin://bizmsgmenu?msgmenucontent=%E6%98%AF&msgmenuid=7">好的</a>',
         [Segment("好的", choice=Choice("7", "是"))]),
        ('<a href="javascript:alert(1)">x</a>', [Segment('<a href="javascript:alert(1)">x</a>')]),
        ('<a href="https:///x">x</a>', [Segment('<a href="https:///x">x</a>')]),
        ("", []),
    ],
)  # fmt: skip
def test_only_known_links_become_links(text: str, parts: list[Segment]) -> None:
    assert segments(text) == parts


def test_text_that_ends_cdata_stays_text() -> None:
    xml = message_xml({"Content": "a]]>b<c/>", "MsgId": 1})
    assert etree.fromstring(xml).findtext("Content") == "a]]>b<c/>"


async def test_an_answer_to_what_nobody_waits_for_is_not_shown() -> None:
    async with platform() as there:

        async def greet(posted: Posted) -> web.Response:
            return there.server.reply(posted, "再见")

        await there.do("subscribe")
        there.server.answer = greet
        assert (await there.do("unsubscribe"))["outcome"] == "replied"
        assert (await shown(there))[-1] == ("system", "已取消关注")
