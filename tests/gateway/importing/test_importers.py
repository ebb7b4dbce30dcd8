"""Each kind of data, on both databases: what is taken over, what is refused and why, and the same thing again."""

import json
from collections.abc import Callable
from datetime import UTC, date, datetime
from pathlib import Path

import msgspec
import pyarrow.parquet as pq
import pytest
from sqlalchemy import func, select, update

from gateway.capabilities.interactions import interactions
from gateway.capabilities.offers import offers
from gateway.capabilities.orders import subscriptions
from gateway.capabilities.subscribers import Profile, contact_of, profiles, subscribers
from gateway.importing import Import, ImportRefused, run_import
from gateway.importing.mapping import Expression, Format, SourceMapping
from gateway.importing.offers import OfferImporter, import_catalog
from gateway.importing.orders import OrderImporter
from gateway.importing.run import Importer
from gateway.importing.subscribers import SubscriberImporter
from gateway.importing.tables import import_runs
from gateway.importing.usage import UsageImporter
from gateway.kit.clock import utc_now
from gateway.lake import UsageLake
from gateway.platform import CATALOG_FILES
from gateway.store import open_store


@pytest.fixture
def bring(world, tmp_path):
    """Imports text as a file: `await bring("usage", "…")`; the figures and the rejected rows."""

    async def bring(kind, text, *, name=None, again=False, mapping=None, **options):
        platform = world.platform
        file = tmp_path / (name or f"{kind}.csv")
        if text is not None:
            file.write_text(text)
        makers: dict[str, Callable[[], Importer]] = {
            "subscribers": lambda: SubscriberImporter(platform.store, platform.vault, world.clock, **options),
            "usage": lambda: UsageImporter(platform.store, UsageLake(tmp_path), world.clock, **options),
            "orders": lambda: OrderImporter(platform.store, world.clock, **options),
            "offers": lambda: OfferImporter(platform.store, world.clock, locale="en", **options),
        }
        figures = await run_import(platform.store, makers[kind](), Import(file, mapping, again), world.clock)
        report = Path(f"{file}.rejected.ndjson")
        lines = report.read_text().splitlines() if report.exists() else []
        return figures, [json.loads(line) for line in lines]

    return bring


def usage_in(folder):
    """Every row of the lake, sorted."""
    tables = [pq.ParquetFile(path).read().to_pylist() for path in (folder / "lake").rglob("*.parquet")]
    rows = [(row["subscriber_id"], row["item"], row["at"], row["weight"]) for table in tables for row in table]
    return sorted(rows)


async def everyone(world):
    rows = await world.platform.store.read(lambda c: c.execute(select(subscribers).order_by(subscribers.c.ref)).all())
    return {row.ref: row for row in rows}


async def count(world, table):
    return await world.platform.store.read(lambda c: c.scalar(select(func.count()).select_from(table)))


# --- subscribers ----------------------------------------------------------------------------------------------------


async def test_subscribers_are_added_with_phone_sealed_and_abilities_in_their_profile(world, bring):
    figures, rejected = await bring(
        "subscribers",
        "ref,phone,brand,region,joined_on,device_abilities\n"
        "a1,138 0013 8000,lejia,GD/440100/440106,2020-02-03,4g|apps\n"
        "a2,,qingning,,,\n",
    )
    assert (figures.taken, figures.rejected, rejected) == (2, 0, [])
    found = await everyone(world)
    vault = world.platform.vault
    assert (found["a1"].brand, found["a1"].region) == ("lejia", "GD/440100/440106")
    assert found["a1"].joined_on == date(2020, 2, 3)
    assert found["a1"].phone_hash == vault.digest("+8613800138000")
    contact = await world.platform.store.read(contact_of, found["a1"].id)
    assert contact.phone(vault) == "+8613800138000"
    assert (found["a2"].phone_hash, found["a2"].region) == (None, "")
    body = await world.platform.store.read(
        lambda c: c.scalar(select(profiles.c.body).where(profiles.c.subscriber_id == found["a1"].id))
    )
    assert msgspec.json.decode(body, type=Profile).device_abilities == ["4g", "apps"]


async def test_a_known_subscriber_is_brought_up_to_date_and_an_empty_cell_changes_nothing(world, bring):
    number = await world.subscriber(usage={"service:music": 0.5})
    await bring("subscribers", "ref,brand,region,phone,device_abilities\nS1,lejia,,,5g\n")
    row = (await everyone(world))["S1"]
    assert (row.id, row.brand, row.region) == (number, "lejia", "GD/440100/440106")
    assert row.phone_hash == world.platform.vault.digest("+8613800000001")
    body = await world.platform.store.read(lambda c: c.scalar(select(profiles.c.body)))
    assert msgspec.json.decode(body, type=Profile) == Profile({"service:music": 0.5}, None, ["5g"])


async def test_wrong_rows_are_told_by_line_and_reason_and_the_others_taken(world, bring):
    figures, rejected = await bring(
        "subscribers",
        "ref,phone,joined_on\na1,13800138001,2020-01-01\n,13800138002,\na3,12,\na4,13800138004,soon\na5,13800138001,\n",
    )
    assert figures.taken == 1
    assert list(await everyone(world)) == ["a1"]
    assert [(one["line"], one["reason"]) for one in rejected] == [
        (3, "ref is empty"),
        (4, "phone: not a phone number"),
        (5, "joined_on is not a date: soon"),
        (6, "phone: the number is that of subscriber a1"),
    ]
    assert rejected[1]["row"] == {"ref": "a3", "phone": "12", "joined_on": None}


async def test_a_number_may_pass_from_one_subscriber_to_another_in_the_order_of_the_file(world, bring):
    await bring("subscribers", "ref,phone\na1,13800138001\na2,13800138002\n")
    figures, rejected = await bring("subscribers", "ref,phone\na1,13800138009\na2,13800138001\n", name="later.csv")
    assert (figures.taken, rejected) == (2, [])
    found, digest = await everyone(world), world.platform.vault.digest
    assert (found["a1"].phone_hash, found["a2"].phone_hash) == (digest("+8613800138009"), digest("+8613800138001"))


async def test_the_last_row_of_a_subscriber_counts(world, bring):
    await bring("subscribers", "ref,brand\na1,lejia\na1,qingning\n")
    assert (await everyone(world))["a1"].brand == "qingning"


async def test_rejected_rows_are_for_their_owners_eyes(bring, tmp_path):
    await bring("subscribers", "ref,phone\na1,12\n")
    assert (tmp_path / "subscribers.csv.rejected.ndjson").stat().st_mode & 0o777 == 0o600


# --- usage ----------------------------------------------------------------------------------------------------------


async def test_usage_goes_into_the_lake_by_day(world, bring, tmp_path):
    number = await world.subscriber()
    figures, rejected = await bring(
        "usage",
        "subscriber,item,at,weight\nS1,service:music,2026-11-01T23:59:59Z,2\nS1,service:games,2026-11-02 00:00:00,\n",
    )
    assert (figures.taken, rejected) == (2, [])
    assert usage_in(tmp_path) == [
        (number, "service:games", datetime(2026, 11, 2, tzinfo=UTC), 1.0),
        (number, "service:music", datetime(2026, 11, 1, 23, 59, 59, tzinfo=UTC), 2.0),
    ]
    days = sorted(path.name for path in (tmp_path / "lake" / "usage").iterdir())
    assert days == ["day=2026-11-01", "day=2026-11-02"]


async def test_usage_of_the_unknown_is_refused_or_makes_them(world, bring):
    await bring("subscribers", "ref\nS1\n")
    text = "subscriber,item,at\nS1,i,2026-11-01\nnew,i,2026-11-01\nnew,j,2026-11-02\n"
    figures, rejected = await bring("usage", text)
    assert figures.taken == 1
    assert [(one["line"], one["reason"]) for one in rejected] == [
        (3, "there is no subscriber new"),
        (4, "there is no subscriber new"),
    ]
    figures, rejected = await bring("usage", text + "\n", create=True, name="created.csv")
    assert (figures.taken, rejected) == (3, [])
    assert (await everyone(world))["new"].brand == ""


async def test_rows_left_out_by_the_mapping_are_counted_and_not_reported(world, bring, tmp_path):
    await world.subscriber()
    mapping = SourceMapping(
        Format(header=False, columns=["u", "i", "r", "t"]),
        {
            "subscriber": Expression("u"),
            "item": Expression("i", prefix="content:movie/"),
            "weight": Expression("r", at_least=4),
            "at": Expression("t", unit="s"),
        },
    )
    figures, rejected = await bring("usage", "S1,7,5,881250949\nS1,8,3,881250949\n", mapping=mapping)
    assert (figures.taken, figures.left_out, rejected) == (1, 1, [])
    assert usage_in(tmp_path)[0][1:] == ("content:movie/7", datetime(1997, 12, 4, 15, 55, 49, tzinfo=UTC), 5.0)


async def test_the_same_usage_again_is_done_already_and_begun_anew_it_is_not_doubled(world, bring, tmp_path):
    await world.subscriber()
    text = "subscriber,item,at\n" + "".join(f"S1,i{n},2026-11-01\n" for n in range(10)) + "S2,i,2026-11-01\n"
    first, _ = await bring("usage", text, batch_rows=3)
    before = usage_in(tmp_path)
    second, _ = await bring("usage", None, batch_rows=3)
    assert second.already_done
    assert (second.taken, second.rejected) == (first.taken, first.rejected) == (10, 1)
    third, rejected = await bring("usage", None, batch_rows=4, again=True)
    assert not third.already_done
    assert usage_in(tmp_path) == before
    assert len(rejected) == 1


async def test_a_changed_file_and_a_changed_mapping_are_other_imports(world, bring):
    await world.subscriber()
    await bring("usage", "subscriber,item,at\nS1,i,2026-11-01\n")
    assert not (await bring("usage", "subscriber,item,at\nS1,i,2026-11-02\n"))[0].already_done
    mapping = SourceMapping(
        fields={"subscriber": Expression("subscriber"), "item": Expression("item", prefix="x"), "at": Expression("at")}
    )
    assert not (await bring("usage", None, mapping=mapping))[0].already_done


# --- orders ---------------------------------------------------------------------------------------------------------

ORDERS = (
    "subscriber,offer,started_at,ended_at\n"
    "S1,TM-MUSIC-10,2026-01-01,2026-03-01\n"
    "S1,TM-MUSIC-10,2026-05-01,\n"
    "S9,TM-MUSIC-10,2026-05-01,\n"
    "S1,NO-SUCH,2026-05-01,\n"
    "S1,TM-MUSIC-10,2026-06-01,\n"
    "S1,TM-MUSIC-10,2026-06-01,2026-05-01\n"
)


async def held(world):
    asked = select(subscriptions.c.subscriber_id, subscriptions.c.offer_code, subscriptions.c.ended_at)
    return sorted(map(tuple, await world.platform.store.read(lambda c: c.execute(asked).all())), key=str)


async def test_past_orders_become_subscriptions_and_completed_interactions(world, bring):
    number = await world.subscriber()
    figures, rejected = await bring("orders", ORDERS.replace("TM-MUSIC-10", any_offer(world)))
    assert figures.taken == 2
    assert [one["reason"].replace(any_offer(world), "X") for one in rejected] == [
        "there is no subscriber S9",
        "there is no offer NO-SUCH",
        "subscriber S1 holds X already, begun at another time",
        "ended_at is before started_at",
    ]
    ends = [ended for *_, ended in await held(world)]
    assert sorted(ends, key=str) == sorted([datetime(2026, 3, 1, tzinfo=UTC), None], key=str)
    asked = select(interactions.c.subscriber_id, interactions.c.kind, interactions.c.at).order_by(interactions.c.at)
    logged = await world.platform.store.read(lambda c: c.execute(asked).all())
    assert [tuple(row) for row in logged] == [
        (number, "completed", datetime(2026, 1, 1, tzinfo=UTC)),
        (number, "completed", datetime(2026, 5, 1, tzinfo=UTC)),
    ]


def any_offer(world):
    return world.platform.catalog.current.codes[0]


async def test_the_same_orders_again_add_nothing_and_an_end_told_later_ends(world, bring):
    await world.subscriber()
    code = any_offer(world)
    text = f"subscriber,offer,started_at,ended_at\nS1,{code},2026-05-01,\n"
    await bring("orders", text)
    await bring("orders", None, again=True)
    assert len(await held(world)) == 1
    await bring("orders", text.replace(",\n", ",2026-07-01\n"), name="later.csv")
    assert [ended for *_, ended in await held(world)] == [datetime(2026, 7, 1, tzinfo=UTC)]
    assert await count(world, interactions) == 1


async def test_what_is_held_through_the_platform_is_not_held_twice(world, bring):
    code = any_offer(world)
    await world.subscriber(held=(code,))
    figures, rejected = await bring("orders", f"subscriber,offer,started_at\nS1,{code},2026-05-01\n")
    assert (figures.taken, figures.rejected) == (0, 1)
    assert "holds" in rejected[0]["reason"]
    assert len(await held(world)) == 1


async def test_orders_of_the_unknown_may_make_them(world, bring):
    figures, _ = await bring("orders", f"subscriber,offer,started_at\nnew,{any_offer(world)},2026-05-01\n", create=True)
    assert figures.taken == 1
    assert "new" in await everyone(world)


# --- offers ---------------------------------------------------------------------------------------------------------

OFFER = {
    "code": "ZZ-TEST-1",
    "names": {"zh": "测试", "en": "Test"},
    "kind": "service",
    "service": "music",
    "price_fen": 100,
    "period": "month",
    "cancel_rule": {"zh": "随时", "en": "any time"},
    "lifecycle": "on_sale",
    "worth_fen": 10,
}


async def test_offers_come_one_a_line_and_gateways_take_them_over(world, bring):
    bundle = OFFER | {"code": "ZZ-TEST-2", "kind": "bundle", "components": ["ZZ-TEST-1", any_offer(world)]}
    wrong = OFFER | {"code": "zz"}
    stray = bundle | {"code": "ZZ-TEST-3", "components": ["ZZ-NONE-1"]}
    text = "".join(json.dumps(one, ensure_ascii=False) + "\n" for one in (OFFER, bundle, wrong, stray))
    figures, rejected = await bring("offers", text, name="o.ndjson", whole=True)
    assert figures.taken == 2
    assert [one["line"] for one in rejected] == [3, 4]
    assert rejected[0]["reason"].startswith("code: ")
    assert rejected[1]["reason"] == "it names offers that do not exist: ZZ-NONE-1"
    await world.platform.refresh()
    assert world.platform.catalog.current.by_code["ZZ-TEST-2"].components == ("ZZ-TEST-1", any_offer(world))


async def test_offers_come_from_columns_by_a_mapping(world, bring):
    mapping = SourceMapping(
        fields={
            "code": Expression("id", prefix="MOVIE-"), "names.zh": Expression("t"), "names.en": Expression("t"),
            "kind": Expression(value="service"), "service": Expression(value="movie"), "price_fen": Expression("p"),
            "period": Expression(value="once"), "lifecycle": Expression(value="on_sale"),
            "worth_fen": Expression(value=1), "cancel_rule.zh": Expression(value="无"),
            "cancel_rule.en": Expression(value="none"), "keywords": Expression("k", separator="/"),
        }
    )  # fmt: skip
    figures, rejected = await bring(
        "offers", "id,t,p,k\n1,Toy Story,500,toy/film\n2,Other,free,\n", mapping=mapping, whole=False
    )
    assert figures.taken == 1
    assert rejected[0]["reason"].startswith("price_fen: ")
    await world.platform.refresh()
    offer = world.platform.catalog.current.by_code["MOVIE-1"]
    assert (offer.price_fen, offer.keywords) == (500, ("toy", "film"))


async def test_a_catalog_is_taken_over_whole_or_not_at_all(world, tmp_path):
    store = world.platform.store
    before = await count(world, offers)
    assert await import_catalog(store, CATALOG_FILES, world.clock, "en") == before
    (tmp_path / "c.toml").write_text('[[offer]]\ncode = "ZZ-TEST-9"\n')
    with pytest.raises(ImportRefused, match=r"c\.toml: ZZ-TEST-9: "):
        await import_catalog(store, tmp_path / "c.toml", world.clock, "en")
    assert await count(world, offers) == before


# --- runs -----------------------------------------------------------------------------------------------------------


async def test_an_import_into_an_empty_database_says_what_to_do(empty_database_url, tmp_path):
    store = open_store(empty_database_url)
    (tmp_path / "u.csv").write_text("subscriber,item,at\n")
    importer = UsageImporter(store, UsageLake(tmp_path), utc_now)
    with pytest.raises(ImportRefused, match=r"tuila migrate"):
        await run_import(store, importer, Import(tmp_path / "u.csv"), utc_now)
    await store.close()


async def test_two_imports_of_one_file_at_once_do_not_count_twice(world, bring, tmp_path):
    text = "ref\n" + "".join(f"r{n}\n" for n in range(20))
    platform = world.platform
    (tmp_path / "subscribers.csv").write_text(text)

    class Overtaken(SubscriberImporter):
        async def take(self, batch, conclude):
            if batch.position == 10:
                await platform.store.write(lambda c: c.execute(update(import_runs).values(position=15)))
            await super().take(batch, conclude)

    importer = Overtaken(platform.store, platform.vault, world.clock, batch_rows=5)
    with pytest.raises(ImportRefused, match=r"another import of subscribers\.csv is under way"):
        await run_import(platform.store, importer, Import(tmp_path / "subscribers.csv"), world.clock)
    assert len(await everyone(world)) == 10


async def test_the_progress_reaches_the_end_of_the_file(world, tmp_path):
    file = tmp_path / "s.csv"
    file.write_text("ref\n" + "".join(f"r{n}\n" for n in range(20)))
    told = []
    platform = world.platform
    importer = SubscriberImporter(platform.store, platform.vault, world.clock, batch_rows=5)
    await run_import(
        platform.store, importer, Import(file), world.clock, lambda done, size, figures: told.append((done, size))
    )
    assert told[-1] == (file.stat().st_size, file.stat().st_size)
    assert len(told) == 4
