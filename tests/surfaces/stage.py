"""A gateway that serves, and the credentials of those who call it."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Mapping
from datetime import UTC, datetime
from typing import Any, NamedTuple

import aiohttp

from auth.principal import ANONYMOUS, Principal
from auth.tokens import TokenIssuer
from gateway.app import create_app
from gateway.capabilities.sessions import SESSION_SCOPES
from gateway.server import listen, serving
from tests.fixtures.world import OPERATOR, Clock, World
from tests.surfaces.cases import Case, Speaker

PARTNER = "shop"
SCOPES = ["exchange:*", "offers:*", "orders:*", "recommendations:*", "subscriptions:*"]


class WallClock(Clock):
    """The time as other processes see it, too."""

    def __call__(self) -> datetime:
        return datetime.now(UTC)


class Ask(NamedTuple):
    """One call: by whom, about whom."""

    capability: str
    fields: Mapping[str, Any]
    speaker: Speaker
    user: str
    key: str | None = None

    @property
    def account(self) -> str:
        """The account that the call is about."""
        return f"partner:{PARTNER}:{self.user}" if self.speaker == "partner" else f"web:{self.user}"


class Outcome(NamedTuple):
    """`ok` and the answer, or an error's `code` or `code/reason`."""

    ends: str
    answer: Any = None


def refused(problem: Mapping[str, Any]) -> Outcome:
    """The outcome that a problem document tells."""
    reason = problem.get("reason")
    return Outcome(problem["code"] if reason is None else f"{problem['code']}/{reason}")


class Stage:
    """A world behind an address, with one partner."""

    def __init__(self, world: World, url: str, http: aiohttp.ClientSession, secret: str) -> None:
        self.world = world
        self.url = url
        self.http = http
        self.secret = secret
        """The partner's client secret."""

    def principal(self, ask: Ask) -> Principal:
        """The speaker as the gateway sees them."""
        if ask.speaker == "partner":
            return Principal("partner", PARTNER, frozenset([*SCOPES, "partner:self"]), partner_id=PARTNER)
        if ask.speaker == "session":
            return Principal("session", ask.account, SESSION_SCOPES, account=ask.account)
        return ANONYMOUS

    def credentials(self, ask: Ask) -> dict[str, str]:
        """The header that shows who speaks."""
        if ask.speaker == "nobody":
            return {}
        issuer, life = self.world.platform.parts.get(TokenIssuer), self.world.settings.session_token_ttl
        token = issuer.issue(self.principal(ask), token_id="t", now=self.world.clock(), ttl=life)
        return {"Authorization": f"Bearer {token}"}

    async def person(self, case: Case, user: str) -> None:
        """The subscriber that a case is about."""
        if case.bound:
            number = await self.world.subscriber(Ask("", {}, case.speaker, user).account, held=case.held)
            if case.consent:
                await self.world.consent(number, "recommend")


@contextlib.asynccontextmanager
async def staged(world: World, mode: str = "live") -> AsyncIterator[Stage]:
    """The world's gateway, served on a free port; the partner is of that mode."""
    credentials = await world.call(
        OPERATOR, "partners.create", id=PARTNER, name="Shop", scopes=SCOPES, mode=mode, per_second=100_000,
        per_day=1_000_000,
    )  # fmt: skip
    async with serving(create_app(world.platform), listen("127.0.0.1", 0)) as url, aiohttp.ClientSession() as http:
        yield Stage(world, url, http, credentials.client_secret)
