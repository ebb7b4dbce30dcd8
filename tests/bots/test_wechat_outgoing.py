"""Messages sent unasked: once, to whom they can reach, and else by another way."""

from __future__ import annotations

import pytest

from adapters.errors import UpstreamUnavailable
from adapters.sms.fake import FakeSms
from adapters.wechat.fake import FakeWeChatApi
from bots.sms.outgoing import SmsChannel
from bots.wechat.outgoing import WeChatChannel
from gateway.messages import Unreachable
from gateway.store.hot import LocalHotState

ACCOUNT = "wechat:gh_test:oPerson1"


@pytest.fixture
def api() -> FakeWeChatApi:
    api = FakeWeChatApi()
    api.hear_from("oPerson1")
    return api


@pytest.fixture
def channel(api: FakeWeChatApi) -> WeChatChannel:
    return WeChatChannel(api, LocalHotState())


async def test_a_message_goes_out_once_however_often_it_is_tried(api: FakeWeChatApi, channel: WeChatChannel) -> None:
    await channel.send(ACCOUNT, "已开通", "m1")
    await channel.send(ACCOUNT, "已开通", "m1")
    await channel.send(ACCOUNT, "已退订", "m2")
    assert [message.content for message in api.sent] == ["已开通", "已退订"]


async def test_a_message_whose_answer_was_lost_is_not_sent_again(api: FakeWeChatApi, channel: WeChatChannel) -> None:
    api.lose_next = 1
    await channel.send(ACCOUNT, "已开通", "m1")
    await channel.send(ACCOUNT, "已开通", "m1")
    assert len(api.sent) == 1


async def test_a_message_that_was_not_taken_is_tried_again(api: FakeWeChatApi, channel: WeChatChannel) -> None:
    api.down = True
    with pytest.raises(UpstreamUnavailable):
        await channel.send(ACCOUNT, "已开通", "m1")
    api.down = False
    await channel.send(ACCOUNT, "已开通", "m1")
    assert len(api.sent) == 1


@pytest.mark.parametrize("errcode", [43004, 45015, 45047, 43101, 48001])
async def test_who_cannot_be_reached_here_is_reached_elsewhere(
    errcode: int, api: FakeWeChatApi, channel: WeChatChannel
) -> None:
    api.refuse_next = [errcode]
    with pytest.raises(Unreachable):
        await channel.send(ACCOUNT, "已开通", "m1")


async def test_a_long_text_is_cut_to_what_the_platform_takes(api: FakeWeChatApi, channel: WeChatChannel) -> None:
    await channel.send(ACCOUNT, "很长" * 2000, "m1")
    assert len(api.sent[0].content.encode()) <= 2048


async def test_an_sms_goes_to_the_number_of_the_account() -> None:
    sms = FakeSms()
    await SmsChannel(sms).send("sms:+8613800138000", "已开通", "m1")
    assert sms.to("+8613800138000") == ["已开通"]
    sms.blocked.add("+8613800138000")
    with pytest.raises(Unreachable):
        await SmsChannel(sms).send("sms:+8613800138000", "已退订", "m2")
