"""Compares the back end's own ledger with our database: what was promised, what was done, and how often."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from sqlalchemy import Connection, Row, select

from gateway.capabilities.events import events
from gateway.capabilities.orders import is_open, subscriptions
from gateway.capabilities.orders.states import NEXT, OrderState, check
from gateway.capabilities.orders.tables import order_transitions, orders
from gateway.capabilities.subscribers import subscribers
from gateway.store.outbox import outbox
from tests.faults.gateway_process import Stage
from tests.faults.receiver import Told

_ORDER_WORK = ("orders.provision", "orders.settle", "bots.late")


class Findings(NamedTuple):
    """What the check found: orders by how they ended, requests the back end got, effects it had."""

    ended: Counter[str]
    requests: int
    effects: int


def open_matters(connection: Connection) -> tuple[int, int]:
    """(orders not ended, work owed for orders and chats): both 0 when everything is settled."""
    unfinished = connection.execute(select(orders.c.id).where(is_open)).all()
    owed = connection.execute(select(outbox.c.id).where(outbox.c.kind.in_(_ORDER_WORK))).all()
    return len(unfinished), len(owed)


async def check_books(stage: Stage, promised: Iterable[tuple[str, str]]) -> Findings:
    """Assert that nothing was lost and nothing done twice. `promised`: (order id, our key), as clients were told."""
    rows, steps, held = await stage.world.platform.store.read(_read_books)
    requests, effects = await stage.ledger("requests"), await stage.ledger("effects")
    _nothing_promised_is_missing({row.id: row for row in rows}, list(promised))
    _one_order_for_each_key(rows)
    for row in rows:
        _history_is_legal(row, steps[row.id])
    _effects_are_the_completed_orders(rows, effects, held)
    _nothing_sent_blindly(requests)
    return Findings(Counter(row.state for row in rows), len(requests), len(effects))


async def check_told(stage: Stage, partner_id: str, taken: Sequence[Told], *, once: bool = False) -> None:
    """Assert that every step of the partner's orders was told, under one id, in the order of the steps, and no other.

    At least once as webhooks tell; with `once` exactly once and in the order of the feed, as connections do.
    """
    promised = await stage.world.platform.store.read(_read_events, partner_id)
    missing, unknown = set(promised) - set(taken), set(taken) - set(promised)
    assert not missing and not unknown, f"never told: {missing}; told of what never was: {unknown}"
    first = list(dict.fromkeys(taken))
    for order_id in {one.order for one in promised}:
        versions = [one.version for one in first if one.order == order_id]
        assert versions == list(range(1, len(versions) + 1)), f"{order_id} was told out of order: {versions}"
    assert not once or list(taken) == promised, "not once each in the order of the feed"


async def has_been_told(stage: Stage, partner_id: str, taken: Sequence[Told]) -> bool:
    """Whether every step of the partner's orders was told at least once."""
    return set(await stage.world.platform.store.read(_read_events, partner_id)) <= set(taken)


def _read_events(connection: Connection, partner_id: str) -> list[Told]:
    """What is to be told, from the orders' own history: each step has one event, and that its number in the feed."""
    told = []
    of_partner = select(events).where(events.c.partner_id == partner_id, events.c.type.like("order.%"))
    for event in connection.execute(of_partner.order_by(events.c.seq)):
        data = json.loads(event.body)
        told.append(Told(event.id, data["order"], data["version"], data["state"]))
    steps = select(order_transitions.c.order_id, order_transitions.c.seq + 1, order_transitions.c.to_state)
    of_orders = steps.join(orders, orders.c.id == order_transitions.c.order_id).where(orders.c.partner_id == partner_id)
    assert Counter(tuple(row) for row in connection.execute(of_orders)) == Counter(one[1:] for one in told)
    return told


def _read_books(connection: Connection) -> tuple[list[Row[Any]], dict[str, list[Row[Any]]], set[str]]:
    of_orders = select(orders, subscribers.c.ref).join(subscribers, subscribers.c.id == orders.c.subscriber_id)
    steps: dict[str, list[Row[Any]]] = defaultdict(list)
    for step in connection.execute(select(order_transitions).order_by(order_transitions.c.seq)):
        steps[step.order_id].append(step)
    held = connection.execute(select(subscriptions.c.order_id).where(subscriptions.c.ended_at.is_(None)))
    return list(connection.execute(of_orders).all()), steps, set(held.scalars())


def _nothing_promised_is_missing(found: dict[str, Row[Any]], promised: Sequence[tuple[str, str]]) -> None:
    lost = [order_id for order_id, _ in promised if order_id not in found]
    assert not lost, f"acknowledged and lost: {lost}"
    mistaken = [order_id for order_id, key in promised if found[order_id].partner_ref != key]
    assert not mistaken, f"another order than was asked for: {mistaken}"


def _one_order_for_each_key(rows: Sequence[Row[Any]]) -> None:
    keys = Counter(row.partner_ref for row in rows if row.partner_ref is not None)
    doubled = [key for key, count in keys.items() if count > 1]
    assert not doubled, f"several orders under one key: {doubled}"


def _history_is_legal(order: Row[Any], steps: Sequence[Row[Any]]) -> None:
    assert [step.seq for step in steps] == list(range(order.transitions)), f"{order.id}: steps are missing"
    state: OrderState | None = None
    for step in steps:
        assert step.from_state == (None if state is None else state.value), f"{order.id}: step {step.seq} has a gap"
        check(state, OrderState(step.to_state))
        state = OrderState(step.to_state)
    assert state is not None and state.value == order.state, f"{order.id}: is {order.state}, its history says {state}"
    assert not NEXT[state], f"{order.id} is still {state}"


def _effects_are_the_completed_orders(
    rows: Sequence[Row[Any]], effects: Sequence[dict[str, Any]], held: set[str]
) -> None:
    numbers = Counter(effect["number"] for effect in effects)
    assert not [number for number, count in numbers.items() if count > 1], "an order was provisioned twice"
    wanted = Counter((effect["subscriber_ref"], effect["offer_code"], effect["action"]) for effect in effects)
    assert not [what for what, count in wanted.items() if count > 1], "a subscriber got an offer twice"
    completed = {row.id: (row.ref, row.offer_code, row.action) for row in rows if row.state == "completed"}
    done = {one["number"]: (one["subscriber_ref"], one["offer_code"], one["action"]) for one in effects}
    assert done == completed, "the back end did something else than our books say"
    assert held == set(completed), "what is held is not what was completed"


def _nothing_sent_blindly(requests: Sequence[dict[str, Any]]) -> None:
    asked_since: dict[str, bool] = {}
    for request in requests:
        number = request["number"]
        if request["kind"] == "get":
            asked_since[number] = True
            continue
        assert asked_since.get(number, True), f"{number} was sent again without asking"
        # One turned away as busy is known not to have been taken.
        asked_since[number] = request["outcome"] == "busy"
