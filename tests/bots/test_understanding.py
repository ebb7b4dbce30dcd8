"""What people type, and what is meant by it."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bots.conversation import Intent, State
from bots.skills import SKILLS
from bots.understanding import LONGEST_READ, RULES, understand

OFFERS = State(listing="offers")


@pytest.mark.parametrize(
    ("said", "intent"),
    [
        ("推荐", Intent("recommend")),
        ("给我推荐几个套餐吧。", Intent("recommend")),
        ("订2", Intent("order", 2)),
        ("订第二个", Intent("order", 2)),
        ("訂２", Intent("order", 2)),
        ("Order 2", Intent("order", 2)),
        ("我要订流量音乐包", Intent("order", words="流量音乐包")),
        ("办理 音乐畅听会员", Intent("order", words="音乐畅听会员")),
        ("开通", Intent("order")),
        ("退订流量音乐包", Intent("leave", words="流量音乐包")),
        ("unsubscribe from music plus", Intent("leave", words="music plus")),
        ("退订1", Intent("leave", 1)),
        ("退订推送", Intent("stop_marketing")),
        ("ＴＤ", Intent("stop_marketing")),
        ("stop", Intent("stop_marketing")),
        ("是", Intent("yes")),
        ("Ｙ", Intent("yes")),
        ("Yes!", Intent("yes")),
        ("确认。", Intent("yes")),
        ("好的", Intent("agree")),
        ("不要", Intent("no")),
        ("取消", Intent("no")),
        ("取消订单", Intent("cancel_order")),
        ("取消订单2", Intent("cancel_order", 2)),
        ("不感兴趣2", Intent("decline", 2)),
        ("第2个多少钱", Intent("price", 2)),
        ("音乐包多少钱", Intent("price", words="音乐包")),
        ("这个多少钱？", Intent("price")),
        ("详情3", Intent("details", 3)),
        ("我的訂單", Intent("orders")),
        ("13800138000", Intent("phone", words="13800138000")),
        ("绑定 138-0013-8000", Intent("phone", words="138-0013-8000")),
        ("+86 138 0013 8000", Intent("phone", words="+86 138 0013 8000")),
        ("验证码 123456", Intent("code", words="123456")),
        ("解綁", Intent("unbind")),
        ("？", Intent("help")),
        ("转人工", Intent("human")),
        ("音乐", Intent("unknown", words="音乐")),
        ("", Intent("unknown")),
    ],
)
def test_words_have_a_meaning_of_their_own(said: str, intent: Intent) -> None:
    assert understand(said, State()) == intent


@pytest.mark.parametrize(
    ("state", "intent"),
    [
        (State(), Intent("unknown", 2)),
        (OFFERS, Intent("order", 2)),
        (State(listing="held"), Intent("leave", 2)),
        (State(listing="orders"), Intent("order_status", 2)),
        (State(listing="offers", asked="which_yes"), Intent("which_yes", 2)),
        (State(listing="offers", asked="which_no"), Intent("which_no", 2)),
    ],
)
def test_a_bare_number_means_what_was_last_listed_or_asked(state: State, intent: Intent) -> None:
    assert understand("2", state) == intent
    assert understand("第二个", state) == intent


def test_digits_are_a_phone_number_when_one_was_asked_for() -> None:
    assert understand("1380013800", State(step="phone")) == Intent("phone", words="1380013800")
    assert understand("1380013800", State()).name == "unknown"


def test_every_intent_has_a_skill() -> None:
    names = {rule.intent for rule in RULES} - {"number"} | {"unknown", "order_status", "which_yes", "which_no"}
    assert names <= SKILLS.keys()


@given(st.text(max_size=2 * LONGEST_READ))
def test_any_text_is_read(text: str) -> None:
    assert understand(text, OFFERS).name in SKILLS


@pytest.mark.parametrize("unit", ["订", "我要", "第", "1", "多少钱", "的", " ", "退订一个", "详情", "no ", "给我想要"])
def test_no_text_takes_long(unit: str) -> None:
    text = (unit * LONGEST_READ)[: LONGEST_READ - 1] + "!x"[:1]
    began = time.thread_time()
    understand(text, State())
    assert time.thread_time() - began < 0.05
