"""A partner's view of itself, on both databases."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway import audit
from gateway.capabilities.partner_account import count_calls
from gateway.capabilities.partner_account.months import bounds, month_of
from gateway.capabilities.partner_account.usage import hours
from gateway.errors import Forbidden, GatewayError
from tests.fixtures.world import NOON, OPERATOR, World, partner, person
from tests.waiting import wait_for

ME = "wechat:gh:me"
SELF = partner("shop", "partner:self", "orders:*")


async def registered(world: World, id: str = "shop") -> None:
    await world.call(OPERATOR, "partners.create", id=id, name="Shop", scopes=["orders:*"], per_second=7, per_day=70)


async def test_a_partner_sees_its_registration_and_its_secrets_without_their_words(world: World) -> None:
    await registered(world)
    renewed = await world.call(SELF, "partner.renew")
    account = await world.call(SELF, "partner.get")
    assert (account.client_id, account.per_second, account.per_day) == ("shop", 7, 70)
    assert account.scopes == ["orders:*", "partner:self"]
    assert len(account.secrets) == 2
    assert renewed.client_secret not in str(account)


async def test_only_a_partner_has_an_account_of_its_own(world: World) -> None:
    await registered(world)
    for caller in (OPERATOR, person(ME)):
        with pytest.raises(Forbidden):
            await world.call(caller, "partner.get")


async def test_a_new_secret_is_never_given_twice_for_one_key(world: World) -> None:
    await registered(world)
    first = await world.call(SELF, "partner.renew", key="k")
    second = await world.call(SELF, "partner.renew", key="k")
    assert first.client_secret != second.client_secret


async def test_a_partner_changes_from_where_it_is_used_and_nothing_else(world: World) -> None:
    await registered(world)
    before = await world.call(SELF, "partner.get")
    places: dict[str, Any] = {"origins": ["https://b.test", "https://a.test"], "redirect_uris": ["https://a.test/back"]}
    changed = await world.call(SELF, "partner.update", **places)
    assert changed.origins == ["https://a.test", "https://b.test"]
    assert changed == await world.call(SELF, "partner.get")
    emptied = await world.call(SELF, "partner.update", origins=[], addresses=["203.0.113.0/24"])
    assert (emptied.origins, emptied.redirect_uris) == ([], ["https://a.test/back"])
    assert emptied.addresses == ["203.0.113.0/24"]
    await world.call(SELF, "partner.update", scopes=["partners:admin"], per_day=10**9, name="Bank")
    after = await world.call(SELF, "partner.get")
    assert (after.scopes, after.per_day, after.name) == (before.scopes, before.per_day, before.name)


@pytest.mark.parametrize(
    "places,code",
    [
        ({"origins": ["javascript:alert(1)"]}, "malformed-request"),
        ({"redirect_uris": ["http://shop.test/back"]}, "redirect-uri-invalid"),
        ({"addresses": ["300.1.2.3"]}, "address-invalid"),
    ],
)
async def test_a_place_that_cannot_be_is_refused_and_nothing_changes(
    world: World, places: dict[str, Any], code: str
) -> None:
    await registered(world)
    before = await world.call(SELF, "partner.get")
    with pytest.raises(GatewayError) as refused:
        await world.call(SELF, "partner.update", **{"origins": ["https://a.test"], **places})
    assert refused.value.code == code
    assert await world.call(SELF, "partner.get") == before


async def test_calls_are_counted_once_by_hour_and_outcome_and_nobody_elses_show(world: World) -> None:
    await registered(world)
    await registered(world, "rival")
    for _ in range(3):
        await world.call(SELF, "partner.get")
    world.clock.advance(hours=2)
    with pytest.raises(GatewayError):
        await world.call(SELF, "partners.suspend", id="rival")
    await world.call(partner("rival", "partner:self"), "partner.get")
    await wait_for(lambda: counted(world, 4), message="what was noted of reads is written and counted")
    await world.platform.store.write(audit.seal, count_calls)
    usage = await world.call(SELF, "partner.usage", days=1)
    assert [(hour.calls, hour.refused) for hour in usage.hours] == [(3, 0), (1, 1)]
    assert {(one.capability, one.outcome): one.calls for one in usage.outcomes} == {
        ("partner.get", "ok"): 3, ("partners.suspend", "forbidden"): 1,
    }  # fmt: skip
    assert (usage.calls, usage.refused) == (4, 1)


async def counted(world: World, calls: int) -> bool:
    await world.platform.store.write(audit.seal, count_calls)
    seen = await world.platform.store.read(hours, "shop", NOON - timedelta(days=1))
    return sum(hour.calls for hour in seen) >= calls


async def test_a_statement_adds_up_the_completed_orders_of_a_month(world: World) -> None:
    await registered(world)
    number = await world.subscriber("partner:shop:u1")
    await world.bind(ME, number)
    order = await world.call(SELF, "orders.place", account="partner:shop:u1", offer="TM-MUSIC-10")
    await world.call(person(ME), "orders.confirm", id=order.id)
    await world.work()
    await world.call(SELF, "orders.place", account="partner:shop:u1", offer="TM-NEWS-3")
    statement = await world.call(SELF, "partner.statement", month="2026-11")
    offer = world.platform.catalog.current.by_code["TM-MUSIC-10"]
    assert [(line.offer, line.orders, line.amount_fen, line.commission_fen) for line in statement.lines] == [
        ("TM-MUSIC-10", 1, offer.price_fen, offer.commission_fen)
    ]
    assert statement.by_state == {"completed": 1, "awaiting_confirmation": 1}
    assert (await world.call(SELF, "partner.statement", month="2026-10")).orders == 0


@given(st.datetimes(min_value=datetime(2001, 1, 1), max_value=datetime(2098, 1, 1), timezones=st.just(UTC)))  # noqa: DTZ001 - bounds of naive draws
def test_a_moment_lies_within_its_month_and_months_meet(moment: datetime) -> None:
    begins, ends = bounds(month_of(moment))
    assert begins <= moment < ends
    assert bounds(month_of(ends))[0] == ends
