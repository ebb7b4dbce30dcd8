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


def question(offer: Offer, action: str, replaces: Offer | None = None, recipient: str | None = None) -> Words:
    """What a yes would mean: offer, price, period, how to cancel. `recipient` is a masked number."""
    name_zh, name_en = offer.names.zh, offer.names.en
    cost_zh, cost_en = price(offer.price_fen, offer.period), price(offer.price_fen, offer.period, "en")
    rule_zh, rule_en = offer.cancel_rule.zh, offer.cancel_rule.en
    match action:
        case "unsubscribe":
            return {
                "zh": f"您要退订「{name_zh}」（{cost_zh}），退订后将不再扣费。",
                "en": f"Unsubscribe from {name_en} ({cost_en})?",
            }
        case "change":
            old_zh, old_en = ("", "") if replaces is None else (replaces.names.zh, replaces.names.en)
            return {
                "zh": f"您要把「{old_zh}」换成「{name_zh}」，资费{cost_zh}，原业务同时退订。{rule_zh}。",
                "en": f"Change from {old_en} to {name_en} at {cost_en}? {old_en} ends. {rule_en}.",
            }
        case "gift":
            return {
                "zh": f"您要给{recipient}赠送「{name_zh}」，资费{cost_zh}由您支付。对方24小时内可以拒绝。",
                "en": f"Give {name_en} to {recipient}? You pay {cost_en}. They can refuse within 24 hours.",
            }
        case "start_trial":
            days = 0 if offer.trial is None else offer.trial.days
            return {
                "zh": f"您要免费试用「{name_zh}」{days}天，到期自动结束，不扣费。",
                "en": f"Try {name_en} free for {days} days? It ends by itself and costs nothing.",
            }
        case "convert_trial":
            return {
                "zh": f"您要将试用的「{name_zh}」转为正式订购，资费{cost_zh}。{rule_zh}。",
                "en": f"Keep {name_en} after the trial at {cost_en}? {rule_en}.",
            }
        case "renew":
            return {
                "zh": f"您要续订「{name_zh}」，资费{cost_zh}。{rule_zh}。",
                "en": f"Renew {name_en} at {cost_en}? {rule_en}.",
            }
        case "book":
            return {
                "zh": f"您要预约办理「{name_zh}」，资费{cost_zh}，办妥后通知您。{rule_zh}。",
                "en": f"Book {name_en} at {cost_en}? You will hear when it is set up. {rule_en}.",
            }
        case _:
            return {
                "zh": f"您要订购「{name_zh}」，资费{cost_zh}。{rule_zh}。",
                "en": f"Order {name_en} at {cost_en}? {rule_en}.",
            }


_DROP = {"unsubscribe": "keep it", "change": "keep what you have"}


def confirmation(
    offer: Offer, action: str, minutes: int, replaces: Offer | None = None, recipient: str | None = None
) -> Words:
    """The text of the second confirmation: the question, how to answer it, and how long it stands."""
    asked = question(offer, action, replaces, recipient)
    return {
        "zh": f"{asked['zh']}回复“是”确认，“否”取消，{minutes}分钟内有效。",
        "en": f"{asked['en']} Reply YES to confirm or NO to {_DROP.get(action, 'drop it')}, within {minutes} minutes.",
    }


def by_link(asked: Words, minutes: int) -> Words:
    """The same question for a text message, which is answered behind the link that stands for `{link}`."""
    return {
        "zh": f"{asked['zh'][:200]}请在{minutes}分钟内打开链接确认或取消，不打开不会办理：{{link}}",
        "en": f"{asked['en'][:300]} Open the link within {minutes} minutes to say yes or no; nothing happens otherwise: {{link}}",
    }


def outcome(offer: Offer, action: str, state: str, reason: str = "") -> Words:
    """What the subscriber hears when an order ends."""
    zh, en = offer.names.zh, offer.names.en
    if state == "completed":
        return _completed(offer, action)
    if state == "expired":
        return {
            "zh": f"「{zh}」的确认已超时，未办理，未扣费。",
            "en": f"The confirmation of {en} ran out; nothing was charged.",
        }
    verb_zh, verb_en = ("退订", "Unsubscribing from") if action == "unsubscribe" else ("办理", "Ordering")
    why_zh, why_en = (f"原因：{reason}。", f" Reason: {reason}.") if reason else ("", "")
    return {
        "zh": f"「{zh}」{verb_zh}未成功。{why_zh}未扣费。",
        "en": f"{verb_en} {en} did not succeed.{why_en} Nothing was charged.",
    }


def _completed(offer: Offer, action: str) -> Words:
    zh, en = offer.names.zh, offer.names.en
    if action == "unsubscribe":
        return {"zh": f"「{zh}」已退订，不再扣费。", "en": f"{en} is unsubscribed; no more charges."}
    if action == "gift":
        return {"zh": f"您赠送的「{zh}」已开通。", "en": f"Your gift {en} is active."}
    if action == "start_trial":
        days = 0 if offer.trial is None else offer.trial.days
        return {
            "zh": f"「{zh}」试用已开通，{days}天内免费，到期自动结束。",
            "en": f"Your trial of {en} is active: free for {days} days, then it ends by itself.",
        }
    return {
        "zh": f"「{zh}」已开通，资费{price(offer.price_fen, offer.period)}。如需退订，回复“退订{zh}”。",
        "en": f"{en} is active at {price(offer.price_fen, offer.period, 'en')}. To stop it reply: unsubscribe {en}.",
    }


def given(offer: Offer, giver: str) -> Words:
    """What the one who receives a gift is told before it is carried out. `giver` is a masked number."""
    zh, en = offer.names.zh, offer.names.en
    return {
        "zh": f"{giver}送您「{zh}」，费用由对方支付。24小时后自动开通；不想要可以拒绝。",
        "en": f"{giver} gives you {en} and pays for it. It starts in 24 hours; you can refuse it.",
    }


def given_by_link(told: Words) -> Words:
    """The same for a text message: it is taken or refused behind the link that stands for `{link}`."""
    return {"zh": f"{told['zh']}接受或拒绝：{{link}}", "en": f"{told['en']} Take or refuse it: {{link}}"}


def received(offer: Offer) -> Words:
    """What the one who receives a gift is told when it is there."""
    return {
        "zh": f"收到的「{offer.names.zh}」已开通，您无需付费。",
        "en": f"Your gift {offer.names.en} is active. You pay nothing.",
    }


def not_taken_up(offer: Offer) -> Words:
    """What the giver is told of a gift that came to nothing, whatever the reason."""
    zh, en = offer.names.zh, offer.names.en
    return {"zh": f"您赠送的「{zh}」未被领取，未扣费。", "en": f"Your gift {en} was not taken up; nothing was charged."}


def trial_ended(offer: Offer) -> Words:
    """What the subscriber is told when a trial ended by itself."""
    zh, en = offer.names.zh, offer.names.en
    return {
        "zh": f"「{zh}」试用已结束，未扣费。想继续使用，回复“订{zh}”。",
        "en": f"Your trial of {en} has ended; nothing was charged. To have it, reply: order {en}.",
    }
