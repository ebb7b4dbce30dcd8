"""How a standard is told to the surface: a table of operations, each one a capability and two pure mappings."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any

import msgspec

from gateway.errors import GatewayError, NotFound


@dataclass(frozen=True, slots=True)
class Asked:
    """What one request says, in the words of the standard."""

    path: Mapping[str, str]
    query: Mapping[str, tuple[str, ...]]
    body: Any
    """The decoded body; None where the operation takes none."""
    locale: str
    url: str
    """Absolute address that the paths of this standard lie under, without a slash at its end."""
    root: str
    """Absolute address of the gateway."""
    user: str | None = None
    """The partner's user the request is about, by the partner's own id."""
    fresh_id: str = ""
    """An id nobody has used, the same again under the same idempotency key: for what the standard numbers and the platform does not."""

    def value(self, name: str) -> str | None:
        """The one value of a query parameter, or None."""
        return self.query[name][-1] if self.query.get(name) else None


class Shape(Enum):
    """What an operation answers."""

    ONE = "one"
    """One resource, or nothing at all."""
    LIST = "list"
    """A page of the resources that match; the mapping gives those of one answer of the capability."""
    MEMBER = "member"
    """The resource of that id among those the capability lists."""


def _nothing(asked: Asked) -> Mapping[str, Any]:
    return {}


def _nobody(asked: Asked) -> str | None:
    return None


@dataclass(frozen=True, slots=True)
class Operation:
    """One operation of a standard."""

    method: str
    path: str
    """Below the standard's base, with `{field}` parts."""
    capability: str
    answer: Callable[[Any, Asked], Any]
    """The capability's answer as the standard's resource; a list of them for `LIST` and `MEMBER`; None: no body."""
    request: Callable[[Asked], Mapping[str, Any]] = _nothing
    """The fields of the capability's request."""
    body: type[msgspec.Struct] | None = None
    status: int = 200
    shape: Shape = Shape.ONE
    resource: type[msgspec.Struct] | None = None
    """What is answered or listed: its attributes can be selected and filtered by."""
    required: frozenset[str] = frozenset()
    """Attributes that the document requires: told whatever is selected."""
    user: Callable[[Asked], str | None] = _nobody
    """The partner's user whom the request names in the standard's own way."""
    parameters: frozenset[str] = frozenset()
    """Query parameters with a meaning of their own, which are no filters."""
    for_partner: Operation | None = None
    """What a partner's server gets instead, where a capability of its own says more."""
    plain: tuple[Callable[[Asked], bool], Operation] | None = None
    """Which requests are plain ones, and the operation of a simpler capability that serves those."""
    absent: type[GatewayError] = NotFound
    """What a `MEMBER` that is not there is refused with."""
    whose: tuple[str, Callable[[Asked], Mapping[str, Any]]] | None = None
    """For a partner that names no user: the capability, and its request, whose answer tells the `user`."""


@dataclass(frozen=True, slots=True)
class Standard:
    """One published interface, as far as it is offered."""

    name: str
    base: str
    """Path that every operation lies under."""
    operations: Iterable[Operation]
    refusal: Callable[[GatewayError, Operation | None, str], tuple[int, msgspec.Struct]]
    """Status and body of an error, for an operation (None: there is none at the address) and a locale."""
    media_type: str = "application/json"
    correlator: str | None = None
    """Request header that is given back with the answer; one of another form than CAMARA gives it is refused."""
    unoffered: frozenset[str] = frozenset()
    """Paths of the document at which nothing is offered: they are refused as methods are, not as addresses."""
    selects: bool = False
    """Whether attributes can be selected and filtered by in the query (TMF630)."""


def member(id: str, resources: Iterable[Any], absent: type[GatewayError]) -> Any:
    """The resource of that id.

    Raises:
        GatewayError: there is none; of the type `absent`.
    """
    for resource in resources:
        if resource.id == id:
            return resource
    raise absent
