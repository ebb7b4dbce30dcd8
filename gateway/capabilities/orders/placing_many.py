"""`orders.place` for thousands of requests, decided one after another on facts read at once."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import get_args

from sqlalchemy import Connection

from gateway.capabilities.bindings import PhoneNumberInvalid
from gateway.capabilities.greylist import list_held
from gateway.capabilities.orders.actions import Found, Recipient, phone_of
from gateway.capabilities.orders.placing import left_by, take_down
from gateway.capabilities.orders.repository import (
    Held,
    StoredOrder,
    list_all_gift_times,
    list_all_held,
    list_all_open,
    list_all_tried,
    list_recipients,
    used_refs,
)
from gateway.capabilities.orders.schemas import Action, Order, PlaceOrder
from gateway.capabilities.orders.views import order_view
from gateway.capabilities.partners import standing_of
from gateway.capability import Context

_ACTIONS: tuple[str, ...] = get_args(Action)


@dataclass(slots=True)
class PlaceMany:
    """Decides like `orders.place`; each order counts among the facts of the next."""

    open_orders: dict[tuple[int, str, str], str]
    """(subscriber, offer, action) → the order under way; a change is of both its offers."""
    held: dict[tuple[int, str], Held]
    tried: set[tuple[int, str]]
    refs: dict[str, str]
    """The partner's own number → the order that uses it up."""
    gifts: dict[int, tuple[datetime, ...]]
    recipients: dict[tuple[bytes, str | None], int]
    stopped: bool
    """Whether the partner's ordering is."""
    held_numbers: Collection[int]
    """The subscribers whose numbers are on the grey list."""

    @classmethod
    def read(
        cls, connection: Connection, subscribers: Collection[int], requests: Sequence[PlaceOrder], ctx: Context
    ) -> PlaceMany:
        """With the facts for a partner's requests about these subscribers."""
        refs = {request.partner_ref for request in requests if request.partner_ref is not None}
        phones = {phone for request in requests if (phone := _phone_hash(request, ctx)) is not None}
        day_ago = ctx.now - timedelta(hours=24)
        return cls(
            list_all_open(connection, subscribers),
            list_all_held(connection, subscribers),
            list_all_tried(connection, subscribers),
            used_refs(connection, ctx.principal.id, refs) if refs else {},
            list_all_gift_times(connection, subscribers, day_ago) if phones else {},
            list_recipients(connection, phones) if phones else {},
            standing_of(connection, ctx.principal.id) == "stopped",
            list_held(connection, subscribers, ctx.now),
        )

    def __call__(self, request: PlaceOrder, ctx: Context) -> Order:
        subject, ref = ctx.subscriber, request.partner_ref
        found = Found(
            self._in_the_way(request, subject.id),
            self.held.get((subject.id, request.offer)),
            None if ref is None else self.refs.get(ref),
            None if request.replaces is None else self.held.get((subject.id, request.replaces)),
            (subject.id, request.offer) in self.tried,
            self._recipient(request, ctx),
            self.gifts.get(subject.id, ()),
            self.stopped,
            subject.id in self.held_numbers,
        )
        order = take_down(request, found, ctx)
        self._count_in(order)
        ctx.subject = left_by(order, subject)
        return order_view(order, ctx)

    def _in_the_way(self, request: PlaceOrder, subscriber: int) -> str | None:
        """The order under way that does the same, or changes one of the same offers (`repository.get_open`)."""
        same = self.open_orders.get((subscriber, request.offer, request.action))
        if request.action == "gift":
            return same
        if request.action != "change":
            return same or self.open_orders.get((subscriber, request.offer, "change"))
        codes = (request.offer, request.replaces or request.offer)
        touching = (
            self.open_orders.get((subscriber, code, did)) for code in codes for did in _ACTIONS if did != "gift"
        )
        return min((order for order in touching if order is not None), default=None)

    def _recipient(self, request: PlaceOrder, ctx: Context) -> Recipient | None:
        if request.action != "gift" or (phone := phone_of(request, ctx)) is None:
            return None
        return Recipient(self.recipients.get((phone[0], ctx.subscriber.identity.sandbox)), phone[1])

    def _count_in(self, order: StoredOrder) -> None:
        """Make the order one of the facts."""
        self.open_orders[order.subscriber_id, order.offer_code, order.action] = order.id
        if order.replaces is not None:
            self.open_orders[order.subscriber_id, order.replaces, order.action] = order.id
        if order.partner_ref is not None:
            self.refs[order.partner_ref] = order.id
        if order.action == "gift":
            self.gifts[order.subscriber_id] = (*self.gifts.get(order.subscriber_id, ()), order.created_at)


def _phone_hash(request: PlaceOrder, ctx: Context) -> bytes | None:
    with suppress(PhoneNumberInvalid):
        phone = phone_of(request, ctx)
        return None if phone is None else phone[0]
    return None
