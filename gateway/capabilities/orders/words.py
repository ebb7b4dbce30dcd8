"""What people are told about their orders, in two languages. Pure."""

from __future__ import annotations

from gateway.capabilities.offers import Offer

_PERIODS = {"month": ("月", "month"), "once": ("次", "one-off"), "day": ("天", "day")}

Words = dict[str, str]


def price(price_fen: int, period: str, locale: str = "zh-CN") -> str:
    """A price in words: 10元/月, ¥10/month."""
    yuan = f"{price_fen / 100:.2f}".rstrip("0").rstrip(".")
    zh, en = _PERIODS[period]
    return f"¥{yuan}/{en}" if locale.startswith("en") else f"{yuan}元/{zh}"


def confirmation(offer: Offer, action: str, minutes: int) -> Words:
    """The text of the second confirmation: offer, price, period, how to cancel, and how long the question stands."""
    if action == "unsubscribe":
        return {
            "zh": f"您要退订「{offer.names.zh}」（{price(offer.price_fen, offer.period)}），退订后将不再扣费。"
            f"回复“是”确认，“否”取消，{minutes}分钟内有效。",
            "en": f"Unsubscribe from {offer.names.en} ({price(offer.price_fen, offer.period, 'en')})? "
            f"Reply YES to confirm or NO to keep it, within {minutes} minutes.",
        }
    return {
        "zh": f"您要订购「{offer.names.zh}」，资费{price(offer.price_fen, offer.period)}。{offer.cancel_rule.zh}。"
        f"回复“是”确认，“否”取消，{minutes}分钟内有效。",
        "en": f"Order {offer.names.en} at {price(offer.price_fen, offer.period, 'en')}? {offer.cancel_rule.en}. "
        f"Reply YES to confirm or NO to drop it, within {minutes} minutes.",
    }


def outcome(offer: Offer, action: str, state: str, reason: str = "") -> Words:
    """What the subscriber hears when an order ends."""
    zh, en = offer.names.zh, offer.names.en
    verb_zh, verb_en = ("退订", "Unsubscribing from") if action == "unsubscribe" else ("办理", "Ordering")
    if state == "completed":
        if action == "unsubscribe":
            return {"zh": f"「{zh}」已退订，不再扣费。", "en": f"{en} is unsubscribed; no more charges."}
        how_zh = f"「{zh}」已开通，资费{price(offer.price_fen, offer.period)}。如需退订，回复“退订{zh}”。"
        how_en = f"{en} is active at {price(offer.price_fen, offer.period, 'en')}. To stop it reply: unsubscribe {en}."
        return {"zh": how_zh, "en": how_en}
    if state == "expired":
        return {
            "zh": f"「{zh}」的确认已超时，未办理，未扣费。",
            "en": f"The confirmation of {en} ran out; nothing was charged.",
        }
    why_zh, why_en = (f"原因：{reason}。", f" Reason: {reason}.") if reason else ("", "")
    return {
        "zh": f"「{zh}」{verb_zh}未成功。{why_zh}未扣费。",
        "en": f"{verb_en} {en} did not succeed.{why_en} Nothing was charged.",
    }
