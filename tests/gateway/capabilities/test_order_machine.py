"""Whatever is done in whatever order: only legal steps, one effect for each order, one subscription for each offer."""

from __future__ import annotations

import asyncio
import tempfile
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection, select

from gateway.capabilities.orders.states import NEXT, OPEN_STATES, IllegalTransition, OrderState, check
from gateway.capabilities.orders.tables import order_transitions, orders, subscriptions, trials
from gateway.errors import GatewayError
from tests.fixtures.world import World, person

ME, FRIEND = "wechat:gh:me", "wechat:gh:friend"
OFFERS = ("TM-MUSIC-10", "TM-READ-5")
_states = st.sampled_from(list(OrderState))


@given(_states, _states)
def test_a_step_is_legal_if_the_table_says_so_and_no_other(before: OrderState, after: OrderState) -> None:
    if after in NEXT[before]:
        check(before, after)
    else:
        with pytest.raises(IllegalTransition):
            check(before, after)


@given(_states)
def test_an_order_begins_acknowledged_and_every_state_can_end(state: OrderState) -> None:
    if state is not OrderState.ACKNOWLEDGED:
        with pytest.raises(IllegalTransition):
            check(None, state)
    reached = {state}
    while more := {after for one in reached for after in NEXT[one]} - reached:
        reached |= more
    assert reached - {OrderState(one) for one in OPEN_STATES}


_offer = st.sampled_from(OFFERS)
_steps = st.lists(
    st.one_of(
        st.tuples(
            st.just("place"), st.sampled_from(["subscribe", "unsubscribe", "start_trial", "convert_trial", "gift"]), _offer
        ),
        st.tuples(st.just("change"), st.permutations(OFFERS)),
        st.tuples(st.sampled_from(["confirm", "cancel"]), st.integers(0, 5)),
        st.tuples(st.just("answer_gift"), st.booleans()),
        st.tuples(st.just("boss"), st.sampled_from(["lose", "refuse", "down", "well"])),
        st.tuples(st.just("wait"), st.sampled_from([5, 45 * 60, 25 * 3600, 8 * 86_400])),
        st.just(("work",)),
    ),
    min_size=3,
    max_size=14,
)  # fmt: skip


async def act(world: World, step: tuple[Any, ...]) -> None:
    """One step; what is refused changes nothing."""
    try:
        match step:
            case ("place", action, offer):
                more: dict[str, Any] = {"recipient": "13800009999"} if action == "gift" else {}
                await world.call(person(ME), "orders.place", offer=offer, action=action, **more)
            case ("change", (held, wanted)):
                await world.call(person(ME), "orders.place", offer=wanted, action="change", replaces=held)
            case ("confirm" | "cancel" as verb, number):
                page = await world.call(person(ME), "orders.list")
                if number < len(page.items):
                    await world.call(person(ME), f"orders.{verb}", id=page.items[number].id)
            case ("answer_gift", accept):
                for gift in (await world.call(person(FRIEND), "orders.list_gifts")).items:
                    await world.call(person(FRIEND), "orders.answer_gift", id=gift.id, accept=accept)
            case ("boss", mood):
                world.boss.down, world.boss.lose_next = mood == "down", int(mood == "lose")
                world.boss.refused_offers = dict.fromkeys(OFFERS, "no") if mood == "refuse" else {}
            case ("wait", seconds):
                world.clock.advance(seconds=seconds)
            case ("work",):
                await world.work()
    except GatewayError as error:
        if error.status >= 500:
            raise


def rows(connection: Connection) -> tuple[Any, ...]:
    return tuple(
        connection.execute(select(table)).all() for table in (orders, order_transitions, subscriptions, trials)
    )


async def live_through(steps: list[tuple[Any, ...]]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        world = World(f"sqlite:///{folder}/tuila.db", Path(folder))
        try:
            await world.open()
            await world.subscriber(ME)
            await world.subscriber(FRIEND, phone="+8613800009999")
            for step in steps:
                await act(world, step)
            placed, transitions, held, tried = await world.platform.store.read(rows)
        finally:
            await world.close()
    by_order: dict[str, list[Any]] = {}
    for step in sorted(transitions, key=lambda row: (row.order_id, row.seq)):
        by_order.setdefault(step.order_id, []).append(step)
    for order in placed:
        path = [OrderState(step.to_state) for step in by_order[order.id]]
        for before, after in zip([None, *path], path, strict=False):
            check(before, after)
        assert (path[-1], len(path)) == (order.state, order.transitions)
    assert max(Counter(effect.number for effect in world.boss.effects).values(), default=1) == 1
    in_force = Counter((row.subscriber_id, row.offer_code) for row in held if row.ended_at is None)
    assert max(in_force.values(), default=1) == 1
    carried_out = {order.id for order in placed if order.state == "completed" and order.action == "start_trial"}
    assert {row.order_id for row in tried} == carried_out
    assert len({(row.subscriber_id, row.offer_code) for row in tried}) == len(tried)


@settings(max_examples=12, deadline=None, suppress_health_check=list(HealthCheck))
@given(_steps)
def test_every_life_of_orders_is_a_legal_one(steps: list[tuple[Any, ...]]) -> None:
    asyncio.run(live_through(steps))
