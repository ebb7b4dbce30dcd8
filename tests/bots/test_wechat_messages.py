"""Callback bodies read as wechatpy reads them, and nothing but CallbackRefused comes out of a bad one."""

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest
import xmltodict
from hypothesis import given, settings
from hypothesis import strategies as st
from wechatpy import parse_message
from wechatpy.events import EVENT_TYPES, ScanEvent, SubscribeScanEvent
from wechatpy.messages import UnknownMessage

from bots.wechat.messages import KINDS, Callback, CallbackRefused, parse_callback
from bots.wechat.xml import MAX_BODY_BYTES, MAX_DEPTH, REPEATED_TAGS, cdata, clean, read_fields
from tests.bots.wechat_samples import OWN, collected

OWN_PAYLOADS = [pytest.param(path, id=path.stem) for path in sorted(OWN.glob("*.xml"))]


def body(inner: str = "", *, without: str = "", **fields: str) -> bytes:
    envelope = {
        "ToUserName": "gh_0a1b2c3d4e5f",
        "FromUserName": "oTuila-sample_person-0000001",
        "CreateTime": "1760000000",
        "MsgType": "text",
        **fields,
    }
    elements = "".join(f"<{name}>{cdata(value)}</{name}>" for name, value in envelope.items() if name != without)
    return f"<xml>{elements}{inner}</xml>".encode()


def reason_of(raw: bytes) -> str:
    with pytest.raises(CallbackRefused) as refused:
        parse_callback(raw)
    return refused.value.reason


def stripped(value: Any) -> Any:
    """Our reading as xmltodict would give it: text without the space around it."""
    if isinstance(value, dict):
        return {tag: stripped(child) for tag, child in value.items()}
    return [stripped(child) for child in value] if isinstance(value, list) else value.strip()


def filled(value: Any) -> Any:
    """An xmltodict reading with "" for an empty element."""
    if isinstance(value, dict):
        return {tag: filled(child) for tag, child in value.items()}
    return [filled(child) for child in value] if isinstance(value, list) else value or ""


# Agreement with wechatpy


@pytest.mark.parametrize("path", [*OWN_PAYLOADS, *collected()])
def test_every_field_is_the_one_xmltodict_reads(path: Path) -> None:
    raw = path.read_bytes()
    assert stripped(read_fields(raw)) == filled(xmltodict.parse(raw, force_list=tuple(REPEATED_TAGS))["xml"])


@pytest.mark.parametrize("path", [*OWN_PAYLOADS, *collected()])
def test_every_callback_is_the_one_wechatpy_parses(path: Path) -> None:
    raw = path.read_bytes()
    if path.stem.startswith("encrypted") or b"{time}" in raw:
        assert reason_of(raw) in ("missing_field", "bad_field")  # envelopes and templates of replies
        return
    ours, theirs = parse_callback(raw), parse_message(raw)
    assert (ours.to_user, ours.from_user, ours.created_at) == (theirs.target, theirs.source, theirs.time)
    assert ours.kind in ("unknown", ours.message_type)
    if ours.kind == "event":
        # wechatpy makes events of their own of a follow by a code or a product.
        splits = ("subscribe_scan", "subscribe_scan_product") if ours.event == "subscribe" else ()
        assert type(theirs) in [EVENT_TYPES.get(name, UnknownMessage) for name in (ours.event, *splits)]
        assert not isinstance(theirs, (ScanEvent, SubscribeScanEvent)) or ours.scene == theirs.scene_id
        assert (ours.ticket or "") == (theirs._data.get("Ticket") or "")
    elif not ours.message_type.startswith("device_") and theirs.type in KINDS:
        # The retired device messages are events to wechatpy and unknown to us.
        assert ours.kind == theirs.type
        assert int(ours.message_id or 0) == theirs.id
        assert theirs.type != "text" or ours.text == (theirs.content or "")
        assert theirs.type != "voice" or ours.text == (theirs.recognition or "")


@pytest.mark.parametrize("path", OWN_PAYLOADS)
def test_our_own_payloads_read_as_written_down(path: Path) -> None:
    expected = json.loads(path.with_suffix(".json").read_text())
    assert msgspec.to_builtins(parse_callback(path.read_bytes())) == expected


def test_different_callbacks_of_the_collection_have_different_keys() -> None:
    seen: dict[str, Callback] = {}
    for parameter in collected():
        if parameter.values[0] is None:
            pytest.skip("the WeChat payload collection (../shared/data/wechat) is not present")
        try:
            callback = parse_callback(parameter.values[0].read_bytes())
        except CallbackRefused:
            continue
        same = seen.setdefault(callback.dedupe_key, callback)
        assert callback.message_id or (same.event, same.message_type) == (callback.event, callback.message_type)


@settings(deadline=None)
@given(text=st.text())
def test_any_text_a_person_sends_is_read_back(text: str) -> None:
    raw = body(f"<Content>{cdata(text)}</Content>")
    callback = parse_callback(raw)
    assert callback.fields["Content"] == clean(text)
    assert callback.text == clean(text).strip() == (parse_message(raw).content or "")


# What a callback says


def test_a_voice_message_says_what_was_recognised() -> None:
    raw = body("<MediaId>m</MediaId><Recognition> 查话费。 </Recognition>", MsgType="voice")
    assert parse_callback(raw).text == "查话费。"
    assert parse_callback(body("<MediaId>m</MediaId>", MsgType="voice")).text == ""


def test_other_messages_say_nothing() -> None:
    assert parse_callback(body("<Content>x</Content>", MsgType="image")).text == ""


@pytest.mark.parametrize(
    "event, key, scene",
    [
        ("subscribe", "qrscene_shop-12", "shop-12"),
        ("subscribe", "", None),
        ("subscribe", "last_trade_no_42", None),
        ("SCAN", "shop-12", "shop-12"),
        ("SCAN", "qrscene_", "qrscene_"),
        ("CLICK", "shop-12", None),
    ],
)
def test_the_scene_is_that_of_a_scanned_code(event: str, key: str, scene: str | None) -> None:
    assert parse_callback(body(MsgType="event", Event=event, EventKey=key)).scene == scene


def test_the_type_and_the_event_are_known_in_any_case() -> None:
    callback = parse_callback(body(MsgType="Event", Event="TEMPLATESENDJOBFINISH"))
    assert (callback.kind, callback.event) == ("event", "templatesendjobfinish")


def test_an_unknown_type_and_an_unknown_event_are_no_error() -> None:
    assert parse_callback(body(MsgType="hologram")).kind == "unknown"
    assert parse_callback(body(MsgType="event", Event="Moon_Landing")).event == "moon_landing"


def test_a_single_entry_of_a_list_reads_as_a_list() -> None:
    raw = body("<SubscribeMsgPopupEvent><List><TemplateId>a</TemplateId></List></SubscribeMsgPopupEvent>")
    assert parse_callback(raw).fields["SubscribeMsgPopupEvent"] == {"List": [{"TemplateId": "a"}]}


def test_an_element_that_stands_three_times_reads_as_a_list() -> None:
    assert parse_callback(body("<A>1</A><A/><A>3</A>")).fields["A"] == ["1", "", "3"]


# Duplicates


def test_a_message_delivered_again_has_the_same_key() -> None:
    first, again = body("<MsgId>7</MsgId><Content>a</Content>"), body("<Content>a</Content>\n<MsgId>7</MsgId>")
    assert parse_callback(first).dedupe_key == parse_callback(again).dedupe_key


@pytest.mark.parametrize(
    "one, other",
    [
        (body("<MsgId>7</MsgId>"), body("<MsgId>8</MsgId>")),
        (body("<MsgId>7</MsgId>"), body("<MsgId>7</MsgId>", ToUserName="gh_another")),
        (body(MsgType="event", Event="CLICK", EventKey="a"), body(MsgType="event", Event="CLICK", EventKey="b")),
        (body(MsgType="event", Event="CLICK", EventKey="a"), body(MsgType="event", Event="VIEW", EventKey="a")),
        (body(MsgType="event", Event="SCAN"), body(MsgType="event", Event="SCAN", CreateTime="1760000001")),
        (body(MsgType="event", Event="SCAN"), body(MsgType="event", Event="SCAN", FromUserName="oAnother")),
        (
            body("<MsgID>1</MsgID>", MsgType="event", Event="TEMPLATESENDJOBFINISH"),
            body("<MsgID>2</MsgID>", MsgType="event", Event="TEMPLATESENDJOBFINISH"),
        ),
        (
            body(
                "<SubscribeMsgSentEvent><List><MsgID>1</MsgID></List></SubscribeMsgSentEvent>",
                MsgType="event",
                Event="subscribe_msg_sent_event",
            ),
            body(
                "<SubscribeMsgSentEvent><List><MsgID>2</MsgID></List></SubscribeMsgSentEvent>",
                MsgType="event",
                Event="subscribe_msg_sent_event",
            ),
        ),
    ],
)
def test_two_different_callbacks_have_different_keys(one: bytes, other: bytes) -> None:
    assert parse_callback(one).dedupe_key != parse_callback(other).dedupe_key


# Refusals

LAUGHS = b"".join(b'<!ENTITY l%d "%s">' % (n, b"&l%d;" % (n - 1) * 10) for n in range(1, 10))


@pytest.mark.parametrize(
    "raw, reason",
    [
        (b"", "empty"),
        (b" \r\n\t", "empty"),
        (b"<xml></xml>", "malformed"),
        (b"<xml/>", "malformed"),
        (b"<xml>text</xml>", "malformed"),
        (b"hello", "malformed"),
        (b'{"ToUserName": "gh_1"}', "malformed"),
        (b"<html><body/></html>", "malformed"),
        (b"<xmlish><A>1</A></xmlish>", "malformed"),
        (body()[:-3], "malformed"),
        (body() + b"<xml/>", "malformed"),
        (body("<Content>&nbsp;</Content>"), "malformed"),
        (body("<Content>&#0;</Content>"), "malformed"),
        (body("<Content>\x01</Content>"), "malformed"),
        (body("<Content>") + b"\xff\xfe</Content></xml>", "malformed"),
        (body().decode().encode("utf-16"), "malformed"),
        (body("<!DOCTYPE xml>"), "malformed"),
        (b"<!-- --><!DOCTYPE xml>" + body(), "malformed"),
        (b"<!DOCTYPE xml>" + body(), "doctype"),
        (b'\xef\xbb\xbf<?xml version="1.0"?>\n<!DOCTYPE xml>' + body(), "doctype"),
        (b'<!DOCTYPE xml [<!ENTITY l0 "ha">' + LAUGHS + b"]>" + body("<Content>&l9;</Content>"), "doctype"),
        (b'<!DOCTYPE xml [<!ENTITY f SYSTEM "file:///etc/hostname">]>' + body("<Content>&f;</Content>"), "doctype"),
        (b'<!DOCTYPE xml SYSTEM "http://127.0.0.1:9/x.dtd">' + body(), "doctype"),
        (body("<Content>" + "a" * 10_000_000 + "</Content>"), "too_large"),
        (b"a" * (MAX_BODY_BYTES + 1), "too_large"),
        (body("<a>" * 100 + "</a>" * 100), "malformed"),
        (body("<a>" * 9_000 + "</a>" * 9_000), "malformed"),
        (body(without="ToUserName"), "missing_field"),
        (body(without="FromUserName"), "missing_field"),
        (body(without="CreateTime"), "missing_field"),
        (body(without="MsgType"), "missing_field"),
        (body(MsgType="event"), "missing_field"),
        (body(MsgType="event", Event=" "), "missing_field"),
        (body(FromUserName=""), "missing_field"),
        (body("<FromUserName>oAnother</FromUserName>"), "bad_field"),
        (body("<MsgType>event</MsgType>"), "bad_field"),
        (body("<MsgId><a>1</a></MsgId>"), "bad_field"),
        (body(CreateTime="soon"), "bad_field"),
        (body(CreateTime="-1"), "bad_field"),
        (body(CreateTime="1.5"), "bad_field"),
        (body(CreateTime="１７６０００００００"), "bad_field"),
        (body(CreateTime="9" * 5_000), "bad_field"),
    ],
)
def test_a_body_the_platform_would_not_send_is_refused(raw: bytes, reason: str) -> None:
    assert reason_of(raw) == reason


def test_the_longest_body_and_the_deepest_nesting_are_still_read() -> None:
    room = MAX_BODY_BYTES - len(body("<Content></Content>"))
    assert len(parse_callback(body("<Content>" + "a" * room + "</Content>")).text) == room
    levels = MAX_DEPTH
    assert parse_callback(body("<a>" * levels + "</a>" * levels)).fields["a"]


def test_a_declared_encoding_does_not_change_how_bytes_are_read() -> None:
    raw = b'<?xml version="1.0" encoding="gb2312"?>' + body("<Content>你好</Content>")
    assert parse_callback(raw).text == "你好"


@settings(deadline=None, max_examples=300)
@given(junk=st.one_of(st.binary(max_size=300), st.binary(max_size=300).map(lambda junk: b"<xml>" + junk + b"</xml>")))
def test_random_bytes_are_refused(junk: bytes) -> None:
    reason_of(junk)


TOKENS = [
    *("<xml>", "</xml>", "<a>", "</a>", "<a/>", "<item>", "</item>", "<List/>", "<a b='c'>", "<x:a>", "</x:a>"),
    *("<![CDATA[", "]]>", "]]", "&lt;", "&#13;", "&#xfffe;", "&e;", "<!--", "-->", "<?p", "?>", "<!DOCTYPE a>"),
    *("<MsgType>", "</MsgType>", "text", " ", "\r\n", "你", "\ufffe", "\x00", "\x0b", ">", "<", "&"),
]


@settings(deadline=None, max_examples=500)
@given(inner=st.lists(st.sampled_from(TOKENS), max_size=30).map("".join))
def test_any_arrangement_of_markup_is_read_as_expat_reads_it_or_refused(inner: str) -> None:
    raw = body(inner)
    try:
        ours = read_fields(raw)
    except CallbackRefused:
        return
    theirs = xmltodict.parse(raw, xml_attribs=False, force_list=tuple(REPEATED_TAGS))["xml"]
    assert without_layout(stripped(ours)) == without_layout(filled(theirs))


def without_layout(value: Any) -> Any:
    """Without the text between child elements, which xmltodict keeps and we take for layout."""
    if isinstance(value, dict):
        return {tag: without_layout(child) for tag, child in value.items() if tag != "#text"}
    return [without_layout(child) for child in value] if isinstance(value, list) else value
