"""Cases, from what opened them to their end, on both databases."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from sqlalchemy import update

from config.settings import OrderingRules, WatchSettings
from gateway.capabilities.orders import NumberOnHold
from gateway.capabilities.watch import Watch
from gateway.capabilities.watch.case_errors import CaseFull, CaseNotFound, CaseStepRefused
from gateway.capabilities.watch.tables import watch_evidence
from gateway.errors import GatewayError, MalformedRequest
from tests.fixtures.world import OPERATOR, World, partner, person

PAID = "TM-MUSIC-10"
PHONE = "+8613800009999"
NO_CASE = "00000000-0000-7000-8000-000000000000"


async def look(world: World, **rules: Any) -> None:
    """Count and judge all there is."""
    while await world.platform.sequencer.number():
        pass
    settings = WatchSettings(smallest_sample=10, ordering=OrderingRules(**rules))
    await Watch(world.platform.store, settings, world.clock, world.platform.ids).look()
    world.clock.advance(seconds=4)


async def registered(world: World, *names: str) -> None:
    for name in names:
        await world.call(
            OPERATOR,
            "partners.create",
            id=name,
            name="Shop",
            scopes=["orders:*", "events:*"],
            per_second=1000,
            per_day=10_000,
        )


async def listed(world: World, **fields: Any) -> list[Any]:
    return [*(await world.call(OPERATOR, "watch.list_cases", **fields)).items]


async def told(world: World, name: str = "shop") -> list[tuple[str, Any]]:
    while await world.platform.sequencer.number():
        pass
    page = await world.call(partner(name), "events.list", types="case.*")
    return [(one.type, one.data["state"]) for one in page.items]


async def push(world: World, name: str, user: str) -> Any:
    return await world.call(partner(name), "orders.place", account=f"partner:{name}:{user}", offer=PAID)


async def cancel(world: World, name: str, user: str) -> str:
    order = await push(world, name, user)
    await world.call(partner(name), "orders.cancel", account=f"partner:{name}:{user}", id=order.id)
    return str(order.id)


async def test_a_case_goes_from_evidence_to_the_partners_statement(world: World) -> None:
    await registered(world, "shop", "rival")
    await world.subscriber("partner:shop:u1")
    order = await push(world, "shop", "u1")
    complaint = await world.call(OPERATOR, "watch.report_complaint", order=order.id, words="never asked", evidence="7")
    case = await world.call(
        OPERATOR, "watch.open_case", partner="shop", reason="charged twice", orders=[order.id],
        complaints=[complaint.id], note="heard by phone",
    )  # fmt: skip
    await world.call(OPERATOR, "watch.add_evidence", id=case.id, note="and by letter")
    move: dict[str, Any] = {"id": case.id, "reason": "looked into"}
    for wrong in (
        {"to": "offsetting", "month": "2026-11"}, {"to": "recovering"}, {"to": "closed", "owed_fen": 5}, {"to": "open"},
    ):  # fmt: skip
        with pytest.raises(CaseStepRefused) as refused:
            await world.call(OPERATOR, "watch.move_case", **move, **wrong)
        assert refused.value.extra["state"] == "open"
    await world.call(OPERATOR, "watch.move_case", **move, to="recovering", owed_fen=1500)
    own = await world.call(partner(), "partner.cases")
    assert [(one.id, one.state, one.owed_fen) for one in own.items] == [(case.id, "recovering", 1500)]
    assert (await world.call(partner("rival"), "partner.cases")).items == []
    assert (await world.call(partner(), "partner.statement", month="2026-11")).offsets == []
    await world.call(OPERATOR, "watch.move_case", **move, to="offsetting", month="2026-11")
    closed = await world.call(OPERATOR, "watch.move_case", **move, to="closed")
    assert (closed.state, closed.outcome) == ("closed", "offset")
    statement = await world.call(partner(), "partner.statement", month="2026-11")
    assert [(one.case, one.amount_fen) for one in statement.offsets] == [(case.id, 1500)]
    assert (statement.offset_fen, statement.payable_fen) == (1500, statement.commission_fen - 1500)
    assert (await world.call(partner("rival"), "partner.statement", month="2026-11")).offset_fen == 0
    assert (await world.call(partner(), "partner.cases")).items == []
    assert await told(world) == [
        ("case.opened", "open"), ("case.moved", "recovering"), ("case.moved", "offsetting"), ("case.moved", "closed"),
    ]  # fmt: skip
    assert await told(world, "rival") == []
    whole = await world.call(OPERATOR, "watch.get_case", id=case.id)
    assert [(one.state, one.actor, one.reason) for one in whole.steps][1:] == [
        (state, "operator:cli", "looked into") for state in ("recovering", "offsetting", "closed")
    ]
    assert [(one.orders, one.complaints, one.note) for one in whole.evidence] == [
        ([order.id], [complaint.id], "heard by phone"), ([], [], "and by letter"),
    ]  # fmt: skip
    with pytest.raises(CaseFull):
        await world.call(OPERATOR, "watch.add_evidence", id=case.id, note="too late")


@pytest.mark.parametrize("outcome", ["repaid", "unfounded"])
async def test_what_was_repaid_or_never_owed_is_closed_without_an_offset(world: World, outcome: str) -> None:
    await registered(world, "shop")
    case = await world.call(OPERATOR, "watch.open_case", partner="shop", reason="charged twice")
    move: dict[str, Any] = {"id": case.id, "reason": "their bank says so"}
    await world.call(OPERATOR, "watch.move_case", **move, to="recovering", owed_fen=1500)
    wrong_ones: tuple[dict[str, Any], ...] = ({}, {"outcome": "offset"}, {"outcome": outcome, "month": "2026-11"})
    for wrong in wrong_ones:
        with pytest.raises(CaseStepRefused):
            await world.call(OPERATOR, "watch.move_case", **move, to="closed", **wrong)
    closed = await world.call(OPERATOR, "watch.move_case", **move, to="closed", outcome=outcome)
    assert (closed.state, closed.outcome, closed.owed_fen, closed.month) == ("closed", outcome, 1500, None)
    statement = await world.call(partner(), "partner.statement", month="2026-11")
    assert (statement.offsets, statement.offset_fen) == ([], 0)


async def test_of_two_who_take_a_step_at_once_one_is_refused(world: World) -> None:
    await registered(world, "shop")
    case = await world.call(OPERATOR, "watch.open_case", partner="shop", reason="r")
    results = await asyncio.gather(
        world.call(OPERATOR, "watch.move_case", id=case.id, to="recovering", owed_fen=5, reason="a"),
        world.call(OPERATOR, "watch.move_case", id=case.id, to="closed", reason="b"),
        *(world.call(OPERATOR, "watch.add_evidence", id=case.id, note=f"n{at}") for at in range(3)),
        return_exceptions=True,
    )
    assert sum(isinstance(one, CaseStepRefused) for one in results[:2]) == 1
    whole = await world.call(OPERATOR, "watch.get_case", id=case.id)
    assert len(whole.steps) == 2 and whole.intact
    added = sum(not isinstance(one, BaseException) for one in results[2:])
    assert len(whole.evidence) == added == whole.case.evidence


async def test_evidence_changed_or_removed_shows_and_is_paged(world: World) -> None:
    await registered(world, "shop")
    case = await world.call(OPERATOR, "watch.open_case", partner="shop", reason="r")
    for at in range(5):
        await world.call(OPERATOR, "watch.add_evidence", id=case.id, note=f"n{at}")

    async def pages() -> list[tuple[list[str], bool, int | None]]:
        found, begin = [], 0
        while True:
            page = await world.call(OPERATOR, "watch.get_case", id=case.id, evidence_from=begin, limit=2)
            found.append(([one.note for one in page.evidence], page.intact, page.next))
            if page.next is None:
                return found
            begin = page.next

    assert await pages() == [(["n0", "n1"], True, 2), (["n2", "n3"], True, 4), (["n4"], True, None)]

    def change(connection: Any) -> None:
        connection.execute(update(watch_evidence).where(watch_evidence.c.seq == 2).values(body='{"note":"x"}'))

    await world.platform.store.write(change)
    assert [intact for _, intact, _ in await pages()] == [True, False, True]
    await world.platform.store.write(
        lambda connection: connection.execute(watch_evidence.delete().where(watch_evidence.c.seq == 4))
    )
    assert (await pages())[-1][1] is False


async def test_a_partner_that_is_stopped_has_a_case_and_closing_it_lets_it_order_again(world: World) -> None:
    await registered(world, "shop")
    await world.subscriber("partner:shop:u1")
    ids = [await cancel(world, "shop", "u1") for _ in range(40)]
    await look(world, cycles=1000)
    (case,) = await listed(world)
    assert (case.cause, case.partner, case.state) == ("standing", "shop", "open")
    (piece,) = (await world.call(OPERATOR, "watch.get_case", id=case.id)).evidence
    assert piece.figures["unconfirmed"] == 40 and set(piece.orders) == set(ids)
    await world.call(OPERATOR, "watch.set_standing", id="shop", standing="stopped", reason="still")
    assert [one.evidence for one in await listed(world)] == [2]
    await world.call(OPERATOR, "watch.move_case", id=case.id, to="closed", reason="a mistake", lift=True)
    assert (await world.call(OPERATOR, "watch.get", id="shop")).standing == "normal"
    assert [one.outcome for one in await listed(world)] == ["unfounded"]


async def test_a_number_ordered_for_by_many_partners_is_held_and_let_go_with_its_case(world: World) -> None:
    names = ("shop", "first", "second")
    await registered(world, *names)
    number = await world.subscriber("partner:shop:u", phone=PHONE)
    for name in names[1:]:
        await world.bind(f"partner:{name}:u", number)
    for name in names * 2:
        await cancel(world, name, "u")
    await look(world, cycles=1000)
    (case,) = await listed(world, phone=PHONE)
    assert (case.cause, case.partner) == ("flooded", None)
    (piece,) = (await world.call(OPERATOR, "watch.get_case", id=case.id)).evidence
    assert piece.figures["partners"] == ["first", "second", "shop"] and len(piece.orders) == 6
    with pytest.raises(NumberOnHold):
        await push(world, "shop", "u")
    assert await told(world) == []  # it is nobody's in particular
    assert PHONE[3:] not in str(await listed(world))
    await world.call(OPERATOR, "watch.move_case", id=case.id, to="closed", reason="a family", lift=True)
    await cancel(world, "shop", "u")
    await look(world, cycles=1000)
    assert [one.state for one in await listed(world)] == ["closed"]  # what was judged is not judged again
    for name in names * 2:
        await cancel(world, name, "u")
    await look(world, cycles=1000)
    assert [one.state for one in await listed(world)] == ["closed", "open"]


async def test_orders_placed_and_cancelled_again_and_again_open_a_case_of_the_partner(world: World) -> None:
    await registered(world, "shop")
    await world.subscriber("partner:shop:u")
    for _ in range(5):
        await cancel(world, "shop", "u")
    await look(world)
    await look(world)
    assert [(one.cause, one.partner) for one in await listed(world)] == [("cycles", "shop")]
    own = (await world.call(partner(), "partner.cases")).items
    assert [one.cause for one in own] == ["cycles"] and not hasattr(own[0], "number")
    with pytest.raises(NumberOnHold):
        await push(world, "shop", "u")


async def test_orders_for_numbers_in_arrears_count_against_number_and_partner(world: World) -> None:
    await registered(world, "shop")
    world.boss.refused_offers[PAID] = "insufficient_balance"
    for user in ("u1", "u2"):
        await world.bind(f"wechat:gh:{user}", await world.subscriber(f"partner:shop:{user}"))
    for user in ("u1", "u1", "u2", "u1", "u2"):
        order = await push(world, "shop", user)
        await world.call(person(f"wechat:gh:{user}"), "orders.confirm", id=order.id)
        await world.work()
        world.clock.advance(minutes=1)
    await look(world, partner_refusals=5)
    cases = {one.cause: one for one in await listed(world)}
    assert set(cases) == {"arrears", "refusals"}
    (piece,) = (await world.call(OPERATOR, "watch.get_case", id=cases["refusals"].id)).evidence
    assert (piece.figures["in_arrears"], len(piece.orders)) == (5, 5)
    assert len((await world.call(OPERATOR, "watch.get_case", id=cases["arrears"].id)).evidence[0].orders) == 3
    with pytest.raises(NumberOnHold):
        await push(world, "shop", "u1")
    assert (await push(world, "shop", "u2")).state == "awaiting_confirmation"


async def test_refusals_for_other_reasons_are_no_arrears(world: World) -> None:
    await registered(world, "shop")
    world.boss.refused_offers[PAID] = "not in your region"
    await world.bind("wechat:gh:u", await world.subscriber("partner:shop:u"))
    for _ in range(4):
        order = await push(world, "shop", "u")
        await world.call(person("wechat:gh:u"), "orders.confirm", id=order.id)
        await world.work()
    await look(world, partner_refusals=2)
    assert await listed(world) == []


async def test_a_burst_of_numbers_outside_the_habit_opens_a_case(world: World) -> None:
    await registered(world, "shop")
    for at in range(8):
        await world.subscriber(f"partner:shop:u{at}")
    await push(world, "shop", "u0")
    await look(world, burst_numbers=6)
    world.clock.advance(hours=2)
    for at in range(1, 8):
        await push(world, "shop", f"u{at}")
    await look(world, burst_numbers=6)
    await look(world, burst_numbers=6)
    (case,) = await listed(world, partner="shop")
    (piece,) = (await world.call(OPERATOR, "watch.get_case", id=case.id)).evidence
    assert (case.cause, piece.figures["numbers"], piece.figures["busiest_hour_before"]) == ("burst", 7, 1)


async def test_cases_are_paged_and_wrong_calls_are_told_why(world: World) -> None:
    await registered(world, "shop")
    made = [(await world.call(OPERATOR, "watch.open_case", partner="shop", reason=f"r{at}")).id for at in range(3)]
    first = await world.call(OPERATOR, "watch.list_cases", limit=2, state="open")
    rest = await world.call(OPERATOR, "watch.list_cases", limit=2, cursor=first.next)
    assert [one.id for one in (*first.items, *rest.items)] == made and rest.next is None
    own = await world.call(partner(), "partner.cases", limit=2)
    assert own.next == made[1]
    with pytest.raises(CaseNotFound):
        await world.call(OPERATOR, "watch.get_case", id=NO_CASE)
    wrong_ones: list[tuple[str, dict[str, Any]]] = [
        ("watch.open_case", {"reason": "r"}),
        ("watch.add_evidence", {"id": made[0]}),
        ("watch.add_evidence", {"id": made[0], "orders": [NO_CASE]}),
        ("watch.move_case", {"id": made[0], "to": "recovering", "owed_fen": 1, "reason": "r", "lift": True}),
        ("watch.move_case", {"id": made[0], "to": "recovering", "owed_fen": 0, "reason": "r"}),
    ]
    for name, fields in wrong_ones:
        with pytest.raises(MalformedRequest):
            await world.call(OPERATOR, name, **fields)
    with pytest.raises(GatewayError) as refused:
        await world.call(partner("shop", "orders:*"), "watch.list_cases")
    assert refused.value.extra["reason"] == "scope_missing"
