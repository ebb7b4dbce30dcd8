"""Recommendations over the platform: reasons, feedback at once on every channel, impressions that reach the order."""

from __future__ import annotations

from gateway.capabilities.recommendations import incidence, train
from gateway.capabilities.recommendations.live import put_model
from gateway.store import Unit
from tests.fixtures.world import World, person

ME, ALSO_ME = "wechat:gh:me", "web:also-me"


async def teach(world: World) -> None:
    """A hundred listeners, most of whom have the music offer."""
    pairs = [(n, item) for n in range(100) for item in ("service:music", "TM-MUSIC-10")[: 2 if n % 5 else 1]]
    pairs += [(n, "service:mail") for n in range(100, 300)]
    unit = Unit()
    put_model(unit, train(*incidence(pairs), world.platform.catalog.current.codes), world.clock())
    await world.platform.store.commit(unit)
    await world.platform.refresh()


async def test_what_fits_comes_first_with_its_reason_and_the_impression_reaches_the_order(world: World) -> None:
    await teach(world)
    await world.subscriber(ME, usage={"service:music": 1.0})
    first = (await world.call(person(ME), "recommendations.list")).items[0]
    assert (first.offer, first.reason.code) == ("TM-MUSIC-10", "uses_service")
    assert "80%" in first.reason.words
    order = await world.call(
        person(ME), "orders.place", offer=first.offer, attribution={"impression": first.impression}
    )
    assert order.attribution.impression == first.impression


async def test_not_interested_on_one_channel_changes_the_next_answer_on_another(world: World) -> None:
    await teach(world)
    number = await world.subscriber(ME, usage={"service:music": 1.0})
    await world.bind(ALSO_ME, number)
    shown = [one.offer for one in (await world.call(person(ALSO_ME), "recommendations.list")).items]
    assert "TM-MUSIC-10" in shown
    await world.call(person(ME), "recommendations.feedback", kind="declined", offer="TM-MUSIC-10")
    shown = [one.offer for one in (await world.call(person(ALSO_ME), "recommendations.list")).items]
    assert "TM-MUSIC-10" not in shown
    world.clock.advance(days=91)
    shown = [one.offer for one in (await world.call(person(ALSO_ME), "recommendations.list")).items]
    assert "TM-MUSIC-10" in shown


async def test_an_unbound_visitor_is_shown_what_is_popular(world: World) -> None:
    await teach(world)
    answer = await world.call(person("web:stranger"), "recommendations.list", limit=2)
    assert len(answer.items) == 2
    assert {one.reason.code for one in answer.items} <= {"popular", "available"}


async def test_nothing_held_or_under_way_is_recommended(world: World) -> None:
    await teach(world)
    await world.subscriber(ME, usage={"service:music": 1.0})
    order = await world.call(person(ME), "orders.place", offer="TM-MUSIC-10")
    for state in ("open", "held"):
        shown = [one.offer for one in (await world.call(person(ME), "recommendations.list", limit=20)).items]
        assert "TM-MUSIC-10" not in shown, state
        if state == "open":
            await world.call(person(ME), "orders.confirm", id=order.id)
            await world.work()
