"""From an application to credentials, on both databases."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from auth import client_secret
from auth.principal import ANONYMOUS
from gateway.capabilities.onboarding.errors import ApplicationClosed, ApplicationNotFound, ClientIdTaken
from gateway.capabilities.onboarding.schemas import Applied, Claimed
from gateway.capabilities.partners import Partners, RedirectUriInvalid
from gateway.errors import Forbidden, GatewayError, MalformedRequest, Unauthenticated
from tests.fixtures.world import OPERATOR, World, partner

ASKED: dict[str, Any] = {
    "client_id": "shop", "name": "Shop", "contact": "dev@shop.test", "purpose": "sell music",
    "scopes": ["orders:*"], "origins": ["https://shop.test"],
}  # fmt: skip


async def apply(world: World, **fields: Any) -> Applied:
    applied: Applied = await world.call(ANONYMOUS, "applications.apply", **{**ASKED, **fields})
    return applied


async def claim(world: World, applied: Applied, code: str | None = None) -> Claimed:
    claimed: Claimed = await world.call(ANONYMOUS, "applications.claim", id=applied.id, claim=code or applied.claim)
    return claimed


async def test_an_approved_applicant_takes_its_credentials_once_and_they_work(world: World) -> None:
    applied = await apply(world)
    assert (await claim(world, applied)).state == "pending"
    await world.call(OPERATOR, "applications.approve", id=applied.id, per_second=5, per_day=1000)
    first, second = await claim(world, applied), await claim(world, applied)
    assert (first.state, second.state) == ("claimed", "claimed")
    assert second.credentials is None
    known = await world.platform.parts.get(Partners).get("shop")
    assert known is not None
    assert first.credentials is not None and first.credentials.client_secret is not None
    assert client_secret.match(first.credentials.client_secret, known.secrets, world.clock()) is not None
    assert {"orders:*", "partner:self"} == known.scopes
    assert (known.per_second, known.per_day) == (5, 1000)


async def test_claiming_many_times_at_once_hands_out_one_secret(world: World) -> None:
    applied = await apply(world)
    await world.call(OPERATOR, "applications.approve", id=applied.id)
    answers = await asyncio.gather(*(claim(world, applied) for _ in range(10)))
    assert sum(answer.credentials is not None for answer in answers) == 1


async def test_two_answers_at_once_to_one_application_are_one_answer(world: World) -> None:
    applied = await apply(world)

    async def answer(verb: str, **fields: Any) -> str:
        try:
            await world.call(OPERATOR, f"applications.{verb}", id=applied.id, **fields)
        except GatewayError as error:
            return error.code
        return verb

    outcomes = await asyncio.gather(answer("approve"), answer("reject", reason="no"), answer("approve"))
    assert sorted(outcomes, key=lambda one: one == "application-closed")[1:] == ["application-closed"] * 2
    seen = await world.call(OPERATOR, "applications.get", id=applied.id)
    assert [step.to for step in seen.history] == ["pending", seen.state]


async def test_a_rejected_applicant_reads_why_and_may_apply_again(world: World) -> None:
    applied = await apply(world)
    with pytest.raises(ClientIdTaken):
        await apply(world)
    await world.call(OPERATOR, "applications.reject", id=applied.id, reason="which company are you?")
    answer = await claim(world, applied)
    assert (answer.state, answer.reason, answer.credentials) == ("rejected", "which company are you?", None)
    with pytest.raises(ApplicationClosed):
        await world.call(OPERATOR, "applications.approve", id=applied.id)
    assert (await apply(world)).id != applied.id


async def test_a_wrong_claim_learns_nothing(world: World) -> None:
    applied = await apply(world)
    with pytest.raises(ApplicationNotFound) as wrong:
        await claim(world, applied, "clm_guess")
    with pytest.raises(ApplicationNotFound) as unknown:
        await world.call(ANONYMOUS, "applications.claim", id="0" * 8 + "-0000-0000-0000-" + "0" * 12, claim="clm_guess")
    assert wrong.value.problem("/") == unknown.value.problem("/")


@pytest.mark.parametrize(
    "fields", [{"client_id": "Shop!"}, {"contact": "nobody"}, {"scopes": []}, {"scopes": ["all"]}, {"origins": ["x"]}]
)
async def test_an_application_that_says_too_little_is_refused(world: World, fields: dict[str, Any]) -> None:
    with pytest.raises(MalformedRequest):
        await apply(world, **fields)


async def test_a_redirect_nobody_should_be_sent_to_is_refused_at_once(world: World) -> None:
    with pytest.raises(RedirectUriInvalid):
        await apply(world, redirect_uris=["http://shop.test/back"])


async def test_only_operators_decide_and_list(world: World) -> None:
    applied = await apply(world)
    asked: list[tuple[str, dict[str, Any]]] = [
        ("approve", {"id": applied.id}),
        ("list", {}),
        ("get", {"id": applied.id}),
    ]
    for verb, fields in asked:
        with pytest.raises(Unauthenticated):
            await world.call(ANONYMOUS, f"applications.{verb}", **fields)
        with pytest.raises(Forbidden):
            await world.call(partner("rival", "orders:*"), f"applications.{verb}", **fields)


async def test_lists_are_paged_oldest_first(world: World) -> None:
    made = [(await apply(world, client_id=f"shop-{number}")).id for number in range(5)]
    seen, cursor = [], None
    while True:
        page = await world.call(OPERATOR, "applications.list", limit=2, cursor=cursor)
        seen += [one.id for one in page.items]
        cursor = page.next
        if cursor is None:
            break
    assert seen == made
