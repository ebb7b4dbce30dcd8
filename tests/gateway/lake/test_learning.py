"""Usage and orders become profiles and a model that gateways rank with."""

from datetime import timedelta

import msgspec
import pyarrow as pa
import pytest
from sqlalchemy import select

from gateway.bulk import put_completed
from gateway.capabilities.subscribers import Profile, profiles
from gateway.lake import USAGE_SCHEMA, UsageLake
from gateway.lake.learning import learn


@pytest.fixture
def lake(tmp_path):
    return UsageLake(tmp_path)


def use(lake, world, used):
    table = pa.table(
        [
            pa.array([subscriber for subscriber, _ in used], pa.int64()),
            [item for _, item in used],
            pa.array([world.clock()] * len(used), pa.timestamp("us", "UTC")),
            pa.array([1.0] * len(used), pa.float32()),
        ],
        USAGE_SCHEMA,
    )
    lake.write(table, run="r", position=0)


async def profile(world, number):
    body = await world.platform.store.read(
        lambda c: c.scalar(select(profiles.c.body).where(profiles.c.subscriber_id == number))
    )
    return msgspec.json.decode(body, type=Profile)


async def test_what_is_used_reaches_the_profile_and_what_else_is_known_stays(world, lake):
    number = await world.subscriber(abilities=("5g",))
    use(lake, world, [(number, "service:music"), (number, "service:games")])
    told = []
    learnt = await learn(world.platform.store, lake, (), world.clock, lambda what, done: told.append(what))
    assert await profile(world, number) == Profile({"service:games": 1.0, "service:music": 1.0}, None, ["5g"])
    assert learnt.profiles == 1
    assert "training" in told


async def test_gateways_take_the_model_over_and_rank_by_what_goes_together(world, lake):
    first, second, *_ = [
        offer.code
        for offer in world.platform.catalog.current
        if offer.lifecycle == "on_sale" and offer.kind == "service"
    ]
    for _ in range(30):
        await world.subscriber(held=(first,), usage={"service:odd": 1.0})
        await world.subscriber(held=(second,), usage={"service:even": 1.0})
    learnt = await learn(world.platform.store, lake, world.platform.catalog.current.codes, world.clock)
    assert (learnt.subscribers, learnt.targets, learnt.profiles) == (60, 2, 0)
    await world.platform.refresh()
    model = world.platform.ranker.current.model
    assert model.version == learnt.version
    row, targets = model.items.index("service:odd"), list(model.targets)
    assert model.similarity[row, targets.index(first)] > 0 > model.similarity[row, targets.index(second)]


async def test_orders_completed_in_the_last_year_count_as_taste(world, lake):
    number = await world.subscriber()
    now, store = world.clock(), world.platform.store
    taken = [(number, "RECENT-1", now - timedelta(days=300)), (number, "OLD-1", now - timedelta(days=400))]
    await store.write(put_completed, taken, channel="test")
    await learn(store, lake, ("RECENT-1", "OLD-1"), world.clock)
    await world.platform.refresh()
    assert world.platform.ranker.current.model.targets == ("RECENT-1",)


async def test_usage_of_an_offers_own_code_counts_as_having_it(world, lake):
    numbers = [await world.subscriber() for _ in range(4)]
    use(lake, world, [(number, code) for number in numbers for code in ("MOVIE-1", "MOVIE-2")])
    learnt = await learn(world.platform.store, lake, ("MOVIE-1", "MOVIE-2", "MOVIE-3"), world.clock)
    assert learnt.targets == 2


async def test_nothing_to_learn_from_is_an_empty_model(world, lake):
    learnt = await learn(world.platform.store, lake, world.platform.catalog.current.codes, world.clock)
    assert (learnt.subscribers, learnt.items, learnt.targets) == (0, 0, 0)
    await world.platform.refresh()
