"""The ten lines that docs/architecture.md shows: opened on every surface that reads declarations."""

import re
from pathlib import Path

import aiohttp
import pytest
from msgspec import Struct
from typer.testing import CliRunner

from auth.principal import Principal
from gateway import platform
from gateway.app import create_app
from gateway.capability import CapabilitySet, Context, Effect, Subject
from gateway.cli import app
from gateway.errors import Forbidden
from gateway.server import listen, serving
from tests.fixtures.world import OPERATOR

DOCUMENT = Path(__file__).parents[2] / "docs" / "architecture.md"
SHOP = Principal("partner", "shop", frozenset({"orders:*"}), partner_id="shop")


def shown():
    """The Python block of the document."""
    (block,) = re.findall(r"```python\n(.*?)```", DOCUMENT.read_text("utf-8"), re.DOTALL)
    return block


@pytest.fixture
def allowances():
    names = {
        "__name__": "ten_lines", "CapabilitySet": CapabilitySet, "Context": Context, "Effect": Effect, "Struct": Struct,
        "Subject": Subject,
    }  # fmt: skip
    exec(shown(), names)
    return names["allowances"]


@pytest.fixture
async def served(make_world, sqlite_url, allowances):
    world = await make_world(sqlite_url)
    await world.subscriber("partner:shop:u1")
    with_it = world.another(sets=(*platform.SETS, allowances))
    await with_it.refresh()
    async with serving(create_app(with_it), listen("127.0.0.1", 0)) as url, aiohttp.ClientSession(url) as session:
        yield world, with_it, session
    await with_it.close()


def test_the_lines_are_ten():
    assert len(shown().splitlines()) == 10


async def test_it_answers_over_rest_to_those_with_its_scope_and_to_no_other(served):
    world, _, session = served
    given = await world.call(OPERATOR, "partners.create", id="shop", name="Shop", scopes=["allowances:read"])
    form, basic = {"grant_type": "client_credentials"}, aiohttp.encode_basic_auth(given.client_id, given.client_secret)
    async with session.post("/oauth/token", data=form, headers={"Authorization": basic}) as response:
        token = (await response.json())["access_token"]
    headers = {"Authorization": f"Bearer {token}", "Tuila-User": "u1"}
    async with session.get("/v1/allowances", headers=headers) as response:
        assert (response.status, await response.json()) == (200, {"traffic_used_pct": None})
    async with session.get("/v1/allowances", headers={**headers, "Tuila-User": "stranger"}) as response:
        assert (response.status, (await response.json())["reason"]) == (403, "binding_required")
    async with session.get("/v1/allowances") as response:
        assert response.status == 401


async def test_a_partner_without_its_scope_is_refused(served):
    world, with_it, _ = served
    with pytest.raises(Forbidden, match="scope"):
        await world.call(SHOP, "allowances.get", account="partner:shop:u1", on=with_it)


async def test_it_is_in_the_openapi_document_with_its_words(served):
    _, _, session = served
    async with session.get("/openapi.json") as response:
        operation = (await response.json())["paths"]["/v1/allowances"]["get"]
    assert operation["operationId"] == "allowances.get"
    assert operation["summary"] == "How much of the month's data the subject has used, in percent."
    assert {"200", "401", "403", "429"} <= operation["responses"].keys()


def test_it_is_in_the_command_lines_list(allowances, monkeypatch):
    monkeypatch.setattr(platform, "SETS", (*platform.SETS, allowances))
    listed = CliRunner().invoke(app, ["capabilities"])
    assert re.search(r"^allowances\.get\s+GET\s+/v1/allowances\s+allowances:read", listed.stdout, re.MULTILINE)
