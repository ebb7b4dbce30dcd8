"""Why an offer is recommended, in words made of evidence; nothing is said that was not counted."""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

from gateway.capabilities.offers import Bilingual, Catalog
from gateway.capabilities.recommendations.items import TRAFFIC_USED

ReasonCode = Literal[
    "uses_service",
    "likes_content",
    "holds_offer",
    "allowance_used",
    "same_brand",
    "same_province",
    "viewing",
    "popular",
    "available",
]

_TELLING_SHARE = 0.10
_LONGEST_NAME = 8


class Reason(Struct, frozen=True):
    """Why an offer is recommended.

    Attributes:
        code: stable code, never renamed.
        item: the item it rests on; empty for ``popular`` and ``available``.
        share: part of those having the item who have the offer, 0..1; for ``popular``, part of all subscribers.
        lift: that share over the share among all subscribers.
        percent: used part of the allowance, percent; only for ``allowance_used``.
    """

    code: ReasonCode
    item: str = ""
    share: float = 0.0
    lift: float = 1.0
    percent: int = 0


_CODE_OF_PREFIX: dict[str, ReasonCode] = {
    "service": "uses_service",
    "content": "likes_content",
    "brand": "same_brand",
    "province": "same_province",
}


def code_of(item: str) -> ReasonCode:
    """The reason that an item of the subscriber's own gives."""
    if item == TRAFFIC_USED:
        return "allowance_used"
    prefix, colon, _ = item.partition(":")
    return _CODE_OF_PREFIX.get(prefix, "likes_content") if colon else "holds_offer"


def words(reason: Reason, catalog: Catalog) -> Bilingual:
    """The reason for people: at most 30 Chinese characters, and the same in English."""
    name = _name(reason.item, catalog)
    zh, en = _count(reason)
    match reason.code:
        case "uses_service":
            users = _users(reason.item, catalog)
            return Bilingual(f"您在用{name.zh}服务，{users.zh}里{zh}", f"You use {name.en}: {en} of {users.en} have it")
        case "viewing":
            return Bilingual(
                f"您正在看{name.zh}，用户里{zh}", f"You are looking at {name.en}: {en} of its users have it"
            )
        case "likes_content":
            return Bilingual(f"您喜欢{name.zh}，同好里{zh}", f"You like {name.en}: {en} of those who do have it")
        case "holds_offer":
            return Bilingual(f"您订了{name.zh}，同订者里{zh}", f"You have {name.en}: {en} of its holders have it")
        case "allowance_used":
            return Bilingual(
                f"您本月流量已用 {reason.percent}%", f"You have used {reason.percent}% of this month's data"
            )
        case "same_brand":
            return Bilingual(f"{name.zh}用户里{zh}", f"Among {name.en} subscribers {en} have it")
        case "same_province":
            return Bilingual(f"同省用户里{zh}", f"In your province {en} have it")
        case "popular":
            return Bilingual("大家都在订", "Popular with everyone")
        case "available":
            return Bilingual("您现在就可以订", "You can order it now")


def _count(reason: Reason) -> tuple[str, str]:
    """The evidence as a share when that is telling, else as how many times the usual share."""
    if reason.share >= _TELLING_SHARE:
        return f" {reason.share:.0%} 也订了它", f"{reason.share:.0%}"
    times = f"{reason.lift:.0f}" if reason.lift >= 10 else f"{reason.lift:.1f}"
    return f"订它的是平均的 {times} 倍", f"{times} times the usual share"


def _name(item: str, catalog: Catalog) -> Bilingual:
    """What an item is called, shortened to fit a sentence; its own code where the catalog has no name for it."""
    prefix, _, code = item.rpartition(":")
    if not prefix and (offer := catalog.by_code.get(code)):
        return _short(offer.names)
    if prefix == "service" and (service := catalog.services.get(code)):
        return _short(service.names)
    if prefix == "brand" and (brand := catalog.brands.get(code)):
        return _short(brand.names)
    if prefix == "content":
        where, _, what = code.partition("/")
        contents = catalog.services[where].contents if where in catalog.services else ()
        named = next((content.names for content in contents if content.code == what), None)
        return _short(named or Bilingual(what, what))
    return _short(Bilingual(code, code))


def _short(names: Bilingual) -> Bilingual:
    if len(names.zh) <= _LONGEST_NAME:
        return names
    return Bilingual(names.zh[: _LONGEST_NAME - 1] + "…", names.en)


def _users(item: str, catalog: Catalog) -> Bilingual:
    service = catalog.services.get(item.partition(":")[2])
    return service.users if service else Bilingual("用户", "users")
