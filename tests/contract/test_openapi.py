"""What the gateway serves is what its OpenAPI document says, whatever is sent: schemathesis against a real process."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.core.result import Ok
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from tests.faults.gateway_process import Gateway, Stage, staged
from tests.faults.warm_starts import WarmStarts

CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]
EXAMPLES = 8
USER = "user-1"


@pytest.fixture(scope="module")
def starts(tmp_path_factory: pytest.TempPathFactory) -> Any:
    warm = WarmStarts(tmp_path_factory.mktemp("starts") / "parent.log")
    yield warm
    warm.close()


@pytest.fixture
async def stage(database_url: str, tmp_path: Path, starts: WarmStarts) -> AsyncIterator[Stage]:
    async with staged(database_url, tmp_path, starts, people=1) as opened:
        await opened.subscribers(1, partner="fuzz")
        yield opened


@pytest.fixture
async def gateway(stage: Stage) -> Gateway:
    made = stage.gateway()
    await made.start()
    return made


@pytest.fixture
async def partner_headers(stage: Stage, gateway: Gateway) -> dict[str, str]:
    """A partner with every scope, speaking of a bound user."""
    credentials = await stage.partner("fuzz", "partners:*")
    form = {"grant_type": "client_credentials", "client_id": "fuzz", "client_secret": credentials.client_secret}
    async with stage.http.post(f"{gateway.url}/oauth/token", data=form) as response:
        token = (await response.json())["access_token"]
    return {"Authorization": f"Bearer {token}", "Tuila-User": USER}


@pytest.fixture
async def session_headers(stage: Stage, gateway: Gateway, partner_headers: dict[str, str]) -> dict[str, str]:
    """The web session of that user."""
    url = f"{gateway.url}/v1/sessions"
    async with stage.http.post(url, json={"client_id": "fuzz"}, headers=partner_headers) as response:
        assert response.status == 200, await response.text()
        return {"Authorization": f"Bearer {(await response.json())['token']}"}


@pytest.mark.timeout(240)
@pytest.mark.parametrize(
    ("database_url", "speaker", "mode"),
    [
        ("sqlite_url", "session", GenerationMode.POSITIVE),
        ("sqlite_url", "partner", GenerationMode.NEGATIVE),
        pytest.param("postgresql_url", "partner", GenerationMode.POSITIVE, marks=pytest.mark.postgresql),
        pytest.param("postgresql_url", "session", GenerationMode.NEGATIVE, marks=pytest.mark.postgresql),
    ],
    indirect=["database_url"],
)
async def test_every_answer_is_a_documented_one(
    gateway: Gateway,
    partner_headers: dict[str, str],
    session_headers: dict[str, str],
    speaker: str,
    mode: GenerationMode,
) -> None:
    """Both speakers, both kinds of data and both databases, each with each other but once: more calls find no more."""
    headers = partner_headers if speaker == "partner" else session_headers
    failures = await asyncio.to_thread(failures_of, gateway.url, headers, mode)
    assert not failures, "\n\n".join(failures)
    assert gateway.is_alive


@pytest.mark.parametrize("text", ["\x00", "a\x00b"])
async def test_text_that_a_database_cannot_hold_is_refused(
    stage: Stage, gateway: Gateway, partner_headers: dict[str, str], text: str
) -> None:
    for path, body in (
        ("/v1/orders", {"offer": "TM-SMS-5", "partner_ref": text}),
        ("/v1/orders", {"offer": "TM-SMS-5", "attribution": {"impression": text}}),
        ("/v1/partners", {"id": "other", "name": text, "scopes": []}),
    ):
        async with stage.http.post(gateway.url + path, json=body, headers=partner_headers) as response:
            assert response.status == 400, await response.text()


def failures_of(url: str, headers: dict[str, str], mode: GenerationMode) -> list[str]:
    """What broke the contract, an entry for each operation that did."""
    schema = schemathesis.openapi.from_url(f"{url}/openapi.json")
    found = []
    for result in schema.get_all_operations():
        assert isinstance(result, Ok), result
        operation = result.ok()

        @settings(
            max_examples=EXAMPLES,
            derandomize=True,
            database=None,
            deadline=None,
            phases=[Phase.explicit, Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        @given(case=operation.as_strategy(generation_mode=mode))
        def conforms(case: Any) -> None:
            response = case.call(base_url=url, headers=headers)
            case.validate_response(response, checks=CHECKS)

        try:
            conforms()
        except (Exception, BaseExceptionGroup) as error:  # noqa: BLE001 - each operation is judged by itself
            found.append(f"{operation.method.upper()} {operation.path}: {describe(error)}")
    return found


def describe(error: BaseException) -> str:
    if isinstance(error, BaseExceptionGroup):
        return "; ".join(describe(one) for one in error.exceptions)
    return f"{type(error).__name__}: {error}"
