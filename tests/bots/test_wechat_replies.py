"""Replies hold what wechatpy's replies hold, for any text a dialog may produce."""

from typing import Any

import pytest
import xmltodict
from hypothesis import given, settings
from hypothesis import strategies as st
from wechatpy.replies import (
    ArticlesReply,
    ImageReply,
    TextReply,
    TransferCustomerServiceReply,
    deserialize_reply,
)

from bots.wechat.messages import parse_callback
from bots.wechat.replies import (
    ELLIPSIS,
    MAX_TEXT_BYTES,
    Article,
    fit_text,
    render_image,
    render_news,
    render_text,
    render_transfer,
)
from bots.wechat.xml import clean, read_fields
from tests.bots.wechat_samples import collected

TO, FROM, AT = "oTuila-sample_person-0000001", "gh_0a1b2c3d4e5f", 1760000000
ADDRESSED: dict[str, Any] = {"target": TO, "source": FROM, "time": AT}


def held(xml: bytes | str) -> Any:
    return xmltodict.parse(xml)["xml"]


# wechatpy does not escape, so the texts that are compared with its own rendering leave out what would break it.
plain_texts = st.text(st.characters(min_codepoint=0x20, max_codepoint=0xD7FF, exclude_characters="]"), max_size=200)


@settings(deadline=None)
@given(text=plain_texts)
def test_a_text_reply_holds_what_wechatpys_holds(text: str) -> None:
    assert held(render_text(TO, FROM, text, AT)) == held(TextReply(content=text, **ADDRESSED).render())


@settings(deadline=None)
@given(title=plain_texts, description=plain_texts)
def test_a_news_reply_holds_what_wechatpys_holds(title: str, description: str) -> None:
    article = Article(title, description, "https://example.test/a.png", "https://example.test/a?b=1&c=2")
    theirs = {"title": title, "description": description, "image": article.picture_url, "url": article.url}
    assert held(render_news(TO, FROM, article, AT)) == held(ArticlesReply(articles=[theirs], **ADDRESSED).render())


def test_a_picture_reply_holds_what_wechatpys_holds() -> None:
    ours = render_image(TO, FROM, "media-1", AT)
    assert held(ours) == held(ImageReply(image="media-1", **ADDRESSED).render())
    assert deserialize_reply(ours).media_id == "media-1"


def test_a_transfer_holds_what_wechatpys_holds() -> None:
    assert held(render_transfer(TO, FROM, AT)) == held(TransferCustomerServiceReply(**ADDRESSED).render())
    assert held(render_transfer(TO, FROM, AT, "desk@tuila"))["TransInfo"] == {"KfAccount": "desk@tuila"}


@pytest.mark.parametrize("path", collected("transfer_customer_service-*.xml"))
def test_a_transfer_holds_what_the_collected_ones_hold(path: Any) -> None:
    expected = held(path.read_bytes().replace(b"{time}", b"1760000000"))
    account = expected.get("TransInfo", {}).get("KfAccount")
    assert held(render_transfer("bbb", "aaa", AT, account)) == expected


@settings(deadline=None)
@given(text=st.text(max_size=400))
def test_any_text_is_read_back_by_any_parser(text: str) -> None:
    rendered = render_text(TO, FROM, text, AT)
    assert read_fields(rendered)["Content"] == clean(text)
    assert xmltodict.parse(rendered, strip_whitespace=False)["xml"]["Content"] == (clean(text) or None)
    assert (deserialize_reply(rendered).content or "") == clean(text).strip()
    assert parse_callback(rendered).text == clean(text).strip()


@settings(deadline=None)
@given(names=st.lists(st.text(st.characters(), min_size=1), min_size=6, max_size=6))
def test_nothing_in_any_field_can_leave_its_element(names: list[str]) -> None:
    to, from_, *rest = names
    fields = read_fields(render_news(to, from_, Article(*rest), AT))
    assert set(fields) == {"ToUserName", "FromUserName", "CreateTime", "MsgType", "ArticleCount", "Articles"}
    expected = dict(zip(("Title", "Description", "PicUrl", "Url"), map(clean, rest), strict=True))
    assert fields["Articles"] == {"item": [expected]}


@settings(deadline=None)
@given(text=st.text(), limit=st.integers(3, 60))
def test_a_fitted_text_is_a_prefix_with_an_ellipsis_within_the_limit(text: str, limit: int) -> None:
    fitted = fit_text(text, limit)
    assert len(fitted.encode()) <= limit
    if fitted != clean(text):
        assert fitted.endswith(ELLIPSIS)
        assert clean(text).startswith(fitted.removesuffix(ELLIPSIS))
        assert len(clean(text).encode()) > limit


@pytest.mark.parametrize("letter", ["a", "é", "话", "🙂"])
def test_a_long_text_is_cut_between_characters(letter: str) -> None:
    exact = letter * (MAX_TEXT_BYTES // len(letter.encode()))
    assert fit_text(exact) == exact
    fitted = fit_text(exact + "abcd")
    assert fitted.endswith(ELLIPSIS)
    assert MAX_TEXT_BYTES - 4 < len(fitted.encode()) <= MAX_TEXT_BYTES


def test_a_link_is_kept_whole_or_left_out() -> None:
    link = '<a href="https://example.test/offers">套餐</a>'
    fitted = fit_text("话" * 670 + link)
    assert fitted == "话" * 670 + ELLIPSIS
    assert link in fit_text(link + "话" * 700)


def test_characters_that_xml_cannot_carry_are_dropped() -> None:
    assert clean("a\x00b\x08c\x0b\x1f\ud800\ufffe\uffff🙂\td\r\ne\rf\n") == "abc🙂\td\ne\nf\n"
