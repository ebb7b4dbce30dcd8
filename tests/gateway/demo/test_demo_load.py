"""The demo: loaded once, gone on with where it was, and good for everything the documents show with it."""

import asyncio
import json

import pytest
from sqlalchemy import func, select

from auth import client_secret
from auth.principal import Principal
from gateway.capabilities.bindings import bindings
from gateway.capabilities.interactions import interactions
from gateway.capabilities.offers import Catalog
from gateway.capabilities.orders import subscriptions
from gateway.capabilities.partners import Partners
from gateway.capabilities.subscribers import profiles, subscribers
from gateway.demo.generator import generate
from gateway.demo.load import APP, APP_USERS, PORTAL, SEED, load_demo, load_subscribers, local_origins
from gateway.invoke import Call
from gateway.platform import CATALOG_FILES

N = 600
TABLES = (subscribers, profiles, subscriptions, interactions, bindings)


async def counts(world):
    def read(connection):
        return {table.name: connection.scalar(select(func.count()).select_from(table)) for table in TABLES}

    return await world.platform.store.read(read)


def app_principal():
    return Principal("partner", APP, frozenset({"*"}), partner_id=APP)


async def test_everything_a_stranger_needs_is_there_and_a_second_load_adds_nothing(world):
    told = []
    demo = await load_demo(world.platform, N, progress=lambda what, done, of: told.append((what, done, of)))
    assert (demo.subscribers, demo.loaded) == (N, N)
    assert ("subscribers", N, N) in told
    found = await counts(world)
    assert found["subscribers"] == found["profiles"] == N
    assert found["subscriptions"] > N
    assert found["interactions"] > found["subscriptions"]
    assert found["bindings"] == APP_USERS
    assert world.platform.ranker.current.model.subscribers == N

    world.clock.advance(days=1)
    again = await load_demo(world.platform, N)
    assert (again.subscribers, again.loaded, again.free_phones) == (N, 0, demo.free_phones)
    assert await counts(world) == found


async def test_the_free_numbers_belong_to_subscribers_nobody_is_bound_to(world):
    demo = await load_demo(world.platform, N)
    assert len(demo.free_phones) == 2
    digests = [world.platform.vault.digest(phone) for phone in demo.free_phones]
    asked = select(subscribers.c.id).where(subscribers.c.phone_hash.in_(digests))
    ids = await world.platform.store.read(lambda c: c.scalars(asked).all())
    assert len(ids) == 2
    await world.bind("wechat:gh:o1", ids[0])
    left = await load_demo(world.platform, N)
    assert len(set(left.free_phones) & set(demo.free_phones)) == 1


async def test_the_demo_app_can_ask_for_its_users(world):
    demo = await load_demo(world.platform, N)
    assert demo.credentials.stat().st_mode & 0o777 == 0o600
    written = json.loads(demo.credentials.read_text())
    assert written["client_id"] == APP
    partner = await world.platform.parts.get(Partners).get(APP)
    assert partner is not None
    assert client_secret.match(written["client_secret"], partner.secrets, world.clock())
    call = Call("recommendations.list", app_principal(), {"limit": "3"}, account=f"partner:{APP}:user-1", channel="api")
    answer = await world.platform.invoke(call)
    assert len(answer.items) == 3
    assert all(one.reason.words for one in answer.items)


async def test_lost_credentials_are_made_anew(world):
    demo = await load_demo(world.platform, N)
    before = demo.credentials.read_text()
    demo.credentials.unlink()
    await load_demo(world.platform, N)
    assert demo.credentials.read_text() != before


async def test_a_user_that_was_unbound_stays_unbound(world):
    await load_demo(world.platform, N)
    await world.platform.store.write(
        lambda c: c.execute(bindings.update().values(ended_at=world.clock(), ended_because="test"))
    )
    await load_demo(world.platform, N)
    live = select(func.count()).select_from(bindings).where(bindings.c.ended_at.is_(None))
    assert await world.platform.store.read(lambda c: c.scalar(live)) == 0


async def test_the_portals_partner_has_the_origins_of_this_installation(world):
    await load_demo(world.platform, 10)
    partner = await world.platform.parts.get(Partners).get(PORTAL)
    assert partner is not None
    assert partner.origins == {"http://127.0.0.1:8000", "http://localhost:8000"}
    moved = world.another()
    moved.settings = world.settings.model_copy(update={"public_url": "http://127.0.0.1:9000"})
    await load_demo(moved, 10)
    partner = await moved.parts.get(Partners).get(PORTAL)
    assert partner is not None
    assert "http://localhost:9000" in partner.origins
    await moved.close()


@pytest.mark.parametrize(
    ("address", "origins"),
    [
        ("http://localhost:8000", ["http://localhost:8000", "http://127.0.0.1:8000"]),
        ("https://tuila.example.test", ["https://tuila.example.test"]),
    ],
)
def test_only_this_machine_has_other_names(address, origins):
    assert local_origins(address) == origins


async def test_more_subscribers_are_added_to_those_that_are_there(world):
    catalog = Catalog.load(CATALOG_FILES)
    today = world.clock().date()
    assert await load_subscribers(world.platform, catalog, 100, SEED) == 100
    assert await load_subscribers(world.platform, catalog, 250, SEED) == 150
    asked = select(subscribers.c.ref, subscribers.c.brand, subscribers.c.region).order_by(subscribers.c.ref)
    rows = await world.platform.store.read(lambda c: c.execute(asked).all())
    expected = [one for chunk in generate(catalog, 250, SEED, today) for one in chunk]
    assert [tuple(row) for row in rows] == [(one.ref, one.brand, one.region) for one in expected]


async def test_a_load_cut_off_goes_on_where_it_was(world):
    catalog = Catalog.load(CATALOG_FILES)

    def cut_off(what, done, of):
        raise asyncio.CancelledError

    with pytest.raises(asyncio.CancelledError):
        await load_subscribers(world.platform, catalog, 5_000, SEED, cut_off)
    there = (await counts(world))["subscribers"]
    assert 0 < there < 5_000
    assert await load_subscribers(world.platform, catalog, 5_000, SEED) == 5_000 - there
    assert (await counts(world))["subscribers"] == 5_000
