"""What each action asks of its subscriber and its offer, and where the subscriber's yes takes it."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import NamedTuple

import msgspec

from auth.phone_number import NotAPhoneNumber, PhoneVault, is_sandbox_number, mask, normalise
from gateway.capabilities.bindings import PhoneNumberInvalid
from gateway.capabilities.offers import LiveCatalog, Offer, why_not
from gateway.capabilities.orders.errors import (
    ActionNotOffered,
    NotHeld,
    NotOrderable,
    OfferUnknown,
    TermNotOver,
    TooManyGifts,
)
from gateway.capabilities.orders.repository import Held
from gateway.capabilities.orders.schemas import PlaceOrder
from gateway.capabilities.orders.states import OrderState
from gateway.capabilities.subscribers import facts_of
from gateway.capability import Context
from gateway.errors import MalformedRequest

GIFTS_PER_DAY = 3
"""Gifts one subscriber may begin in 24 hours, to whomever: who tries numbers out does not get far."""
GIFT_REFUSABLE_FOR = timedelta(hours=24)
"""How long the one who receives a gift may refuse it before it is carried out."""

_DAY = timedelta(hours=24)
_ALWAYS_ASKED = frozenset({"unsubscribe", "change", "gift"})
_WHY_NOT_OFFERED = {
    "no_trial": {"zh": "该商品不提供试用", "en": "there is no trial of this offer"},
    "trial_used": {"zh": "每人只能试用一次", "en": "it was tried before; there is one trial for each subscriber"},
    "not_in_trial": {"zh": "没有进行中的试用", "en": "no trial of this offer is going on"},
    "not_renewable": {"zh": "包月业务自动续订", "en": "what is paid monthly renews itself"},
    "book_only": {"zh": "该商品只能预约办理", "en": "this offer can only be booked (action book)"},
    "not_bookable": {"zh": "该商品可以直接办理，无需预约", "en": "this offer needs no booking; subscribe to it"},
}


class Recipient(NamedTuple):
    """Whom a gift is for, as far as it is known."""

    subscriber_id: int | None
    """None: the number is no subscriber's. Nobody is told so."""
    phone: str
    """Masked."""


class Found(NamedTuple):
    """What a decision needs to know of the subscriber and this one offer, besides the subject."""

    open_order: str | None = None
    """The order under way that stands in the way: for the offer and action, or one that changes what this one does."""
    held: Held | None = None
    """The subscription to the offer in force; looked for where something is to end or to go on."""
    same_ref: str | None = None
    """The partner's order that its own number names already."""
    replaced: Held | None = None
    """The subscription that a change gives up."""
    tried_before: bool = False
    """Whether the subscriber ever had a trial of the offer."""
    recipient: Recipient | None = None
    """Whom a gift is for."""
    gifts: tuple[datetime, ...] = ()
    """When the subscriber began gifts in the last day."""
    stopped: bool = False
    """Whether the ordering of the partner that the order comes through was stopped."""
    number_held: bool = False
    """Whether the subscriber's number is on the grey list."""


def offer_of(code: str, ctx: Context) -> Offer:
    """The offer of that code.

    Raises:
        OfferUnknown: there is none.
    """
    offer = ctx.part(LiveCatalog).current.by_code.get(code)
    if offer is None:
        raise OfferUnknown({"zh": f"没有编码为 {code} 的商品", "en": f"no offer {code}"})
    return offer


def phone_of(request: PlaceOrder, ctx: Context) -> tuple[bytes, str] | None:
    """(hash, masked) of the number that a gift goes to; None where the request names none.

    Raises:
        PhoneNumberInvalid: it is not a mobile number.
    """
    if request.recipient is None:
        return None
    try:
        in_sandbox = ctx.sandbox is not None and is_sandbox_number(request.recipient)
        phone = request.recipient if in_sandbox else normalise(request.recipient)
    except NotAPhoneNumber as error:
        raise PhoneNumberInvalid from error
    return ctx.part(PhoneVault).digest(phone), mask(phone)


def refuse_wrong_form(request: PlaceOrder) -> None:
    """Refuse a request whose fields do not fit its action."""
    for field, value, action in (
        ("replaces", request.replaces, "change"), ("recipient", request.recipient, "gift"),
    ):  # fmt: skip
        if (value is None) == (request.action == action):
            raise MalformedRequest(
                {"zh": f"{field} 用于且仅用于 {action}", "en": f"{field} belongs to action {action}, and to no other"}
            )


def refuse_impossible(request: PlaceOrder, offer: Offer, found: Found, ctx: Context) -> None:
    """Return if the subscriber may do this with the offer; or raise one of the errors `orders.place` declares."""
    if offer.bookable and request.action not in ("book", "unsubscribe"):
        raise _not_offered("book_only")
    match request.action:
        case "subscribe":
            refuse_ineligible(offer, ctx)
        case "unsubscribe":
            _refuse_unsubscribable(offer, found.held, ctx)
        case "change":
            _refuse_unsubscribable(offer_of(request.replaces or "", ctx), found.replaced, ctx)
            refuse_ineligible(offer, ctx, giving_up=request.replaces)
        case "gift":
            _refuse_gift(offer, found, ctx)
        case "start_trial":
            _refuse_trial(offer, found)
            refuse_ineligible(offer, ctx)
        case "convert_trial":
            refuse_outside_trial(found.held, ctx)
        case "renew":
            if found.held is None:
                raise NotHeld
            if offer.period == "month":
                raise _not_offered("not_renewable")
        case "book":
            if not offer.bookable:
                raise _not_offered("not_bookable")
            refuse_ineligible(offer, ctx)


def refuse_ineligible(offer: Offer, ctx: Context, *, besides: str | None = None, giving_up: str | None = None) -> None:
    """Refuse what the rules forbid.

    `besides` is the offer of the order being decided on, which must not stand in its own way; `giving_up` is what a
    change ends.
    """
    facts = facts_of(ctx.subscriber)
    if besides is not None or giving_up is not None:
        held, others = facts.held - {giving_up}, facts.open_orders - {besides, giving_up}
        facts = msgspec.structs.replace(facts, held=held, open_orders=others)
    refusal = why_not(offer, facts, ctx.now)
    if refusal is not None:
        raise NotOrderable(
            {"zh": refusal.words.zh, "en": refusal.words.en}, reason=refusal.reason, evidence=[*refusal.evidence]
        )
    if clashing := facts.open_orders.intersection(offer.eligibility.excludes):
        raise NotOrderable(
            {"zh": "与办理中的另一项业务不能同时使用", "en": "it cannot be combined with an order under way"},
            reason="excluded_by", evidence=sorted(clashing),
        )  # fmt: skip


def refuse_outside_trial(held: Held | None, ctx: Context) -> None:
    """Refuse to convert what is not being tried at the moment."""
    if held is None or held.trial_ends_at is None or held.trial_ends_at <= ctx.now:
        raise _not_offered("not_in_trial")


def waits_for_yes(request: PlaceOrder, offer: Offer, ctx: Context) -> bool:
    """Whether the subscriber must say yes first."""
    by_partner = ctx.principal.kind == "partner"
    return by_partner or request.action in _ALWAYS_ASKED or price_of(offer, request.action) > 0


def price_of(offer: Offer, action: str) -> int:
    """What a period costs under the action, fen."""
    return 0 if action == "start_trial" else offer.price_fen


def after_yes(action: str) -> OrderState:
    """Where an order goes when nothing is left to confirm."""
    if action == "gift":
        return OrderState.AWAITING_RECIPIENT
    return OrderState.BOOKED if action == "book" else OrderState.ACCEPTED


def _refuse_unsubscribable(offer: Offer, held: Held | None, ctx: Context) -> None:
    if held is None:
        raise NotHeld
    free_at = held.started_at + timedelta(days=offer.cancel_rule.min_term_days)
    if held.trial_ends_at is None and free_at > ctx.now:
        raise TermNotOver(
            {"zh": f"{free_at.date()} 起可以退订", "en": f"can be unsubscribed from {free_at.date()}"},
            from_date=free_at.date().isoformat(),
        )


def _refuse_trial(offer: Offer, found: Found) -> None:
    if offer.trial is None:
        raise _not_offered("no_trial")
    if found.tried_before:
        raise _not_offered("trial_used")


def _refuse_gift(offer: Offer, found: Found, ctx: Context) -> None:
    # Whether the other number is a subscriber's, and may have the offer, must not be learned from this answer.
    if not offer.on_sale_at(ctx.now):
        raise NotOrderable(
            {"zh": "这项业务目前不办理", "en": "this offer is not on sale now"}, reason="not_on_sale", evidence=[]
        )
    if found.recipient is not None and found.recipient.subscriber_id == ctx.subscriber.id:
        raise MalformedRequest({"zh": "赠送的对象应是其他号码", "en": "a gift goes to another number than one's own"})
    if len(found.gifts) >= GIFTS_PER_DAY:
        wait = min(found.gifts) + _DAY - ctx.now
        raise TooManyGifts(retry_after=max(1, round(wait.total_seconds())))


def _not_offered(reason: str) -> ActionNotOffered:
    return ActionNotOffered(_WHY_NOT_OFFERED[reason], reason=reason)
