"""Passive replies: the XML that answers a callback within its five seconds.

Source: https://developers.weixin.qq.com/doc/offiaccount/Message_Management/Passive_user_reply_message.html
"""

import msgspec

from bots.wechat.xml import cdata, cdata_of_legal, clean

MAX_TEXT_BYTES = 2_048
"""Longest Content of a text reply, in bytes of UTF-8."""

ELLIPSIS = "…"


class Article(msgspec.Struct, frozen=True):
    """The one article of a news reply; the addresses are absolute, "" leaves the picture or link out."""

    title: str
    description: str = ""
    picture_url: str = ""
    url: str = ""


def render_text(to: str, from_: str, text: str, at: int) -> bytes:
    """A text reply; a text beyond `MAX_TEXT_BYTES` ends in an ellipsis. `at` in seconds since the epoch.

    `to` is the openid that wrote to us, `from_` our original id, here and in the other replies.
    """
    return _reply(to, from_, at, "text", f"<Content>{cdata_of_legal(fit_text(text))}</Content>")


def render_news(to: str, from_: str, article: Article, at: int) -> bytes:
    """A reply with one article, the most the platform shows in answer to a message."""
    return _reply(
        to,
        from_,
        at,
        "news",
        f"<ArticleCount>1</ArticleCount><Articles><item><Title>{cdata(article.title)}</Title>"
        f"<Description>{cdata(article.description)}</Description><PicUrl>{cdata(article.picture_url)}</PicUrl>"
        f"<Url>{cdata(article.url)}</Url></item></Articles>",
    )


def render_image(to: str, from_: str, media_id: str, at: int) -> bytes:
    """A reply with a picture that was uploaded to the platform before."""
    return _reply(to, from_, at, "image", f"<Image><MediaId>{cdata(media_id)}</MediaId></Image>")


def render_transfer(to: str, from_: str, at: int, kf_account: str | None = None) -> bytes:
    """A hand-over of the person to the customer-service desk, or to one account of it."""
    account = f"<TransInfo><KfAccount>{cdata(kf_account)}</KfAccount></TransInfo>" if kf_account else ""
    return _reply(to, from_, at, "transfer_customer_service", account)


def fit_text(text: str, limit: int = MAX_TEXT_BYTES) -> str:
    """The text as a reply can carry it: legal in XML and at most `limit` bytes of UTF-8, cut with an ellipsis.

    A link that the cut would leave open is left out whole, since the app shows an open tag as plain text.
    """
    text = clean(text)
    encoded = text.encode()
    if len(encoded) <= limit:
        return text
    kept = encoded[: limit - len(ELLIPSIS.encode())].decode(errors="ignore")
    opened = kept.rfind("<a")
    if opened > 0 and "</a>" not in kept[opened:]:
        kept = kept[:opened]
    return kept + ELLIPSIS


def _reply(to: str, from_: str, at: int, message_type: str, content: str) -> bytes:
    """The parts that every reply has, around what this one has."""
    return (
        f"<xml><ToUserName>{cdata(to)}</ToUserName><FromUserName>{cdata(from_)}</FromUserName>"
        f"<CreateTime>{at:d}</CreateTime><MsgType><![CDATA[{message_type}]]></MsgType>{content}</xml>"
    ).encode()
