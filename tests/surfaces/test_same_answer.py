"""One table of cases over every surface: what is asked in the same words is answered in the same words."""

from __future__ import annotations

import asyncio
import re
from collections import Counter
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
from sqlalchemy import func, select

from config.settings import ExchangeSettings
from gateway.capabilities.orders import orders
from tests.fixtures.world import World
from tests.surfaces.cases import CASES, OTHER, PAID, Case, Earlier
from tests.surfaces.drivers import Driver, Invoke, Mcp, Rest, Soap, Tmf, WebSocket, command_line
from tests.surfaces.order_file import OrderFile
from tests.surfaces.stage import Ask, Outcome, Stage, WallClock, staged

SURFACES: dict[str, Callable[[Stage], Driver]] = {
    "rest": Rest,
    "websocket": WebSocket,
    "soap": Soap,
    "mcp": Mcp,
    "tmf": Tmf,
    "order file": OrderFile,
}

_ID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_TIME = re.compile(r"\d{4}-\d\d-\d\dT[\d:.]+(Z|[+-]\d\d:\d\d)")
_OWN = frozenset({"channel", "user"})
"""What differs by how a case is run: over which surface an order came, and for whom."""


@pytest.fixture
async def stage(make_world: Callable[..., Any], database_url: str) -> AsyncIterator[Stage]:
    limits = ExchangeSettings(open_files=100, files_per_day=1000, files_at_once=12)
    async with staged(await make_world(database_url, clock=WallClock(), exchange=limits)) as opened:
        yield opened


@pytest.fixture
async def sqlite_stage(make_world: Callable[..., Any], sqlite_url: str) -> AsyncIterator[Stage]:
    async with staged(await make_world(sqlite_url, clock=WallClock())) as opened:
        yield opened


async def run(stage: Stage, driver: Driver, case: Case, user: str) -> list[Outcome]:
    """How the steps of a case end."""
    await stage.person(case, user)
    outcomes: list[Outcome] = []
    for step in case.steps:
        fields = {
            name: outcomes[value.step].answer[value.name] if isinstance(value, Earlier) else value
            for name, value in step.fields.items()
        }
        outcomes.append(await driver(Ask(step.capability, fields, case.speaker, user, step.key)))
    return outcomes


def bare(value: Any) -> Any:
    """The value without what is empty or nothing, for which not every form has a word."""
    if isinstance(value, dict):
        named = {name: bare(one) for name, one in value.items()}
        return {name: one for name, one in named.items() if one}
    return [bare(one) for one in value] if isinstance(value, list | tuple) else value


def normal(value: Any, but: frozenset[str] = _OWN, seen: dict[str, str] | None = None) -> Any:
    """The answer without what no two orders share: ids by the order in which they come, times as such."""
    seen = {} if seen is None else seen
    if isinstance(value, dict):
        return {name: normal(one, but, seen) for name, one in sorted(value.items()) if name not in but}
    if isinstance(value, list | tuple):
        return [normal(one, but, seen) for one in value]
    if isinstance(value, str):
        return _TIME.sub("time", _ID.sub(lambda found: seen.setdefault(found[0], f"id {len(seen)}"), value))
    return value


def expected_ends(case: Case, driver: Driver) -> list[str]:
    proxied = case.by_proxy if driver.by_proxy else {}
    ends = [proxied.get(number, step.ends) for number, step in enumerate(case.steps)]
    return ends if driver.tells_reasons else [one.partition("/")[0] for one in ends]


def cases_for(driver: Driver) -> list[Case]:
    opened = driver.capabilities
    return [
        case
        for case in CASES
        if case.speaker in driver.speakers
        and not (case.beyond_tmf and isinstance(driver, Tmf))
        and (opened is None or {step.capability for step in case.steps} <= opened)
    ]


def told_by(driver: Driver, answer: Any, whole: Any) -> Any:
    """Of the whole answer what a surface with words of its own has words for."""
    return whole if driver.capabilities is None or answer is None else {name: whole[name] for name in answer}


@pytest.mark.parametrize("surface", SURFACES)
async def test_every_surface_answers_as_invoke_does(stage: Stage, surface: str) -> None:
    driver, plain = SURFACES[surface](stage), Invoke(stage)
    for number, case in enumerate(cases_for(driver)):
        got = await run(stage, driver, case, f"{surface}-{number}")
        assert [one.ends for one in got] == expected_ends(case, driver), case.name
        reference = await run(stage, plain, case, f"invoke-{number}")
        assert [one.ends for one in reference] == [step.ends for step in case.steps], case.name
        answers = [(one.answer, same.answer) for one, same in zip(got, reference, strict=True) if one.ends == "ok"]
        wanted = [told_by(driver, answer, whole) for answer, whole in answers]
        assert normal(bare([answer for answer, _ in answers])) == normal(bare(wanted)), case.name
    assert number >= 8


async def test_the_command_line_answers_an_operator_alike(sqlite_stage: Stage) -> None:
    stage, plain, own = sqlite_stage, Invoke(sqlite_stage), _OWN | {"actor"}
    async with command_line(stage) as driver:
        for number, case in enumerate(case for case in CASES if case.for_operators):
            got = await run(stage, driver, case, f"cli-{number}")
            assert [one.ends for one in got] == expected_ends(case, driver), case.name
            reference = await run(stage, plain, case, f"invoke-{number}")
            assert normal([one.answer for one in got], own) == normal([one.answer for one in reference], own), case.name


async def test_an_order_sent_over_all_surfaces_at_once_is_one_order(stage: Stage) -> None:
    drivers: list[Driver] = [Invoke(stage), *(make(stage) for make in SURFACES.values())]
    number = await stage.world.subscriber("partner:shop:u1")
    wish = Ask("orders.place", {"offer": PAID, "partner_ref": "R-1"}, "partner", "u1", "k")
    outcomes = await asyncio.gather(*(drivers[turn % len(drivers)](wish) for turn in range(100)))
    assert {one.ends for one in outcomes} == {"ok"}
    first = outcomes[0].answer  # of the driver that tells all of it
    for turn, one in enumerate(outcomes):
        assert bare(one.answer) == bare(told_by(drivers[turn % len(drivers)], one.answer, first))
    assert await orders_of(stage.world, number) == 1
    other = wish._replace(fields={"offer": OTHER})
    conflicts = Counter([(await driver(other)).ends for driver in drivers])
    assert conflicts == {"idempotency-key-reused": len(drivers)}


async def orders_of(world: World, number: int) -> int:
    count = select(func.count()).select_from(orders).where(orders.c.subscriber_id == number)
    return await world.platform.store.read(lambda connection, /: connection.scalar(count) or 0)
