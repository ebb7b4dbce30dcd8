"""Declare a capability once; every surface opens it.

A capability is one typed async function. Its annotations give the request and answer types, its docstring's first line
the summary, its declaration everything a surface or the policy must know. There is no import-time registry: sets are
composed where the platform is put together.
"""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, TypeVar, get_type_hints

import msgspec

from auth.policy import Need
from auth.principal import Principal
from gateway.errors import GatewayError, PreconditionFailed
from gateway.store import Unit
from gateway.subject import SubjectRecord

T = TypeVar("T")


class Subject(StrEnum):
    """Whether a capability is about one subscriber."""

    NONE = "none"
    OPTIONAL = "optional"
    REQUIRED = "required"


class Effect(StrEnum):
    """Whether a capability changes anything."""

    READ = "read"
    WRITE = "write"
    """Adds or changes."""
    REMOVE = "remove"
    """Takes away what stood: cancels, ends, suspends."""


class Parts:
    """The long-lived pieces a capability may use, by type: stores, loaders, adapters, snapshots, settings."""

    def __init__(self, *parts: object) -> None:
        self._by_type: dict[type, object] = {}
        for part in parts:
            self.add(part)

    def add(self, part: object, *, kind: type | None = None) -> None:
        """Make a part available under its own type, or under the protocol it fulfils."""
        self._by_type[kind or type(part)] = part

    def get(self, kind: type[T]) -> T:
        """The part of that type.

        Raises:
            LookupError: the platform was put together without it.
        """
        try:
            return self._by_type[kind]  # type: ignore[return-value] # `add` keeps key and value of one type
        except KeyError:
            raise LookupError(f"the platform was composed without {kind.__name__}") from None


@dataclass(slots=True)
class Context:
    """All that surrounds one call. Nothing else is global."""

    principal: Principal
    account: str | None
    """The channel account the call is about: the caller's own, or one that a partner names. None: no account."""
    subject: SubjectRecord | None
    channel: str
    locale: str
    now: datetime
    deadline: datetime
    trace_id: str
    idempotency_key: str | None
    origin: str | None
    """Web origin the call came from, as the browser says; None outside browsers."""
    unit: Unit
    ids: Callable[[], str]
    parts: Parts
    expected: frozenset[int] | None = None
    """Versions that the caller saw and means to change (If-Match); None: it did not say."""
    sandbox: str | None = None
    """The sandbox partner that the call is made through; None: the call is live."""
    audit_detail: dict[str, str] = field(default_factory=dict)

    def part(self, kind: type[T]) -> T:
        """A long-lived piece of the platform, by its type."""
        return self.parts.get(kind)

    def check_version(self, version: int) -> None:
        """Return if the caller means to change this version of what it names.

        Raises:
            PreconditionFailed: it saw another one.
        """
        if self.expected is not None and version not in self.expected:
            raise PreconditionFailed(version=version)

    @property
    def subscriber(self) -> SubjectRecord:
        """The subject of a capability that requires one."""
        if self.subject is None:
            raise LookupError("this capability was declared without Subject.REQUIRED")
        return self.subject


Function = Callable[[Any, Context], Awaitable[Any]]


def _one(request: Any) -> int:
    """That a call is no more than itself."""
    return 1


@dataclass(frozen=True, slots=True, eq=False)
class Capability:
    """One declared capability. It equals itself alone, so what is made of some capabilities can be kept for them."""

    name: str
    """`<set>.<verb>`: the same in URL, log, metric, audit and every surface."""
    run: Function
    request: type[msgspec.Struct]
    answer: type[Any]
    need: Need
    method: str
    path: str
    """The HTTP route; `{field}` parts are fields of the request."""
    title: Mapping[str, str]
    summary: str
    description: str
    errors: tuple[type[GatewayError], ...]
    examples: tuple[msgspec.Struct, ...]
    shows_secret: bool = False
    """Whether its answer holds a secret, which is then kept nowhere: not under an idempotency key either."""
    parts: Callable[[Any], int] = _one
    """How many calls of a quota per day a request counts as; not below 1."""

    @property
    def writes(self) -> bool:
        """Whether a call may change something."""
        return self.need.effect != Effect.READ

    @property
    def keeps_answers(self) -> bool:
        """Whether the same idempotency key gets the same answer again."""
        return self.writes and not self.shows_secret

    @property
    def versioned(self) -> bool:
        """Whether its answer has a `version`, which HTTP tells as an ETag."""
        return "version" in getattr(self.answer, "__struct_fields__", ())

    @property
    def checks_version(self) -> bool:
        """Whether it changes something versioned that the caller names: it then calls `Context.check_version`."""
        return self.writes and self.versioned and "{" in self.path


class CapabilitySet:
    """The capabilities of one business noun."""

    def __init__(self, name: str) -> None:
        self.name = name
        self._capabilities: dict[str, Capability] = {}

    def capability(
        self,
        *,
        scope: str,
        effect: Effect,
        title: Mapping[str, str],
        subject: Subject = Subject.NONE,
        http: str | None = None,
        errors: Iterable[type[GatewayError]] = (),
        examples: Iterable[msgspec.Struct] = (),
        consent: str | None = None,
        own_voice: bool = False,
        partner_only: bool = False,
        shows_secret: bool = False,
        parts: Callable[[Any], int] = _one,
    ) -> Callable[[Function], Function]:
        """Declare the decorated `async def verb(request, ctx)` under `<set>.<verb>`.

        `scope` "public" opens it to anybody; `consent` names a purpose the subject must not have refused;
        `own_voice` keeps it for the subscriber in person (a partner cannot say yes for somebody); `partner_only` for a
        partner's server on its own business; the answer of one that `shows_secret` is not kept for repetition; a
        request counts in a quota per day as so many calls as it has `parts`.

        Raises:
            TypeError: the annotations do not say what goes in and comes out, or a title lacks a language.
            ValueError: the name is taken.
        """

        def declare(function: Function) -> Function:
            verb = function.__name__
            name = f"{self.name}.{verb}"
            if name in self._capabilities:
                raise ValueError(f"capability {name} is declared twice")
            if {"zh", "en"} - set(title):
                raise TypeError(f"capability {name} needs a title in zh and en")
            request, answer = _types(function, name)
            method, _, path = (http or f"POST /v1/{name}").partition(" ")
            documentation = inspect.cleandoc(function.__doc__ or "")
            if not documentation:
                raise TypeError(f"capability {name} needs a docstring: its first line is the summary everywhere")
            summary, _, description = documentation.partition("\n")
            need = Need(name, scope, subject.value, effect.value, consent, own_voice, partner_only)
            self._capabilities[name] = Capability(
                name, function, request, answer, need, method, path, title,
                summary, description.strip(), tuple(errors), tuple(examples),
                shows_secret, parts,
            )  # fmt: skip
            return function

        return declare

    def __iter__(self) -> Iterator[Capability]:
        return iter(self._capabilities.values())


def _types(function: Function, name: str) -> tuple[type[msgspec.Struct], type[Any]]:
    hints = get_type_hints(function)
    parameters = list(inspect.signature(function).parameters)
    if len(parameters) != 2 or parameters[0] not in hints or "return" not in hints:
        raise TypeError(f"capability {name} must be `async def verb(request: Request, ctx: Context) -> Answer`")
    request = hints[parameters[0]]
    if not (isinstance(request, type) and issubclass(request, msgspec.Struct)):
        raise TypeError(f"capability {name} takes {request!r}, which is not a msgspec Struct")
    return request, hints["return"]


def catalogue(*sets: CapabilitySet) -> dict[str, Capability]:
    """The capabilities of several sets by name.

    Raises:
        ValueError: two sets share a capability name or a route.
    """
    found: dict[str, Capability] = {}
    routes: dict[tuple[str, str], str] = {}
    for capability in (capability for one in sets for capability in one):
        if capability.name in found:
            raise ValueError(f"capability {capability.name} is declared twice")
        route = (capability.method, capability.path)
        if route in routes:
            raise ValueError(f"{capability.name} and {routes[route]} both claim {' '.join(route)}")
        found[capability.name] = capability
        routes[route] = capability.name
    return found
