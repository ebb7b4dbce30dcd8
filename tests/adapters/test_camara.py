"""One contract for the network's word on a number, held by the fake and by the client on the stand-in; then the wire."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any, Protocol

import aiohttp
import jsonschema
import pytest
import yaml
from aiohttp.test_utils import TestServer, unused_port

from adapters.camara.client import CamaraClient
from adapters.camara.fake import FakeNumberWatch
from adapters.camara.protocol import CANNOT_SAY, INVALID_ARGUMENT, NOT_FOUND, OUT_OF_RANGE, NumberWatch
from adapters.camara.sandbox import make_app
from adapters.errors import UpstreamRefused, UpstreamUnavailable

NUMBER, OTHER = "+8613800138000", "+8613900139000"
SWAPPED = datetime(2026, 11, 20, 8, 0, tzinfo=UTC)


class World(Protocol):
    @property
    def numbers(self) -> NumberWatch: ...

    async def learn(
        self, number: str, recycled_on: date | None, sim_changed_at: datetime | None, looks_back_to: date | None = None
    ) -> None: ...

    async def fail(self, **faults: Any) -> None: ...


class FakeWorld:
    def __init__(self) -> None:
        self.numbers = FakeNumberWatch()

    async def learn(
        self, number: str, recycled_on: date | None, sim_changed_at: datetime | None, looks_back_to: date | None = None
    ) -> None:
        if recycled_on is not None:
            self.numbers.recycled[number] = recycled_on
        if sim_changed_at is not None:
            self.numbers.sim_changes[number] = sim_changed_at
        if looks_back_to is not None:
            self.numbers.looks_back_to[number] = looks_back_to

    async def fail(self, **faults: Any) -> None:
        self.numbers.down = faults.get("down", False)
        self.numbers.refused = dict.fromkeys(faults.get("refuse", []), "IDENTIFIER_NOT_FOUND")


class SandboxWorld:
    def __init__(self, session: aiohttp.ClientSession, url: str, secret: str = "secret") -> None:
        self.session, self.url = session, url
        self.now = 1000.0
        self.numbers = CamaraClient(
            session, f"{url}/camara", f"{url}/oauth/token", "tuila", secret, timeout=timedelta(seconds=5), rng=Random(1),
            sleep=no_wait, monotonic=lambda: self.now,
        )  # fmt: skip

    async def learn(
        self, number: str, recycled_on: date | None, sim_changed_at: datetime | None, looks_back_to: date | None = None
    ) -> None:
        body = {
            "recycled_on": recycled_on and recycled_on.isoformat(),
            "sim_changed_at": sim_changed_at and sim_changed_at.isoformat(),
            "looks_back_to": looks_back_to and looks_back_to.isoformat(),
        }
        async with self.session.put(f"{self.url}/numbers/{number}", json=body) as response:
            assert response.status == 200, await response.text()

    async def fail(self, **faults: Any) -> None:
        async with self.session.put(f"{self.url}/faults", json=faults) as response:
            assert response.status == 200, await response.text()


async def no_wait(seconds: float) -> None:
    """A sleep that takes no time."""


@asynccontextmanager
async def sandbox() -> AsyncIterator[SandboxWorld]:
    async with TestServer(make_app("tuila", "secret")) as server, aiohttp.ClientSession() as session:
        yield SandboxWorld(session, str(server.make_url("")).rstrip("/"))


@pytest.fixture(params=["fake", "client"])
async def world(request: pytest.FixtureRequest) -> AsyncIterator[World]:
    if request.param == "fake":
        yield FakeWorld()
    else:
        async with sandbox() as there:
            yield there


async def test_a_number_is_recycled_after_the_day_its_new_owner_came(world: World) -> None:
    await world.learn(NUMBER, date(2026, 11, 10), None)
    assert await world.numbers.recycled_since(NUMBER, date(2026, 11, 9)) is True
    assert await world.numbers.recycled_since(NUMBER, date(2026, 11, 10)) is False
    assert await world.numbers.recycled_since(OTHER, date(2020, 1, 1)) is False


async def test_the_time_of_the_newest_sim_card_is_told(world: World) -> None:
    await world.learn(NUMBER, None, SWAPPED)
    assert await world.numbers.sim_changed_at(NUMBER) == SWAPPED
    assert await world.numbers.sim_changed_at(OTHER) is None


async def test_a_day_too_long_ago_is_out_of_range(world: World) -> None:
    await world.learn(NUMBER, date(2026, 11, 10), None, date(2026, 1, 1))
    assert await world.numbers.recycled_since(NUMBER, date(2026, 1, 1)) is True
    with pytest.raises(UpstreamRefused) as refused:
        await world.numbers.recycled_since(NUMBER, date(2025, 12, 31))
    assert refused.value.code == OUT_OF_RANGE


async def test_a_network_that_is_down_is_unavailable(world: World) -> None:
    await world.fail(down=True)
    with pytest.raises(UpstreamUnavailable):
        await world.numbers.recycled_since(NUMBER, date(2026, 1, 1))
    with pytest.raises(UpstreamUnavailable):
        await world.numbers.sim_changed_at(NUMBER)


async def test_a_number_of_another_network_is_refused_by_its_code(world: World) -> None:
    await world.fail(refuse=[NUMBER])
    with pytest.raises(UpstreamRefused) as refused:
        await world.numbers.recycled_since(NUMBER, date(2026, 1, 1))
    assert refused.value.code == NOT_FOUND


async def test_lost_answers_are_asked_for_again_a_bounded_number_of_times() -> None:
    async with sandbox() as there:
        await there.fail(lose_answer="next 2")
        assert await there.numbers.sim_changed_at(NUMBER) is None
        await there.fail(lose_answer=1.0)
        with pytest.raises(UpstreamUnavailable):
            await there.numbers.sim_changed_at(NUMBER)


async def test_a_token_is_used_until_it_is_over_or_withdrawn() -> None:
    async with sandbox() as there:
        for _ in range(2):
            await there.numbers.sim_changed_at(NUMBER)
        assert there.numbers._token is not None and there.numbers._token[0] == "sandbox-token-1"
        there.now += 271
        await there.numbers.sim_changed_at(NUMBER)
        assert there.numbers._token[0] == "sandbox-token-2"
        await there.session.delete(f"{there.url}/oauth/token")
        assert await there.numbers.sim_changed_at(NUMBER) is None
        assert there.numbers._token[0] == "sandbox-token-3"


async def test_wrong_credentials_are_refused_and_nobody_there_is_unavailable() -> None:
    async with sandbox() as there:
        with pytest.raises(UpstreamRefused):
            await SandboxWorld(there.session, there.url, "wrong").numbers.sim_changed_at(NUMBER)
        nobody = SandboxWorld(there.session, f"http://127.0.0.1:{unused_port()}")
        with pytest.raises(UpstreamUnavailable):
            await nobody.numbers.sim_changed_at(NUMBER)


# -- The published document -------------------------------------------------------------------------------------------

_PLACES = [parent / "shared" / "data" / "specs" for parent in Path(__file__).parents]
FOLDER = next((place for place in _PLACES if place.exists()), _PLACES[-1])
document = pytest.mark.skipif(
    not FOLDER.exists(), reason="the published documents (../shared/data/specs) are not present"
)


def schema_of(*path: str) -> Any:
    """A schema of the Number Recycling document, with what it refers to put in its place."""
    common = yaml.safe_load((FOLDER / "CAMARA_common.yaml").read_text("utf-8"))
    whole = yaml.safe_load((FOLDER / "camara-number-recycling.yaml").read_text("utf-8"))
    return resolved(at(whole, path), whole, common)


def at(document: Any, path: Sequence[str]) -> Any:
    for name in path:
        document = document[name]
    return document


def resolved(part: Any, own: Any, common: Any) -> Any:
    if isinstance(part, list):
        return [resolved(one, own, common) for one in part]
    if not isinstance(part, dict):
        return part
    if "$ref" in part:
        file, _, path = part["$ref"].partition("#/")
        home = common if file else own
        return resolved(at(home, path.split("/")), home, common)
    return {name: resolved(one, own, common) for name, one in part.items()}


@document
@pytest.mark.parametrize(
    "body, status",
    [
        ({"phoneNumber": NUMBER, "specifiedDate": "2026-11-09"}, 200),
        ({"specifiedDate": "2026-11-09"}, 422),
        ({"phoneNumber": NUMBER}, 400),
        ({"phoneNumber": NUMBER, "specifiedDate": "yesterday"}, 400),
        ({"phoneNumber": NUMBER, "specifiedDate": "2026-11-09", "more": 1}, 400),
        ({"phoneNumber": "13800138000", "specifiedDate": "2026-11-09"}, 400),
        ({"phoneNumber": NUMBER, "specifiedDate": "2025-12-31"}, 400),
        ({"phoneNumber": OTHER, "specifiedDate": "2026-11-09"}, 404),
    ],
)
async def test_the_stand_in_answers_as_the_document_says(body: dict[str, Any], status: int) -> None:
    async with sandbox() as there:
        await there.numbers.sim_changed_at(NUMBER)
        await there.fail(refuse=[OTHER])
        await there.learn(NUMBER, None, None, date(2026, 1, 1))
        assert there.numbers._token is not None
        headers = {"Authorization": f"Bearer {there.numbers._token[0]}", "x-correlator": "c-1"}
        url = f"{there.url}/camara/number-recycling/v0.1/check"
        async with there.session.post(url, json=body, headers=headers) as response:
            said = await response.json()
            assert response.status == status, said
    named = ("responses", "Generic200") if status == 200 else ("responses", f"Generic{status}")
    jsonschema.validate(said, schema_of("components", *named, "content", "application/json", "schema"))


@document
def test_every_code_of_the_document_about_a_number_or_day_is_one_we_judge() -> None:
    about_us = {"UNAUTHENTICATED", "PERMISSION_DENIED", "MISSING_IDENTIFIER", "UNNECESSARY_IDENTIFIER"}
    published: set[str] = set()
    for status in ("400", "401", "403", "404", "422"):
        schema = schema_of("components", "responses", f"Generic{status}", "content", "application/json", "schema")
        published |= set(schema["allOf"][1]["properties"]["code"]["enum"])
    assert published == CANNOT_SAY | about_us | {INVALID_ARGUMENT}


@document
async def test_the_client_asks_as_the_document_says() -> None:
    async with sandbox() as there:
        await there.numbers.sim_changed_at(NUMBER)
        sent: list[bytes] = []
        post = there.numbers._post

        async def noting(url: str, headers: dict[str, str], body: Any) -> tuple[int, bytes]:
            sent.append(body)
            return await post(url, headers, body)

        there.numbers._post = noting  # type: ignore[method-assign] # the last door before the wire
        await there.numbers.recycled_since(NUMBER, date(2026, 11, 9))
    schema = schema_of("components", "schemas", "CreateCheckNumRecycling")
    jsonschema.validate(yaml.safe_load(sent[0]), {**schema, "additionalProperties": False})
