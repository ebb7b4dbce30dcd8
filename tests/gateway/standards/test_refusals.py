"""What is refused before an operation is asked has the form of the interface, too."""

from __future__ import annotations

from gateway.standards import STANDARDS, Standard
from tests.gateway.standards.client import Client
from tests.gateway.standards.documents import conforms, document, needed

METHODS = ("get", "post", "put", "patch", "delete")


def in_its_form(standard: Standard, body: object) -> bool:
    if standard.name == "camara":
        assert isinstance(body, dict)
        return {"status", "code", "message"} == body.keys()
    return conforms(standard.name, "Error", body)


@needed
async def test_every_operation_of_a_document_is_offered_or_said_not_to_be(small: Client) -> None:
    """A listener's paths are its own: there the document tells what the other side serves."""
    for standard in STANDARDS:
        offered = {(operation.path, operation.method.lower()) for operation in standard.operations}
        for path, operations in document(standard.name)["paths"].items():
            for method in operations.keys() & set(METHODS):
                if (path, method) in offered or path.startswith("/listener/"):
                    continue
                refused = await small(method.upper(), standard.base + path.replace("{id}", "x"))
                assert refused.status == 405 and "allow" in refused.headers, (method, path)
                assert in_its_form(standard, refused.body)


@needed
async def test_refusals_of_the_server_have_the_form_of_the_interface(small: Client) -> None:
    most = small.world.settings.limits.body_bytes
    for standard in STANDARDS:
        first = next(operation for operation in standard.operations if "{" not in operation.path)
        large = await small("POST", standard.base + first.path, b" " * (most + 1))
        assert (large.status, in_its_form(standard, large.body)) == (413, True)
        nowhere = await small("GET", f"{standard.base}/nowhere")
        assert (nowhere.status, in_its_form(standard, nowhere.body)) == (404, True)
        async with small.session.head(small.url + standard.base + first.path) as refused:
            assert refused.status == 405 and refused.headers["allow"]


async def test_elsewhere_they_stay_problem_documents(small: Client) -> None:
    large = await small("POST", "/v1/orders", b" " * (small.world.settings.limits.body_bytes + 1))
    assert (large.status, large.headers["content-type"]) == (413, "application/problem+json")
