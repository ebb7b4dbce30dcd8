"""Ordering, the second confirmation, and what became of it all."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta, timezone

from bots import words
from bots.conversation import Intent, Reply
from bots.skills.binding import drop_binding, unbind_now
from bots.skills.offers import impression_of, pick
from bots.skills.skill import Skill
from bots.turn import Turn
from gateway.capabilities.orders import (
    ActionNotOffered,
    Attribution,
    ListOrders,
    ListSubscriptions,
    NotConfirmable,
    NotHeld,
    NotOrderable,
    Order,
    OrderAlreadyOpen,
    OrderPage,
    OrderRef,
    PlaceOrder,
    SubscriptionPage,
)
from gateway.capabilities.orders.schemas import Action
from gateway.capabilities.orders.words import confirmation
from gateway.errors import Forbidden

_CHINA = timezone(timedelta(hours=8), "Asia/Shanghai")
_LISTED = 5
_SAME_YES = 60
"""Seconds in which a further yes is taken for the same one, said twice."""


async def order(turn: Turn) -> Reply:
    """Take down an order of the offer that was named, and ask for the yes."""
    picked = pick(turn)
    return picked if isinstance(picked, Reply) else await _place(turn, picked, "subscribe")


async def order_this(turn: Turn) -> Reply:
    """Order the offer last spoken of."""
    return await order(turn)


async def leave(turn: Turn) -> Reply:
    """Unsubscribe one of the offers held; unnamed, show them."""
    number, text = turn.intent.number, turn.intent.words
    if number is not None and turn.state.held:
        if not 1 <= number <= len(turn.state.held):
            return turn.reply("no_such_number", "held", number=number)
        return await _place(turn, turn.state.held[number - 1], "unsubscribe")
    if not text:
        return await held(turn)
    holding: SubscriptionPage = await turn.ask("subscriptions.list_held", ListSubscriptions())
    codes = {item.offer for item in holding.items}
    meant = [offer.code for offer in turn.catalog.find(text) if offer.code in codes]
    if len(meant) == 1:
        return await _place(turn, meant[0], "unsubscribe")
    return _show_held(turn, holding) if meant else turn.reply("not_held", "held", words=text[:30])


async def held(turn: Turn) -> Reply:
    """The offers held, each to be unsubscribed by its number."""
    return _show_held(turn, await turn.ask("subscriptions.list_held", ListSubscriptions()))


async def yes(turn: Turn) -> Reply:
    """Yes to the open question, or else to an order that waits for it."""
    state = turn.state
    if state.asked == "unbind":
        return await unbind_now(turn)
    if state.order:
        return await _confirm(turn, state.order)
    if state.confirmed and int(turn.now.timestamp()) - state.confirmed_at < _SAME_YES:
        return Reply(state.confirmed)
    waiting = await _waiting(turn)
    if not waiting:
        return turn.reply("nothing_to_confirm", "recommend")
    return await _confirm(turn, waiting[0].id) if len(waiting) == 1 else _ask_which(turn, waiting, "which_yes")


async def agree(turn: Turn) -> Reply:
    """A casual yes: enough for the question just asked, not for one that was asked long ago or elsewhere."""
    state = turn.state
    if state.asked in ("unbind", "order"):
        return await yes(turn)
    if state.confirmed and int(turn.now.timestamp()) - state.confirmed_at < _SAME_YES:
        return Reply(state.confirmed)
    waiting = await _waiting(turn)
    if not waiting:
        return turn.reply("nothing_to_refuse", "recommend")
    return _ask_confirmation(turn, waiting[0]) if len(waiting) == 1 else _ask_which(turn, waiting, "which_yes")


async def no(turn: Turn) -> Reply:
    """No to the open question, or else to an order that waits."""
    state = turn.state
    if state.asked == "unbind":
        turn.remember(asked="")
        return turn.reply("unbind_dropped")
    if state.order:
        return await _cancel(turn, state.order)
    if state.step:
        return drop_binding(turn)
    waiting = await _waiting(turn)
    if not waiting:
        return turn.reply("nothing_to_refuse", "recommend")
    return await _cancel(turn, waiting[0].id) if len(waiting) == 1 else _ask_which(turn, waiting, "which_no")


async def which_yes(turn: Turn) -> Reply:
    """Confirm the order of the list that was asked about."""
    chosen = _listed(turn)
    return chosen if isinstance(chosen, Reply) else await _confirm(turn, chosen)


async def which_no(turn: Turn) -> Reply:
    """Cancel the order of the list that was asked about."""
    chosen = _listed(turn)
    return chosen if isinstance(chosen, Reply) else await _cancel(turn, chosen)


async def orders(turn: Turn) -> Reply:
    """The latest orders and where they stand."""
    page: OrderPage = await turn.ask("orders.list", ListOrders(limit=_LISTED))
    if not page.items:
        return turn.reply("no_orders", "recommend")
    turn.remember(listing="orders", orders=tuple(order.id for order in page.items), bound=True)
    return turn.reply("orders", list=_order_lines(turn, page.items))


async def order_status(turn: Turn) -> Reply:
    """Where one order of the list stands."""
    chosen = _listed(turn)
    if isinstance(chosen, Reply):
        return chosen
    order: Order = await turn.ask("orders.get", OrderRef(chosen))
    return turn.reply(
        "order_status", action=words.action_words(order.action, turn.locale), name=order.name,
        state=words.state_words(order.state, turn.locale), at=_at(order.updated_at),
    )  # fmt: skip


async def cancel_order(turn: Turn) -> Reply:
    """Give up an order that was not carried out yet."""
    if turn.intent.number is not None and turn.state.orders:
        chosen = _listed(turn)
        return chosen if isinstance(chosen, Reply) else await _cancel(turn, chosen)
    page: OrderPage = await turn.ask("orders.list", ListOrders(limit=20))
    open_ones = [order for order in page.items if order.state in ("awaiting_confirmation", "accepted")]
    if not open_ones:
        return turn.reply("nothing_to_cancel", "held")
    return await _cancel(turn, open_ones[0].id) if len(open_ones) == 1 else _ask_which(turn, open_ones, "which_no")


async def _place(turn: Turn, code: str, action: Action) -> Reply:
    # What is wished for by number now must still be the same once a phone number is bound.
    turn.intent = Intent("order" if action == "subscribe" else "leave", words=code)
    attribution = Attribution(impression=impression_of(turn, code) if action == "subscribe" else None)
    try:
        order: Order = await turn.ask(
            "orders.place", PlaceOrder(code, _fitting(turn, code, action), attribution=attribution)
        )
    except OrderAlreadyOpen as error:
        order = await turn.ask("orders.get", OrderRef(str(error.extra["order_id"])))
    except NotHeld:
        return turn.reply("not_held", "held", words=turn.name_of(code))
    except NotOrderable as error:
        return turn.reply("not_orderable", "recommend", why=error.words(turn.locale))
    turn.remember(topic=code, bound=True)
    if order.state == "awaiting_confirmation":
        return _ask_confirmation(turn, order)
    return turn.reply("leaving" if action == "unsubscribe" else "ordering", name=order.name)


def _fitting(turn: Turn, code: str, action: Action) -> Action:
    """What ordering means for an offer that can only be booked."""
    offer = turn.catalog.by_code.get(code)
    return "book" if action == "subscribe" and offer is not None and offer.bookable else action


def _ask_confirmation(turn: Turn, order: Order) -> Reply:
    turn.remember(asked="order", order=order.id, confirmed="", wish=None)
    offer = turn.catalog.by_code[order.offer]
    left = (order.confirm_by or turn.now) - turn.now
    replaces = None if order.replaces is None else turn.catalog.by_code.get(order.replaces)
    minutes = max(1, round(left.total_seconds() / 60))
    texts = confirmation(offer, order.action, minutes, replaces, order.recipient)
    return Reply(texts["en" if words.is_english(turn.locale) else "zh"], turn.choices("yes", "no"))


async def _confirm(turn: Turn, order_id: str) -> Reply:
    turn.remember(asked="", order="", listing="")
    try:
        order: Order = await turn.ask("orders.confirm", OrderRef(order_id))
    except (ActionNotOffered, NotConfirmable, NotOrderable) as error:
        return turn.reply("not_confirmable", "recommend", why=error.words(turn.locale))
    reply = turn.reply("leaving" if order.action == "unsubscribe" else "ordering", name=order.name)
    turn.remember(confirmed=reply.text, confirmed_at=int(turn.now.timestamp()), bound=True)
    return reply


async def _cancel(turn: Turn, order_id: str) -> Reply:
    turn.remember(asked="", order="", listing="")
    order: Order = await turn.ask("orders.cancel", OrderRef(order_id))
    return turn.reply("kept" if order.action == "unsubscribe" else "cancelled", name=order.name)


async def _waiting(turn: Turn) -> list[Order]:
    """Orders that wait for this person's yes, newest first: such as a partner pushed."""
    try:
        page: OrderPage = await turn.ask("orders.list", ListOrders("awaiting_confirmation", limit=_LISTED))
    except Forbidden:  # nobody is bound, so nothing waits
        return []
    return [order for order in page.items if order.confirm_by is None or order.confirm_by >= turn.now]


def _ask_which(turn: Turn, orders: Sequence[Order], question: str) -> Reply:
    turn.remember(asked=question, order="", orders=tuple(order.id for order in orders))
    return turn.reply(question, list=_order_lines(turn, orders))


def _listed(turn: Turn) -> str | Reply:
    number, listed = turn.intent.number or 0, turn.state.orders
    return listed[number - 1] if 1 <= number <= len(listed) else turn.reply("no_such_number", "orders", number=number)


def _order_lines(turn: Turn, orders: Sequence[Order]) -> str:
    return "\n".join(
        turn.say(
            "order_line", number=number, action=words.action_words(order.action, turn.locale), name=order.name,
            state=words.state_words(order.state, turn.locale), at=_at(order.created_at),
        )
        for number, order in enumerate(orders, 1)
    )  # fmt: skip


def _show_held(turn: Turn, holding: SubscriptionPage) -> Reply:
    items = holding.items[:10]
    if not items:
        turn.remember(bound=True)
        return turn.reply("held_none", "recommend")
    turn.remember(listing="held", held=tuple(item.offer for item in items), bound=True)
    lines = [turn.line(number, item.name, item.price_fen, item.period) for number, item in enumerate(items, 1)]
    return turn.reply("held", list="\n".join(lines))


def _at(moment: datetime) -> str:
    return f"{moment.astimezone(_CHINA):%m-%d %H:%M}" if moment.tzinfo else f"{moment.replace(tzinfo=UTC):%m-%d %H:%M}"


SKILLS: dict[str, Skill] = {
    "order": order,
    "order_this": order_this,
    "leave": leave,
    "held": held,
    "yes": yes,
    "agree": agree,
    "no": no,
    "which_yes": which_yes,
    "which_no": which_no,
    "orders": orders,
    "order_status": order_status,
    "cancel_order": cancel_order,
}
