"""Recommending, describing and finding offers."""

from __future__ import annotations

from collections.abc import Sequence

from bots.conversation import Reply, Shown
from bots.skills.skill import Skill
from bots.turn import Turn
from gateway.capabilities.offers import Offer
from gateway.capabilities.offers.schemas import Allowance
from gateway.capabilities.offers.views import GetOffer, OfferView
from gateway.capabilities.recommendations.schemas import GiveFeedback, ListRecommendations, RecommendationList

_THREE = ListRecommendations("chat", 3)
_ORDERS = tuple([f"order:{number}" for number in range(1, 6)])
_SAYS_LITTLE = frozenset({"popular", "available"})


async def recommend(turn: Turn) -> Reply:
    """Three offers with price and reason."""
    found: RecommendationList = await turn.ask("recommendations.list", _THREE)
    items = found.items
    if not items:
        return turn.reply("nothing_to_recommend")
    turn.remember(
        listing="offers",
        shown=tuple([Shown(item.offer, item.impression) for item in items]),
        topic=items[0].offer if len(items) == 1 else "",
    )
    lines = [
        f"{turn.line(number, item.name, item.price_fen, item.period)}\n   {item.reason.words}"
        for number, item in enumerate(items, 1)
    ]
    knows_them = turn.state.bound or any(item.reason.code not in _SAYS_LITTLE for item in items)
    return turn.reply("recommended" if knows_them else "popular", *_ORDERS[: len(items)], list="\n".join(lines))


async def show_found(turn: Turn, found: Sequence[Offer]) -> Reply:
    """The one offer that was meant, or the list to choose from."""
    if len(found) == 1:
        return await _describe(turn, found[0].code)
    return ask_which(turn, found)


def ask_which(turn: Turn, found: Sequence[Offer]) -> Reply:
    """Number the offers that a word may mean."""
    turn.remember(listing="offers", shown=tuple(Shown(offer.code) for offer in found), topic="")
    return turn.reply("several", *_ORDERS[: len(found)], list=_lines(turn, found))


async def details(turn: Turn) -> Reply:
    """What an offer holds, costs and how it ends."""
    code_or_reply = pick(turn)
    return code_or_reply if isinstance(code_or_reply, Reply) else await _describe(turn, code_or_reply)


async def price(turn: Turn) -> Reply:
    """What the offer meant costs, or all of the list."""
    names_none = turn.intent.number is None and not turn.intent.words
    if names_none and not turn.state.topic and turn.state.shown:
        known = turn.catalog.by_code
        return Reply(_lines(turn, [known[shown.offer] for shown in turn.state.shown if shown.offer in known]))
    picked = pick(turn)
    if isinstance(picked, Reply):
        return picked
    offer = turn.catalog.by_code[picked]
    turn.remember(topic=picked)
    return turn.reply(
        "price_of", "order_this", name=offer.names.to(turn.locale), price=turn.price(offer.price_fen, offer.period)
    )


async def decline(turn: Turn) -> Reply:
    """Not interested: it stays away for a while, on every channel."""
    if turn.intent.number is None and not turn.intent.words and not turn.state.topic:
        return turn.reply("decline_which")
    picked = pick(turn)
    if isinstance(picked, Reply):
        return picked
    await turn.ask("recommendations.feedback", GiveFeedback("declined", picked, impression_of(turn, picked), "chat"))
    return turn.reply("declined", "recommend", name=turn.name_of(picked))


def pick(turn: Turn) -> str | Reply:
    """The code of the offer that the intent names by number, by words or as "this one"; else the answer to give."""
    number, text, shown = turn.intent.number, turn.intent.words, turn.state.shown
    if number is not None:
        if not shown:
            return turn.reply("which_offer", "recommend")
        if not 1 <= number <= len(shown):
            return turn.reply("no_such_number", "recommend", number=number)
        return _if_known(turn, shown[number - 1].offer)
    if not text:
        topic = turn.state.topic or (shown[0].offer if len(shown) == 1 else "")
        return _if_known(turn, topic) if topic else turn.reply("which_offer", "recommend")
    found = turn.on_sale(text)
    if not found:
        return turn.reply("no_such_offer", "recommend", words=text[:30])
    return found[0].code if len(found) == 1 else ask_which(turn, found)


def impression_of(turn: Turn, code: str) -> str | None:
    """The impression under which the offer was last shown in this conversation."""
    return next((shown.impression for shown in turn.state.shown if shown.offer == code), None)


def _if_known(turn: Turn, code: str) -> str | Reply:
    return code if code in turn.catalog.by_code else turn.reply("no_such_offer", "recommend", words=code)


async def _describe(turn: Turn, code: str) -> Reply:
    offer: OfferView = await turn.ask("offers.get", GetOffer(code))
    turn.remember(topic=code)
    text = turn.say(
        "details", name=offer.name, price=turn.price(offer.price_fen, offer.period), description=offer.description,
        allowance=_allowance(turn, offer.allowance), how=offer.how_to_cancel,
    )  # fmt: skip
    if offer.trial_days is not None:
        text += turn.say("trial", days=offer.trial_days)
    return Reply(text + turn.say("details_order"), turn.choices("order_this"))


def _allowance(turn: Turn, allowance: Allowance) -> str:
    parts = []
    if allowance.traffic_mb:
        gigabytes = f"{allowance.traffic_mb / 1024:g}GB"
        parts.append(
            turn.say("traffic", amount=gigabytes if allowance.traffic_mb >= 1024 else f"{allowance.traffic_mb}MB")
        )
    if allowance.sms:
        parts.append(turn.say("sms", amount=allowance.sms))
    if allowance.minutes:
        parts.append(turn.say("minutes", amount=allowance.minutes))
    comma = ", " if turn.locale.startswith("en") else "、"
    return turn.say("allowance", parts=comma.join(parts)) if parts else ""


def _lines(turn: Turn, offers: Sequence[Offer]) -> str:
    return "\n".join(
        turn.line(number, offer.names.to(turn.locale), offer.price_fen, offer.period)
        for number, offer in enumerate(offers, 1)
    )


SKILLS: dict[str, Skill] = {"recommend": recommend, "details": details, "price": price, "decline": decline}
