"""Whatever is sent to an operation we offer, the answer is one that its published document has: schemathesis."""

from __future__ import annotations

import asyncio
import copy
import warnings
from collections.abc import Iterator
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis.errors import HypothesisDeprecationWarning, Unsatisfiable
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.core.result import Ok
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    negative_data_rejection,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from gateway.standards import STANDARDS, Standard
from tests.gateway.standards.client import Client
from tests.gateway.standards.documents import document, needed

CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]
EXAMPLES = 5
PARTY = {"id": "u1", "role": "customer", "@referredType": "Individual"}
ITEM = {"id": "1", "action": "add", "productOffering": {"id": "TM-MUSIC-10"}}


@needed
@pytest.mark.parametrize("standard", STANDARDS, ids=lambda standard: standard.name)
async def test_every_answer_is_one_of_the_document(small: Client, standard: Standard) -> None:
    number = await small.world.subscriber("partner:shop:u1", held=("TM-NEWS-3",))
    await small.world.consent(number, "recommend")
    await small.log_in(per_second=1_000_000)
    headers = dict(small.headers)
    if standard.selects:  # the others name their user by themselves
        headers["Tuila-User"] = "u1"
    for mode in (GenerationMode.POSITIVE, GenerationMode.NEGATIVE):
        failures = await asyncio.to_thread(list, failures_of(standard, small.url, headers, mode))
        assert not failures, "\n\n".join(failures)


def failures_of(standard: Standard, url: str, headers: dict[str, str], mode: GenerationMode) -> Iterator[str]:
    """What broke the contract, an entry for each operation that did."""
    offered = {(operation.method, operation.path) for operation in standard.operations}
    schema = schemathesis.openapi.from_dict(narrowed(standard.name, offered))
    # A TMF document has attributes by the hundred that are passed over; of a wrong value of one nobody hears.
    checks = CHECKS if standard.selects else [*CHECKS, negative_data_rejection]
    seen = set()
    for result in schema.get_all_operations():
        assert isinstance(result, Ok), result
        operation = result.ok()
        seen.add((operation.method.upper(), operation.path))

        @settings(
            max_examples=EXAMPLES, derandomize=True, database=None, deadline=None, phases=[Phase.explicit, Phase.generate],
            suppress_health_check=list(HealthCheck),
        )  # fmt: skip
        @given(case=operation.as_strategy(generation_mode=mode))
        def conforms(case: Any) -> None:
            response = case.call(base_url=url + standard.base, headers=headers)
            case.validate_response(response, checks=checks)
            if mode is GenerationMode.POSITIVE:
                steer(case)
                response = case.call(base_url=url + standard.base, headers=headers)
                case.validate_response(response, checks=checks)

        try:
            with warnings.catch_warnings():
                # The gateway, in another thread, draws random numbers meanwhile.
                warnings.simplefilter("ignore", HypothesisDeprecationWarning)
                conforms()
        except Unsatisfiable:
            # An operation that takes one text in its path, and nothing else, cannot be asked wrongly.
            assert mode is GenerationMode.NEGATIVE and not operation.body and not operation.query, operation.label
        except (Exception, BaseExceptionGroup) as error:  # noqa: BLE001 - each operation is judged by itself
            yield f"{operation.method.upper()} {operation.path}: {describe(error)}"
    assert seen == offered, "an operation that the document does not have"


def narrowed(name: str, offered: set[tuple[str, str]]) -> dict[str, Any]:
    """The document with the operations we offer."""
    whole = copy.deepcopy(document(name))
    for place in ("basePath", "servers"):
        whole.pop(place, None)
    methods = {path: {method.lower() for method, at in offered if at == path} for _, path in offered}
    definitions = whole.get("definitions", {})
    for text in whole.get("components", {}).get("schemas", {}).values():
        if "pattern" in text:  # the generator cannot join a pattern of that form with a length
            text.pop("maxLength", None)
    whole["paths"] = {
        path: {method: told for method, told in operations.items() if method in methods[path]}
        for path, operations in whole["paths"].items()
        if path in methods
    }
    for operation in [told for operations in whole["paths"].values() for told in operations.values()]:
        for parameter in operation.get("parameters", ()):
            if parameter.get("in") == "body":
                parameter["schema"] = shallow(parameter["schema"], definitions, 2)
    return whole


def shallow(schema: dict[str, Any], definitions: dict[str, Any], depth: int) -> dict[str, Any]:
    """The schema without what lies deeper: whole bodies go round in circles, and making one up takes seconds."""
    if "$ref" in schema:
        schema = definitions[schema["$ref"].rpartition("/")[2]]
    if "items" in schema:
        return {**schema, "items": shallow(schema["items"], definitions, depth)}
    required = schema.get("required", ())
    kept = {name: told for name, told in schema.get("properties", {}).items() if depth > 0 or name in required}
    properties = {name: shallow(told, definitions, depth - 1) for name, told in kept.items()}
    return {**schema, "properties": properties} if "properties" in schema else schema


def steer(case: Any) -> None:
    """Name a real user and a real offer, so that the request gets further than its checks."""
    if isinstance(case.query, dict):
        case.query = {name: value for name, value in case.query.items() if name == "limit"}
    if not isinstance(case.body, dict):
        return
    kept = {name: value for name, value in case.body.items() if name in ("externalId", "description", "note", "@type")}
    if "productOrderItem" in case.body:
        case.body = {**kept, "productOrderItem": [ITEM], "relatedParty": [PARTY]}
    elif "phoneNumber" in case.body:
        case.body = {
            "phoneNumber": "+8613800138000",
            "message": "{{code}} is your Shop code. Never tell it to anybody.",
        }
    elif "relatedParty" in case.body:
        case.body = {**case.body, "relatedParty": PARTY, "category": [{"id": "music"}]}


def describe(error: BaseException) -> str:
    if isinstance(error, BaseExceptionGroup):
        return "; ".join(describe(one) for one in error.exceptions)
    return f"{type(error).__name__}: {error}"
