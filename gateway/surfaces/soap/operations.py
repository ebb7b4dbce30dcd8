"""The operations of the WSDL: one for each capability, with the shapes of what it takes and answers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Annotated

from msgspec import Meta, Struct

from gateway.capability import Capability
from gateway.errors import GatewayError
from gateway.surfaces.openapi import possible_errors
from gateway.surfaces.soap.names import fault_name, operation_name
from gateway.surfaces.soap.shapes import Record, Shapes, Slot

CALL = "Call"
"""The header element."""
RESULT = "result"
"""The element of the answer inside its wrapper."""


class Call(Struct, frozen=True, rename="pascal"):
    """What surrounds a call. All of it may be left out, and so may the header."""

    user: Annotated[str | None, Meta(description="For partners: your own id of the user the call is about.")] = None
    idempotency_key: Annotated[
        str | None,
        Meta(
            description="The same key with the same body gives the same answer for 24 hours; with another body, a fault."
        ),
    ] = None
    version: Annotated[
        int | None, Meta(description="The version you saw of what the call changes; if it has another one, a fault.")
    ] = None
    locale: Annotated[str | None, Meta(description="Language of names and faults: zh-CN or en.")] = None


class Problem(Struct, frozen=True):
    """Why a call was refused; `code` is stable, `detail` is for people."""

    code: str
    status: Annotated[int, Meta(description="What the HTTP status is on the REST surface.")]
    title: str
    detail: str
    extra: Annotated[dict[str, list[str]], Meta(description="Further facts by name, as the error tells them.")]


@dataclass(frozen=True)
class Operation:
    """One capability as it is called over SOAP."""

    name: str
    """The element of the request."""
    capability: Capability
    request: Record
    answer: Slot | None
    """None: it answers nothing."""
    errors: tuple[type[GatewayError], ...]

    @property
    def response(self) -> str:
        """The element of the answer."""
        return f"{self.name}Response"


class Operations:
    """Every operation by name, and the shapes of the header and of the fault's detail.

    Raises:
        ValueError: two elements would have one name.
    """

    def __init__(self, capabilities: Iterable[Capability]) -> None:
        declared = list(capabilities)
        kinds = {kind: None for one in declared for kind in (one.request, one.answer) if kind is not type(None)}
        self.shapes = Shapes([Call, Problem, *kinds])
        self.call = self.shapes.record(Call)
        self.problem = self.shapes.record(Problem)
        self.by_name = {operation.name: operation for operation in map(self._operation, declared)}
        self.errors = sorted({error for one in self for error in one.errors}, key=lambda error: error.code)
        names = [CALL, *map(fault_name, self.errors)]
        names += [
            name for one in declared for name in (operation_name(one.name), f"{operation_name(one.name)}Response")
        ]
        twice = [name for name, number in Counter(names).items() if number > 1]
        if twice:
            raise ValueError(f"two elements would be called {', '.join(twice)}")

    def __iter__(self) -> Iterator[Operation]:
        return iter(self.by_name.values())

    def _operation(self, capability: Capability) -> Operation:
        answer = None if capability.answer is type(None) else self.shapes[capability.answer]
        return Operation(
            operation_name(capability.name), capability, self.shapes.record(capability.request), answer,
            tuple(possible_errors(capability)),
        )  # fmt: skip
