"""The subscriber at our sign-in page: a caller of its own, and the end of what it leaves behind."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta

import msgspec

from auth.principal import Principal
from gateway.capabilities.bindings import bindings, live_binding
from gateway.kit.clock import Clock
from gateway.store import Store, Unit
from gateway.store.outbox import Handler, Job

LASTS = timedelta(minutes=10)
"""From opening the page to the last answer on it."""
SIGN_IN_OVER = "sign-in over"
_SCOPES = frozenset({"bindings:write", "grants:visit"})


def visitor(visit_id: str, partner_id: str | None, expires_at: datetime, *may: str) -> Principal:
    """Who stands at a page of ours: may prove a number, and `may` do what the page is for.

    No token is ever made for this caller: it lives in the page's own requests alone.
    """
    account = f"signin:{visit_id}"
    scopes = _SCOPES.union(may)
    return Principal("session", account, scopes, account=account, partner_id=partner_id, expires_at=expires_at)


class LeftSignIn(msgspec.Struct):
    """A sign-in whose binding ends, finished or not."""

    account: str


class SignInEnder:
    """Ends the binding of sign-ins that were left open: it only served the page."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock

    def handlers(self) -> Mapping[str, Handler]:
        """Outbox kind → handler."""
        return {"grants.end_sign_in": self.end}

    async def end(self, job: Job, unit: Unit) -> None:
        """End it if it has not ended."""
        left = msgspec.json.decode(job.body, type=LeftSignIn)
        live = await self._store.read(live_binding, left.account)
        if live is not None:
            unit.update(bindings, {"id": live[0]}, ended_at=self._clock(), ended_because=SIGN_IN_OVER)
