"""Reading a passive reply as the platform does, and naming every rule it breaks."""

import base64
import binascii
import hmac
from typing import Any, NamedTuple

from lxml import etree
from wechatpy.crypto import PrpCrypto
from wechatpy.exceptions import InvalidAppIdException
from wechatpy.utils import WeChatSigner

from adapters.wechat.platform.account import Account
from adapters.wechat.platform.bubbles import segments

_LONGEST_TEXT_BYTES = 2048
_ENVELOPE = {"Encrypt", "MsgSignature", "TimeStamp", "Nonce"}
_MEDIA = {"image": "Image", "voice": "Voice", "video": "Video"}


class Reply(NamedTuple):
    """A reply as the phone shows it; `kind` "silent" shows nothing and "broken" the fault notice."""

    kind: str
    content: dict[str, Any]
    plain: str
    violations: list[str]


class Asked(NamedTuple):
    """What the reply answers."""

    openid: str
    is_message: bool
    is_encrypted: bool


def signature(*parts: str) -> str:
    """The platform's signature: SHA-1 over the sorted parts."""
    signer = WeChatSigner()
    signer.add_data(*parts)
    return str(signer.signature)


def cipher(account: Account) -> PrpCrypto:
    """The account's message cipher."""
    return PrpCrypto(base64.b64decode(account.encoding_aes_key + "="))


def read_reply(body: bytes, account: Account, asked: Asked) -> Reply:
    """The reply in `body`, decrypted and checked."""
    if body.strip() in {b"", b"success"}:
        return Reply("silent", {}, "", [])
    try:
        plain = _opened(body, account) if asked.is_encrypted else body.decode()
        root = _parsed(plain.encode())
    except (ValueError, etree.XMLSyntaxError) as exc:
        return Reply("broken", {}, "", [str(exc)])
    violations = _envelope_violations(root, account, asked)
    kind = root.findtext("MsgType") or ""
    reader = _READERS.get(kind)
    if reader is None:
        return Reply("broken", {}, plain, [*violations, f"MsgType {kind!r} is no reply type"])
    content, faults = reader(root, asked)
    return Reply("broken" if violations else kind, content, plain, violations + faults)


def _parsed(body: bytes) -> etree._Element:
    root = etree.fromstring(body, etree.XMLParser(resolve_entities=False, no_network=True))
    if root.tag != "xml":
        raise ValueError(f"the reply's root is <{root.tag}>, not <xml>")
    return root


def _opened(body: bytes, account: Account) -> str:
    envelope = {str(child.tag): child.text or "" for child in _parsed(body)}
    if set(envelope) != _ENVELOPE:
        raise ValueError(f"an encrypted reply has {sorted(_ENVELOPE)}, this one {sorted(envelope)}")
    right = signature(account.token, envelope["TimeStamp"], envelope["Nonce"], envelope["Encrypt"])
    if not hmac.compare_digest(right.encode(), envelope["MsgSignature"].encode()):
        raise ValueError("MsgSignature is wrong")
    if not envelope["TimeStamp"].isdigit():
        raise ValueError("TimeStamp is not a number")
    try:
        return str(cipher(account).decrypt(envelope["Encrypt"], account.appid))
    except InvalidAppIdException as exc:
        raise ValueError("the encrypted reply is for another appid") from exc
    except (binascii.Error, ValueError, IndexError) as exc:
        raise ValueError("the reply cannot be decrypted") from exc


def _envelope_violations(root: etree._Element, account: Account, asked: Asked) -> list[str]:
    found = []
    if root.findtext("ToUserName") != asked.openid:
        found.append("ToUserName is not the person's openid")
    if root.findtext("FromUserName") != account.gh_id:
        found.append("FromUserName is not the account's original id")
    if not (root.findtext("CreateTime") or "").isdigit():
        found.append("CreateTime is not a number of seconds")
    return found


def _text(root: etree._Element, asked: Asked) -> tuple[dict[str, Any], list[str]]:
    text = root.findtext("Content") or ""
    size = len(text.encode())
    faults = (
        [] if 0 < size <= _LONGEST_TEXT_BYTES else [f"Content has {size} bytes, 1 to {_LONGEST_TEXT_BYTES} are allowed"]
    )
    return {"segments": segments(text)}, faults


def _news(root: etree._Element, asked: Asked) -> tuple[dict[str, Any], list[str]]:
    items = root.findall("Articles/item")
    articles = [
        {
            "title": item.findtext("Title") or "",
            "description": item.findtext("Description") or "",
            "picture_url": item.findtext("PicUrl") or "",
            "url": item.findtext("Url") or "",
        }
        for item in items
    ]
    faults = [
        f"article {article['title']!r} has no title or no http(s) Url" for article in articles if not _is_card(article)
    ]
    most = 1 if asked.is_message else 8
    if root.findtext("ArticleCount") != str(len(items)):
        faults.append(f"ArticleCount is {root.findtext('ArticleCount')!r}, there are {len(items)} items")
    if not 1 <= len(items) <= most:
        faults.append(f"{len(items)} articles, 1 to {most} are allowed here")
    return {"articles": articles[:most]}, faults


def _is_card(article: dict[str, str]) -> bool:
    return bool(article["title"]) and article["url"].startswith(("http://", "https://"))


def _media(root: etree._Element, asked: Asked) -> tuple[dict[str, Any], list[str]]:
    kind = root.findtext("MsgType") or ""
    media_id = root.findtext(f"{_MEDIA[kind]}/MediaId") or ""
    return {"media_id": media_id}, [] if media_id else [f"{_MEDIA[kind]}/MediaId is missing"]


def _music(root: etree._Element, asked: Asked) -> tuple[dict[str, Any], list[str]]:
    url, title = root.findtext("Music/MusicUrl") or "", root.findtext("Music/Title") or ""
    return {"title": title, "url": url}, [] if root.findtext("Music/ThumbMediaId") else [
        "Music/ThumbMediaId is missing"
    ]


def _transfer(root: etree._Element, asked: Asked) -> tuple[dict[str, Any], list[str]]:
    return {"account": root.findtext("TransInfo/KfAccount") or ""}, []


_READERS = {
    "text": _text,
    "news": _news,
    "image": _media,
    "voice": _media,
    "video": _media,
    "music": _music,
    "transfer_customer_service": _transfer,
}
