"""Orders and subscriptions as their subscriber or partner sees them."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import msgspec

from auth.principal import partner_of
from gateway.capabilities.offers import LiveCatalog
from gateway.capabilities.orders.repository import Held, StoredOrder
from gateway.capabilities.orders.schemas import Attribution, Gift, Order, Remarks, Subscription, Transition
from gateway.capabilities.orders.states import OrderState
from gateway.capability import Context


def order_view(order: StoredOrder, ctx: Context, history: Sequence[Transition] = ()) -> Order:
    """The order in the caller's language."""
    partner_id = ctx.principal.id if ctx.principal.kind == "partner" else None
    return told(order, ctx.part(LiveCatalog), ctx.locale, partner_id, history)


def told(
    order: StoredOrder, catalog: LiveCatalog, locale: str, partner_id: str | None, history: Sequence[Transition] = ()
) -> Order:
    """The order in a language; `partner_id`: the partner whom it is told to, None where it is somebody else."""
    return Order(
        id=order.id,
        offer=order.offer_code,
        name=_name(order.offer_code, catalog, locale),
        action=order.action,
        price_fen=order.price_fen,
        period=order.period,
        state=str(order.state),
        channel=order.channel,
        created_at=order.created_at,
        updated_at=order.updated_at,
        confirm_by=order.confirm_by if order.state == OrderState.AWAITING_CONFIRMATION else None,
        user=_user_of(order, partner_id),
        partner_ref=order.partner_ref,
        attribution=_attribution(order.attribution),
        replaces=order.replaces,
        recipient=order.recipient,
        together=order.together,
        remarks=Remarks() if order.remarks is None else msgspec.json.decode(order.remarks, type=Remarks),
        cancel_reason=order.cancel_reason,
        version=order.transitions,
        sandbox=order.sandbox,
        history=[*history],
    )


def gift_view(order: StoredOrder, ctx: Context) -> Gift:
    """A gift in the language of the one who receives it."""
    waits = order.state is OrderState.AWAITING_RECIPIENT
    refuse_by = order.confirm_by if waits else None
    return Gift(
        order.id,
        order.offer_code,
        _name(order.offer_code, ctx.part(LiveCatalog), ctx.locale),
        str(order.state),
        refuse_by,
        order.transitions,
    )


def subscription_view(held: Held, ctx: Context) -> Subscription:
    """What is held, in the caller's language."""
    return held_as(held, ctx.part(LiveCatalog), ctx.locale)


def held_as(held: Held, catalog: LiveCatalog, locale: str) -> Subscription:
    """What is held, in a language."""
    offer = catalog.current.by_code.get(held.offer_code)
    if offer is None:
        return Subscription(held.id, held.offer_code, held.offer_code, 0, "month", held.started_at, "")
    how = offer.cancel_rule.en if locale.startswith("en") else offer.cancel_rule.zh
    return Subscription(
        held.id, offer.code, offer.names.to(locale), offer.price_fen, offer.period, held.started_at, how,
        held.trial_ends_at,
    )  # fmt: skip


@lru_cache(maxsize=256)
def _attribution(text: str) -> Attribution:
    return msgspec.json.decode(text, type=Attribution)


def _user_of(order: StoredOrder, partner_id: str | None) -> str | None:
    if partner_id is None or partner_of(order.account) != partner_id:
        return None
    return order.account.split(":", 2)[2]


def _name(code: str, catalog: LiveCatalog, locale: str) -> str:
    offer = catalog.current.by_code.get(code)
    return code if offer is None else offer.names.to(locale)
