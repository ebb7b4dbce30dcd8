"""Grants and their one-time tokens as rows."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any, Literal, NamedTuple

import msgspec
from sqlalchemy import Connection, delete, select

from gateway.capabilities.bindings import bindings
from gateway.capabilities.grants.tables import grant_tokens, grants, spent_tokens
from gateway.capabilities.partners import partners
from gateway.store import Unit

TokenUse = Literal["code", "refresh"]


class Grant(NamedTuple):
    """What one subscriber granted to one partner at one sign-in."""

    id: str
    partner_id: str
    account: str
    binding_id: str
    scopes: frozenset[str]
    created_at: datetime
    expires_at: datetime
    revoked_at: datetime | None
    binding_ended_at: datetime | None
    binding_suspended_at: datetime | None

    def is_live(self, now: datetime) -> bool:
        """Whether it still holds: not revoked, not over, and the binding it stands on neither ended nor suspended."""
        stands = self.binding_ended_at is None and self.binding_suspended_at is None
        return stands and self.revoked_at is None and now < self.expires_at


class GivenGrant(NamedTuple):
    """A grant in force, with what its end needs."""

    grant: Grant
    partner_name: str


class KeptToken(NamedTuple):
    """A code or refresh token, found by its digest, with the grant it stands for."""

    digest: bytes
    use: str
    redirect_uri: str | None
    challenge: str | None
    nonce: str | None
    expires_at: datetime
    spent: bool
    grant: Grant


_GRANT = (
    grants.c.id, grants.c.partner_id, grants.c.account, grants.c.binding_id, grants.c.scopes, grants.c.created_at,
    grants.c.expires_at.label("grant_expires_at"), grants.c.revoked_at, bindings.c.ended_at,
    bindings.c.suspended_at,
)  # fmt: skip


def grant(connection: Connection, grant_id: str) -> Grant | None:
    """A grant by its id."""
    found = select(*_GRANT).join(bindings, bindings.c.id == grants.c.binding_id).where(grants.c.id == grant_id)
    row = connection.execute(found).one_or_none()
    return None if row is None else _grant(row)


def live_of_subscriber(connection: Connection, subscriber_id: int, now: datetime) -> list[GivenGrant]:
    """The subscriber's grants that hold now, oldest first."""
    found = (
        select(*_GRANT, partners.c.name)
        .join(bindings, bindings.c.id == grants.c.binding_id)
        .join(partners, partners.c.id == grants.c.partner_id)
        .where(
            bindings.c.subscriber_id == subscriber_id, bindings.c.ended_at.is_(None), bindings.c.suspended_at.is_(None),
            grants.c.revoked_at.is_(None), grants.c.expires_at > now,
        )
        .order_by(grants.c.created_at, grants.c.id)
    )  # fmt: skip
    return [GivenGrant(_grant(row), row.name) for row in connection.execute(found)]


def token(connection: Connection, digest: bytes) -> KeptToken | None:
    """The code or refresh token of that digest."""
    found = (
        select(grant_tokens, spent_tokens.c.at.label("spent_at"), *_GRANT)
        .join(grants, grants.c.id == grant_tokens.c.grant_id)
        .join(bindings, bindings.c.id == grants.c.binding_id)
        .join(spent_tokens, spent_tokens.c.digest == grant_tokens.c.digest, isouter=True)
        .where(grant_tokens.c.digest == digest)
    )
    row = connection.execute(found).one_or_none()
    if row is None:
        return None
    return KeptToken(
        digest, row.kind, row.redirect_uri, row.challenge, row.nonce, row.expires_at, row.spent_at is not None, _grant(row)
    )  # fmt: skip


def _grant(row: Any) -> Grant:
    scopes = frozenset(msgspec.json.decode(row.scopes, type=list[str]))
    return Grant(
        row.id, row.partner_id, row.account, row.binding_id, scopes, row.created_at, row.grant_expires_at, row.revoked_at,
        row.ended_at, row.suspended_at,
    )  # fmt: skip


def add_grant(
    unit: Unit, partner_id: str, account: str, binding_id: str, scopes: Iterable[str], *, id: str, now: datetime,
    expires_at: datetime,
) -> None:  # fmt: skip
    """Record a grant."""
    unit.insert(
        grants,
        id=id, partner_id=partner_id, account=account, binding_id=binding_id,
        scopes=msgspec.json.encode(sorted(scopes)).decode(), created_at=now, expires_at=expires_at, revoked_at=None,
        revoked_because=None,
    )  # fmt: skip


def add_token(
    unit: Unit, digest: bytes, grant_id: str, use: TokenUse, *, expires_at: datetime, redirect_uri: str | None = None,
    challenge: str | None = None, nonce: str | None = None,
) -> None:  # fmt: skip
    """Record a code or refresh token that was given out."""
    unit.insert(
        grant_tokens,
        digest=digest, grant_id=grant_id, kind=use, redirect_uri=redirect_uri, challenge=challenge, nonce=nonce,
        expires_at=expires_at,
    )  # fmt: skip


def spend(unit: Unit, digest: bytes, now: datetime) -> None:
    """Use up a code or refresh token; of two who do so at once, the later one clashes."""
    unit.insert(spent_tokens, digest=digest, at=now)


def revoke(unit: Unit, grant_id: str, reason: str, now: datetime) -> None:
    """End a grant, and with it every token given out under it."""
    unit.update(grants, {"id": grant_id}, revoked_at=now, revoked_because=reason)


def delete_expired(connection: Connection, now: datetime, limit: int) -> int:
    """Drop up to `limit` codes and refresh tokens that are past their time; how many were dropped."""
    old = connection.scalars(select(grant_tokens.c.digest).where(grant_tokens.c.expires_at <= now).limit(limit)).all()
    if old:
        connection.execute(delete(spent_tokens).where(spent_tokens.c.digest.in_(old)))
        connection.execute(delete(grant_tokens).where(grant_tokens.c.digest.in_(old)))
    return len(old)
