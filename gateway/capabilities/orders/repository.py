"""Every query on orders and subscriptions. Reads start from what the caller may see; nothing here writes."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any, NamedTuple

import msgspec
from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Connection,
    Row,
    Select,
    and_,
    bindparam,
    func,
    or_,
    select,
    tuple_,
    type_coerce,
)

from auth.principal import Principal
from gateway.capabilities.offers import SubscriberFacts
from gateway.capabilities.orders.schemas import PlaceOrder, Transition
from gateway.capabilities.orders.states import CANCELLABLE, OrderState
from gateway.capabilities.orders.tables import is_open, order_transitions, orders, ref_counts, subscriptions, trials
from gateway.capabilities.subscribers import Profile, profiles, subscribers
from gateway.store import Loader, Store
from gateway.store.at_once import AtOnce
from gateway.store.columns import moment
from gateway.store.keys import among, packed


class StoredOrder(NamedTuple):
    """One row of `orders`."""

    id: str
    subscriber_id: int
    subscriber_seq: int
    account: str
    offer_code: str
    action: str
    price_fen: int
    period: str
    state: OrderState
    transitions: int
    channel: str
    partner_id: str | None
    partner_ref: str | None
    attribution: str
    created_at: datetime
    updated_at: datetime
    confirm_by: datetime | None
    replaces: str | None = None
    recipient_id: int | None = None
    recipient: str | None = None
    sandbox: bool = False
    """Whether it is a made-up subscriber's."""
    together: str | None = None
    remarks: str | None = None
    cancel_reason: str | None = None

    @property
    def holder_id(self) -> int:
        """Who holds what comes of it: the recipient of a gift, else its subscriber."""
        return self.subscriber_id if self.recipient_id is None else self.recipient_id


def _stored(row: Row[Any]) -> StoredOrder:
    fields = row._asdict()  # a row's own way to become a dict
    return StoredOrder(**{**fields, "state": OrderState(row.state)})


def visible_to(principal: Principal, subscriber_id: int) -> Select[Any]:
    """The subscriber's orders that the caller may see: a partner sees those it placed."""
    mine = select(orders).where(orders.c.subscriber_id == subscriber_id)
    if principal.order_id is not None:
        mine = mine.where(orders.c.id == principal.order_id)
    return mine.where(orders.c.partner_id == principal.id) if principal.kind == "partner" else mine


def get_visible(connection: Connection, principal: Principal, subscriber_id: int, order_id: str) -> StoredOrder | None:
    """One order of the subscriber, or None if the caller may not see it."""
    row = connection.execute(visible_to(principal, subscriber_id).where(orders.c.id == order_id)).one_or_none()
    return None if row is None else _stored(row)


class Conditions(NamedTuple):
    """What orders of a partner are searched by; None asks for nothing."""

    state: str | None = None
    offer_code: str | None = None
    action: str | None = None
    account: str | None = None
    partner_ref: str | None = None


def placed(partner_id: str, conditions: Conditions, span: tuple[datetime | None, datetime | None]) -> Select[Any]:
    """The orders a partner placed, newest first. `span`: the first moment of placing, and the first one past the last."""
    query = select(orders).where(orders.c.partner_id == partner_id)
    query = query.where(*(orders.c[name] == value for name, value in conditions._asdict().items() if value is not None))
    since, until = span
    if since is not None:
        query = query.where(orders.c.created_at >= since)
    if until is not None:
        query = query.where(orders.c.created_at < until)
    return query.order_by(orders.c.created_at.desc(), orders.c.id.desc())


def search_placed(
    connection: Connection, partner_id: str, conditions: Conditions, span: tuple[datetime | None, datetime | None],
    cursor: str | None, limit: int, *, together: str | None = None, whole: bool = False,
) -> list[StoredOrder] | None:  # fmt: skip
    """Up to `limit` orders a partner placed, newest first, from the one before `cursor`; None: there is no such one.

    `together`: only that order and those placed with it; `whole`: with an order found by what is its own alone, also
    those placed with it.
    """
    query = _placed_whole(partner_id, conditions, span) if whole else placed(partner_id, conditions, span)
    if together is not None:
        query = query.where(_placed_with(together))
    if cursor is not None:
        mine = select(orders.c.created_at).where(orders.c.partner_id == partner_id, orders.c.id == cursor)
        at = connection.scalar(mine)
        if at is None:
            return None
        query = query.where(tuple_(orders.c.created_at, orders.c.id) < tuple_(at, cursor, types=_CURSOR))
    return [_stored(row) for row in connection.execute(query.limit(limit))]


def _placed_whole(
    partner_id: str, conditions: Conditions, span: tuple[datetime | None, datetime | None]
) -> Select[Any]:
    shared = conditions._replace(state=None, offer_code=None, action=None)
    own = [
        orders.c[name] == value
        for name, value in conditions._asdict().items()
        if value is not None and getattr(shared, name) is None
    ]
    if not own:
        return placed(partner_id, conditions, span)
    companions = select(orders.c.together).where(
        orders.c.partner_id == partner_id, orders.c.together.is_not(None), *own
    )
    return placed(partner_id, shared, span).where(or_(and_(*own), orders.c.together.in_(companions)))


def _placed_with(order_id: str) -> ColumnElement[bool]:
    return or_(orders.c.id == order_id, orders.c.together == order_id)


def as_it_stood(connection: Connection, order_id: str, version: int, at: datetime) -> list[StoredOrder]:
    """An order at one of its versions, in its place among those it was placed together with, as they were at that time."""
    found = [_stored(row) for row in connection.execute(select(orders).where(_placed_with_any(order_id)))]
    steps = order_transitions.c
    taken = select(steps.order_id, steps.seq, steps.to_state, steps.at).where(
        steps.order_id.in_([order.id for order in found]),
        or_(and_(steps.order_id == order_id, steps.seq < version), and_(steps.order_id != order_id, steps.at <= at)),
    )
    latest = {row.order_id: row for row in connection.execute(taken.order_by(steps.seq))}
    return [
        order._replace(state=OrderState(step.to_state), transitions=step.seq + 1, updated_at=step.at)
        for order in sorted(found, key=lambda order: order.subscriber_seq)
        if (step := latest.get(order.id)) is not None
    ]


def _placed_with_any(order_id: str) -> ColumnElement[bool]:
    with_it = select(orders.c.together).where(orders.c.id == order_id)
    return or_(orders.c.id == order_id, orders.c.together.in_(with_it))


_CURSOR = (orders.c.created_at.type, orders.c.id.type)


def find_placed(
    connection: Connection, partner_id: str, order_id: str | None, partner_ref: str | None
) -> StoredOrder | None:
    """The order a partner placed, by id or by its own number: the newest one where several had it in turn.

    Of orders that were placed together it is the first.
    """
    query = select(orders).where(orders.c.partner_id == partner_id)
    if order_id is not None:
        query = query.where(orders.c.id == order_id)
    if partner_ref is not None:
        query = query.where(orders.c.partner_ref == partner_ref)
    newest = (orders.c.created_at.desc(), func.coalesce(orders.c.together, orders.c.id).desc(), orders.c.id)
    row = connection.execute(query.order_by(*newest).limit(1)).one_or_none()
    return None if row is None else _stored(row)


class PartnerRefs:
    """Orders by partner and the partner's own number; numbers asked for at the same time are one read."""

    def __init__(self, store: Store) -> None:
        self._loader: Loader[tuple[str, str], str] = Loader(store, _by_ref)

    async def get(self, partner_id: str, partner_ref: str) -> str | None:
        """The order that uses the number up, or None."""
        return await self._loader.get((partner_id, partner_ref))


def _by_ref(connection: Connection, keys: Sequence[tuple[str, str]]) -> dict[tuple[str, str], str]:
    numbers: dict[str, list[str]] = {}
    for partner_id, partner_ref in keys:
        numbers.setdefault(partner_id, []).append(partner_ref)
    found: dict[tuple[str, str], str] = {}
    for partner_id, refs in numbers.items():
        used = used_refs(connection, partner_id, refs)
        found.update({(partner_id, partner_ref): order for partner_ref, order in used.items()})
    return found


def used_refs(connection: Connection, partner_id: str, refs: Collection[str]) -> dict[str, str]:
    """Those of a partner's own numbers that are used up → the order that uses them up."""
    rows = connection.execute(_USED_REFS, {"partner": partner_id, "refs": packed(refs)})
    return {row.partner_ref: row.id for row in rows}


_USED_REFS = select(orders.c.partner_ref, func.coalesce(orders.c.together, orders.c.id).label("id")).where(
    orders.c.partner_id == bindparam("partner"), among(orders.c.partner_ref, "refs"), ref_counts
)


def get_any(connection: Connection, order_id: str) -> StoredOrder | None:
    """One order, for the platform's own work."""
    row = connection.execute(select(orders).where(orders.c.id == order_id)).one_or_none()
    return None if row is None else _stored(row)


def list_cancellable(connection: Connection, subscriber_id: int) -> list[StoredOrder]:
    """The subscriber's orders that have not been handed to the back end, for the platform's own work."""
    states = [state.value for state in CANCELLABLE]
    waiting = select(orders).where(orders.c.subscriber_id == subscriber_id, orders.c.state.in_(states))
    return [_stored(row) for row in connection.execute(waiting.order_by(orders.c.id))]


def list_visible(
    connection: Connection, principal: Principal, subscriber_id: int, state: str | None, cursor: str | None, limit: int,
    *, together: str | None = None,
) -> list[StoredOrder]:  # fmt: skip
    """Up to `limit` orders, newest first, from the one before `cursor`. Ids are sortable by time.

    `together`: only that order and those placed with it.
    """
    query = visible_to(principal, subscriber_id)
    if together is not None:
        query = query.where(_placed_with(together))
    if state is not None:
        query = query.where(orders.c.state == state)
    if cursor is not None:
        query = query.where(orders.c.id < cursor)
    return [_stored(row) for row in connection.execute(query.order_by(orders.c.id.desc()).limit(limit))]


def get_open(connection: Connection, subscriber_id: int, request: PlaceOrder) -> str | None:
    """The id of the order under way that does the same, or changes one of the same offers; None if there is none."""
    mine = select(orders.c.id).where(orders.c.subscriber_id == subscriber_id, is_open)
    same = and_(orders.c.offer_code == request.offer, orders.c.action == request.action)
    codes = [request.offer, *([request.replaces] if request.replaces else [])]
    touches = or_(orders.c.offer_code.in_(codes), orders.c.replaces.in_(codes))
    of_a_change = touches if request.action == "change" else and_(orders.c.action == "change", touches)
    in_the_way = same if request.action == "gift" else or_(same, and_(of_a_change, orders.c.action != "gift"))
    return connection.scalar(mine.where(in_the_way).order_by(orders.c.id).limit(1))


def list_gift_times(connection: Connection, subscriber_id: int, since: datetime) -> tuple[datetime, ...]:
    """When the subscriber began gifts after `since`, whatever became of them."""
    mine = select(orders.c.created_at).where(orders.c.subscriber_id == subscriber_id, orders.c.action == "gift")
    return tuple(connection.scalars(mine.where(orders.c.created_at > since)))


def get_recipient(connection: Connection, phone_hash: bytes, sandbox: str | None) -> int | None:
    """The subscriber of that number in this sandbox, or outside of any; None if there is none."""
    there = subscribers.c.sandbox.is_(None) if sandbox is None else subscribers.c.sandbox == sandbox
    return connection.scalar(select(subscribers.c.id).where(subscribers.c.phone_hash == phone_hash, there))


def list_all_gift_times(
    connection: Connection, subscribers: Collection[int], since: datetime
) -> dict[int, tuple[datetime, ...]]:
    """Subscriber → when they began gifts after `since`, whatever became of them."""
    began = select(orders.c.subscriber_id, orders.c.created_at).where(
        among(orders.c.subscriber_id, "ids"), orders.c.action == "gift", orders.c.created_at > since
    )
    found: dict[int, tuple[datetime, ...]] = {}
    for number, at in connection.execute(began, {"ids": packed(subscribers)}):
        found[number] = (*found.get(number, ()), at)
    return found


def list_recipients(connection: Connection, phone_hashes: Collection[bytes]) -> dict[tuple[bytes, str | None], int]:
    """(hash of a number, sandbox) → the subscriber who has it there."""
    known = select(subscribers.c.phone_hash, subscribers.c.sandbox, subscribers.c.id)
    rows = connection.execute(known.where(subscribers.c.phone_hash.in_(phone_hashes)))
    return {(phone, sandbox): number for phone, sandbox, number in rows if phone is not None}


def facts_of_subscriber(connection: Connection, subscriber_id: int) -> SubscriberFacts:
    """What decides which offers a subscriber may have, for one who is not the caller."""
    who = select(subscribers.c.brand, subscribers.c.region, profiles.c.body).join(
        profiles, profiles.c.subscriber_id == subscribers.c.id, isouter=True
    )
    brand, region, body = connection.execute(who.where(subscribers.c.id == subscriber_id)).one()
    profile = Profile() if body is None else msgspec.json.decode(body, type=Profile)
    held = select(subscriptions.c.offer_code).where(
        subscriptions.c.subscriber_id == subscriber_id, subscriptions.c.ended_at.is_(None)
    )
    ordered = select(orders.c.offer_code).where(orders.c.subscriber_id == subscriber_id, is_open)
    return SubscriberFacts(
        subscriber_id, brand, region, frozenset(profile.device_abilities), frozenset(connection.scalars(held)),
        frozenset(connection.scalars(ordered.where(orders.c.action != "gift"))),
    )  # fmt: skip


def get_gift(connection: Connection, principal: Principal, recipient_id: int, order_id: str) -> StoredOrder | None:
    """A gift for this subscriber, or None if there is none that the caller may see."""
    if principal.order_id not in (None, order_id):
        return None
    query = select(orders).where(orders.c.recipient_id == recipient_id, orders.c.id == order_id)
    row = connection.execute(query).one_or_none()
    return None if row is None else _stored(row)


def list_gifts(
    connection: Connection, principal: Principal, recipient_id: int, cursor: str | None, limit: int
) -> list[StoredOrder]:
    """Up to `limit` gifts that wait for this subscriber's answer, newest first, from the one before `cursor`."""
    query = select(orders).where(
        orders.c.recipient_id == recipient_id, orders.c.state == OrderState.AWAITING_RECIPIENT.value
    )
    if principal.order_id is not None:
        query = query.where(orders.c.id == principal.order_id)
    if cursor is not None:
        query = query.where(orders.c.id < cursor)
    return [_stored(row) for row in connection.execute(query.order_by(orders.c.id.desc()).limit(limit))]


def list_booked(connection: Connection, after: str = "", limit: int = 1000) -> list[StoredOrder]:
    """Up to `limit` live booked orders that the back office has not got yet, oldest first, from the one after id `after`."""
    query = select(orders).where(
        orders.c.state == OrderState.BOOKED.value, is_open, ~orders.c.sandbox, orders.c.id > after
    )
    return [_stored(row) for row in connection.execute(query.order_by(orders.c.id).limit(limit))]


def is_converting(connection: Connection, subscriber_id: int, offer_code: str) -> bool:
    """Whether a confirmed order that turns the trial into a paid subscription is under way."""
    confirmed = (OrderState.ACCEPTED.value, OrderState.PROVISIONING.value, OrderState.UNKNOWN.value)
    order = select(orders.c.id).where(
        orders.c.subscriber_id == subscriber_id, orders.c.offer_code == offer_code, orders.c.action == "convert_trial",
        orders.c.state.in_(confirmed), is_open,
    )  # fmt: skip
    return connection.scalar(order) is not None


def was_tried(connection: Connection, subscriber_id: int, offer_code: str) -> bool:
    """Whether the subscriber ever had a trial of the offer."""
    tried = select(trials.c.order_id).where(trials.c.subscriber_id == subscriber_id, trials.c.offer_code == offer_code)
    return connection.scalar(tried) is not None


def list_transitions(connection: Connection, order_id: str) -> list[Transition]:
    """Every step of an order, oldest first. The actor is told by kind only, not by name."""
    of_order = select(order_transitions).where(order_transitions.c.order_id == order_id)
    return [
        Transition(row.to_state, row.at, row.actor.partition(":")[0], row.channel, row.reason, from_=row.from_state)
        for row in connection.execute(of_order.order_by(order_transitions.c.seq))
    ]


class Held(NamedTuple):
    """An offer in force."""

    id: str
    offer_code: str
    started_at: datetime
    trial_ends_at: datetime | None = None


_HELD_COLUMNS = (
    subscriptions.c.id, subscriptions.c.offer_code, subscriptions.c.started_at, subscriptions.c.trial_ends_at,
)  # fmt: skip


def list_held(connection: Connection, subscriber_id: int, cursor: str | None, limit: int) -> list[Held]:
    """Up to `limit` subscriptions in force, oldest first, from the one after `cursor`."""
    query = select(*_HELD_COLUMNS).where(
        subscriptions.c.subscriber_id == subscriber_id, subscriptions.c.ended_at.is_(None)
    )
    if cursor is not None:
        query = query.where(subscriptions.c.id > cursor)
    return [Held(*row) for row in connection.execute(query.order_by(subscriptions.c.id).limit(limit))]


def get_subscription(connection: Connection, subscriber_id: int, subscription_id: str) -> Held | None:
    """One subscription in force of the subscriber, by its id; None if there is none."""
    query = select(*_HELD_COLUMNS).where(
        subscriptions.c.id == subscription_id, subscriptions.c.subscriber_id == subscriber_id,
        subscriptions.c.ended_at.is_(None),
    )  # fmt: skip
    row = connection.execute(query).one_or_none()
    return None if row is None else Held(*row)


def get_held(connection: Connection, subscriber_id: int, offer_code: str) -> Held | None:
    """The subscription to one offer in force, or None if it is not held."""
    row = connection.execute(
        select(*_HELD_COLUMNS).where(
            subscriptions.c.subscriber_id == subscriber_id,
            subscriptions.c.offer_code == offer_code,
            subscriptions.c.ended_at.is_(None),
        )
    ).one_or_none()
    return None if row is None else Held(*row)


_OPEN = AtOnce(
    select(orders.c.subscriber_id, orders.c.offer_code, orders.c.action, orders.c.id, orders.c.replaces).where(
        among(orders.c.subscriber_id, "ids"), is_open
    )
)
_TRIED = AtOnce(select(trials.c.subscriber_id, trials.c.offer_code).where(among(trials.c.subscriber_id, "ids")))
_HELD = AtOnce(
    select(
        subscriptions.c.subscriber_id, subscriptions.c.id, subscriptions.c.offer_code,
        type_coerce(subscriptions.c.started_at, BigInteger), type_coerce(subscriptions.c.trial_ends_at, BigInteger),
    ).where(among(subscriptions.c.subscriber_id, "ids"), subscriptions.c.ended_at.is_(None))
)  # fmt: skip


def list_all_open(connection: Connection, subscribers: Collection[int]) -> dict[tuple[int, str, str], str]:
    """(subscriber, offer, action) → id of every order these subscribers have under way; a change is of both its offers."""
    found: dict[tuple[int, str, str], str] = {}
    for number, offer, action, order, replaces in _OPEN.rows(connection, {"ids": packed(subscribers)}):
        found[number, offer, action] = order
        if replaces is not None:
            found[number, replaces, action] = order
    return found


def list_all_held(connection: Connection, subscribers: Collection[int]) -> dict[tuple[int, str], Held]:
    """(subscriber, offer) → every subscription these subscribers have in force."""
    rows = _HELD.rows(connection, {"ids": packed(subscribers)})
    return {
        (number, offer): Held(held, offer, moment(began), None if trial_ends is None else moment(trial_ends))
        for number, held, offer, began, trial_ends in rows
    }


def list_all_tried(connection: Connection, subscribers: Collection[int]) -> set[tuple[int, str]]:
    """(subscriber, offer) of every trial these subscribers ever had."""
    return {(number, offer) for number, offer in _TRIED.rows(connection, {"ids": packed(subscribers)})}
