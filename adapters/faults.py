"""The fault switches a stand-in offers at /faults."""

from random import Random
from typing import Annotated, Generic, TypeVar

import msgspec
from aiohttp import web
from msgspec import Meta

from adapters.odds import Odds
from adapters.sandbox_http import Refusal, answer, received


class Faults(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What goes wrong. Odds are a probability or "next N"; `refuse` may also list what is refused, by code or number."""

    slow_seconds: Annotated[float, Meta(ge=0, le=600)] = 0.0
    lose_answer: float | str = 0.0
    refuse: float | str | list[str] = 0.0
    down: bool = False


F = TypeVar("F", bound=Faults)


class FaultBoard(Generic[F]):
    """The switches as they stand, counting "next N" down, and their two routes: GET and PUT /faults."""

    def __init__(self, faults: F, rng: Random) -> None:
        self._rng = rng
        self._set(faults)

    @property
    def faults(self) -> F:
        """The switches with what is left of their odds."""
        refuse = self._faults.refuse if isinstance(self._faults.refuse, list) else self._refuse.value
        return msgspec.structs.replace(self._faults, lose_answer=self._lose_answer.value, refuse=refuse)

    def refuses(self, name: str) -> bool:
        """Whether to refuse this event, which concerns `name`."""
        listed = self._faults.refuse
        return name in listed if isinstance(listed, list) else self._refuse.strike(self._rng)

    def loses_answer(self) -> bool:
        """Whether this event's answer gets lost."""
        return self._lose_answer.strike(self._rng)

    def mount(self, app: web.Application) -> None:
        """Add the routes."""
        app.router.add_get("/faults", self._show)
        app.router.add_put("/faults", self._put)

    def _set(self, faults: F) -> None:
        refuse = Odds() if isinstance(faults.refuse, list) else Odds(faults.refuse)
        self._lose_answer, self._refuse, self._faults = Odds(faults.lose_answer), refuse, faults

    async def _show(self, request: web.Request) -> web.Response:
        return answer(self.faults)

    async def _put(self, request: web.Request) -> web.Response:
        faults = await received(request, type(self._faults))
        try:
            self._set(faults)
        except ValueError as exc:
            raise Refusal(400, "malformed", str(exc)) from exc
        return answer(self.faults)
