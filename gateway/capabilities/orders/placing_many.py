"""`orders.place` for thousands of requests, decided one after another on facts read at once."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

import msgspec
from sqlalchemy import Connection

from gateway.capabilities.greylist import list_held
from gateway.capabilities.orders.actions import Found
from gateway.capabilities.orders.placing import take_down
from gateway.capabilities.orders.repository import Held, list_all_held, list_all_open, list_all_tried, used_refs
from gateway.capabilities.orders.schemas import Order, PlaceOrder
from gateway.capabilities.orders.views import order_view
from gateway.capabilities.partners import standing_of
from gateway.capability import Context
from gateway.invoke import ReadFacts


class PlaceMany:
    """Decides like `orders.place`; each order counts among the facts of the next.

    Changes and gifts name a second offer or a number, for which the requests decided here have no place.
    """

    def __init__(
        self,
        open_orders: dict[tuple[int, str, str], str],
        held: dict[tuple[int, str], Held],
        tried: set[tuple[int, str]],
        refs: dict[str, str],
        *,
        stopped: bool,
        held_numbers: Collection[int],
    ) -> None:
        """`refs`: the partner's own number → the order that uses it up; `stopped`: whether the partner's ordering is;
        `held_numbers`: the subscribers whose numbers are on the grey list.
        """
        self._stopped = stopped
        self._held_numbers = held_numbers
        self._open = open_orders
        self._held = held
        self._tried = tried
        self._refs = refs

    @classmethod
    def reading(cls, partner_id: str, refs: Collection[str], now: datetime) -> ReadFacts:
        """For requests of a partner that bear these numbers of its own."""

        def read(connection: Connection, subscribers: Collection[int]) -> PlaceMany:
            return cls(
                list_all_open(connection, subscribers),
                list_all_held(connection, subscribers),
                list_all_tried(connection, subscribers),
                used_refs(connection, partner_id, refs) if refs else {},
                stopped=standing_of(connection, partner_id) == "stopped",
                held_numbers=list_held(connection, subscribers, now),
            )

        return read

    def __call__(self, request: PlaceOrder, ctx: Context) -> Order:
        subject, ref = ctx.subscriber, request.partner_ref
        this, same = (subject.id, request.offer), self._open.get((subject.id, request.offer, request.action))
        found = Found(
            same or self._open.get((*this, "change")),
            self._held.get(this),
            None if ref is None else self._refs.get(ref),
            tried_before=this in self._tried,
            stopped=self._stopped,
            number_held=subject.id in self._held_numbers,
        )
        order = take_down(request, found, ctx)
        self._open[subject.id, order.offer_code, order.action] = order.id
        if ref is not None:
            self._refs[ref] = order.id
        ctx.subject = msgspec.structs.replace(
            subject, order_count=order.subscriber_seq, open_orders=subject.open_orders | {order.offer_code}
        )
        return order_view(order, ctx)
