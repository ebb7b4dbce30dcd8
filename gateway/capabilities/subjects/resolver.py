"""Reading the subscriber behind an account, many at a time."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import msgspec
from sqlalchemy import (
    Column,
    Connection,
    Select,
    String,
    bindparam,
    case,
    cast,
    func,
    literal,
    null,
    or_,
    select,
    union_all,
)

from auth.principal import Subject
from gateway.capabilities.bindings import bindings
from gateway.capabilities.consents import consents
from gateway.capabilities.interactions import DECLINED_FOR, interactions
from gateway.capabilities.orders import is_open, orders, subscriptions
from gateway.capabilities.subscribers import Profile, profiles, subscribers
from gateway.kit.clock import Clock
from gateway.store import Instant, Loader, Store
from gateway.store.at_once import AtOnce
from gateway.store.keys import among, packed
from gateway.subject import SubjectRecord

_profile = msgspec.json.Decoder(Profile)
_codes = msgspec.json.Decoder(list[str])
_NOTHING_KNOWN = Profile()


class Subjects:
    """Finds the subscriber behind an account; accounts asked for at the same time are one read."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._loader: Loader[str, SubjectRecord] = Loader(store, self._fetch)

    async def resolve(self, account: str) -> SubjectRecord | None:
        """The subscriber bound to the account now, or None."""
        return await self._loader.get(account)

    async def resolve_all(self, accounts: Collection[str]) -> Mapping[str, SubjectRecord]:
        """The subscribers behind those accounts that are bound now, in one read."""
        return await self._store.read(self._fetch, list(accounts))

    def _fetch(self, connection: Connection, accounts: Sequence[str]) -> dict[str, SubjectRecord]:
        bound = [_Bound(*row) for row in _BOUND.rows(connection, {"accounts": packed(accounts)})]
        if linked := [account.partition(":")[2] for account in accounts if account.startswith(("order:", "gift:"))]:
            found = (_Bound(*row) for row in _LINKED.rows(connection, {"ids": packed(linked)}))
            bound += [row for row in found if row.account in accounts]
        facts = _facts(connection, sorted({row.subscriber_id for row in bound}), self._clock)
        return {row.account: _record(row, facts[row.subscriber_id]) for row in bound}


class _Bound(NamedTuple):
    account: str
    binding_id: str
    subscriber_id: int
    ref: str
    brand: str
    region: str
    suspended: bool
    profile: str | None
    sandbox: str | None


@dataclass(slots=True)
class _Facts:
    held: set[str] = field(default_factory=set)
    open_orders: set[str] = field(default_factory=set)
    declined: set[str] = field(default_factory=set)
    consents: dict[str, tuple[int, bool]] = field(default_factory=dict)
    order_count: int = 0


_BOUND = AtOnce(
    select(
        bindings.c.account, bindings.c.id.label("binding_id"), bindings.c.subscriber_id, subscribers.c.ref,
        subscribers.c.brand, subscribers.c.region,
        or_(subscribers.c.suspended, bindings.c.suspended_at.is_not(None)).label("suspended"), profiles.c.body,
        subscribers.c.sandbox,
    )
    .join(subscribers, subscribers.c.id == bindings.c.subscriber_id)
    .join(profiles, profiles.c.subscriber_id == subscribers.c.id, isouter=True)
    .where(bindings.c.ended_at.is_(None), among(bindings.c.account, "accounts"))
)  # fmt: skip


def _linked(kind: str, holder: Column[Any]) -> Select[Any]:
    """Who the holder of a link to an order is: its subscriber, or the recipient of a gift. No binding stands behind it."""
    return (
        select(
            literal(kind + ":").concat(orders.c.id), orders.c.id, holder, subscribers.c.ref, subscribers.c.brand,
            subscribers.c.region, subscribers.c.suspended, profiles.c.body, subscribers.c.sandbox,
        )
        .join(subscribers, subscribers.c.id == holder)
        .join(profiles, profiles.c.subscriber_id == subscribers.c.id, isouter=True)
        .where(among(orders.c.id, "ids"))
    )  # fmt: skip


_LINKED = AtOnce(union_all(_linked("order", orders.c.subscriber_id), _linked("gift", orders.c.recipient_id)))

_no_text = cast(null(), String)
# One statement, so that all facts are of one moment: what is decided on them carries the order count, which changes
# with the next order, and so a decision on old facts clashes.
_FACTS = AtOnce(union_all(
    select(
        orders.c.subscriber_id, literal("count").label("kind"), _no_text.label("text"),
        func.max(orders.c.subscriber_seq).label("number"),
    )
    .where(among(orders.c.subscriber_id, "ids"))
    .group_by(orders.c.subscriber_id),
    select(orders.c.subscriber_id, literal("open"), orders.c.offer_code, literal(0))
    .where(among(orders.c.subscriber_id, "ids"), is_open, orders.c.action != "gift"),
    select(orders.c.subscriber_id, literal("open"), orders.c.replaces, literal(0))
    .where(among(orders.c.subscriber_id, "ids"), is_open, orders.c.replaces.is_not(None)),
    select(subscriptions.c.subscriber_id, literal("held"), subscriptions.c.offer_code, literal(0))
    .where(among(subscriptions.c.subscriber_id, "ids"), subscriptions.c.ended_at.is_(None)),
    select(consents.c.subscriber_id, case((consents.c.granted, "granted"), else_="refused"), consents.c.purpose, consents.c.seq)
    .where(among(consents.c.subscriber_id, "ids")),
    select(interactions.c.subscriber_id, literal("declined"), interactions.c.offers, literal(0))
    .where(
        among(interactions.c.subscriber_id, "ids"),
        interactions.c.kind == "declined",
        interactions.c.at > bindparam("declined_after", type_=Instant),
    ),
))  # fmt: skip


def _facts(connection: Connection, ids: Sequence[int], clock: Clock) -> dict[int, _Facts]:
    facts: dict[int, _Facts] = defaultdict(_Facts)
    if not ids:
        return facts
    parameters = {"ids": packed(ids), "declined_after": clock() - DECLINED_FOR}
    for subscriber_id, kind, text, number in _FACTS.rows(connection, parameters):
        of_one = facts[subscriber_id]
        if kind == "held":
            of_one.held.add(text)
        elif kind == "open":
            of_one.open_orders.add(text)
        elif kind == "count":
            of_one.order_count = number
        elif kind == "declined":
            of_one.declined.update(_codes.decode(text))
        elif text not in of_one.consents or of_one.consents[text][0] < number:
            of_one.consents[text] = (number, kind == "granted")
    return facts


def _record(row: _Bound, facts: _Facts) -> SubjectRecord:
    profile = _NOTHING_KNOWN if row.profile is None else _profile.decode(row.profile)
    return SubjectRecord(
        identity=Subject(row.subscriber_id, row.account, row.binding_id, bool(row.suspended), row.sandbox),
        ref=row.ref,
        brand=row.brand,
        region=row.region,
        device_abilities=frozenset(profile.device_abilities),
        usage=profile.usage,
        traffic_used_pct=profile.traffic_used_pct,
        held=frozenset(facts.held),
        open_orders=frozenset(facts.open_orders),
        order_count=facts.order_count,
        declined=frozenset(facts.declined),
        consents={purpose: granted for purpose, (_, granted) in facts.consents.items()},
    )
