"""Who is calling over HTTP: an access or session token, a signed request, or nobody."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Coroutine, Mapping
from dataclasses import dataclass
from datetime import timedelta
from functools import wraps
from typing import Any, Concatenate, ParamSpec, TypeVar

import msgspec

from auth import signed_request, username_token
from auth.policy import common
from auth.principal import ANONYMOUS, Principal
from auth.signed_request import SignatureRefused
from auth.tokens import TokenRefused, TokenVerifier
from auth.username_token import UsernameToken, UsernameTokenRefused
from gateway.capabilities.grants import LiveGrants
from gateway.capabilities.partners import Partner, Partners
from gateway.errors import Forbidden, Unauthenticated, Unavailable
from gateway.idempotency import Key, spend
from gateway.kit.clock import Clock
from gateway.store import Clash, Store, StoreUnavailable, Unit
from gateway.store.hot import HotState

P = ParamSpec("P")
T = TypeVar("T")


@dataclass(slots=True)
class Presented:
    """What a request shows of its sender."""

    method: str
    target: str
    """Path and query as sent."""
    headers: Mapping[str, str]
    body: bytes
    address: str


def _or_unavailable(
    find_out: Callable[Concatenate[Authentication, P], Awaitable[T]],
) -> Callable[Concatenate[Authentication, P], Coroutine[Any, Any, T]]:
    """Where what knows the callers is away, nothing is said about the caller: it may try again."""

    @wraps(find_out)
    async def guarded(self: Authentication, /, *args: P.args, **kwargs: P.kwargs) -> T:
        try:
            return await find_out(self, *args, **kwargs)
        except StoreUnavailable as error:
            raise Unavailable from error

    return guarded


class Authentication:
    """Turns what a request shows into a principal. Every public method raises `Unavailable` where callers cannot be looked up."""

    def __init__(
        self, verifier: TokenVerifier, partners: Partners, grants: LiveGrants, hot: HotState, store: Store, clock: Clock
    ) -> None:
        self._verifier = verifier
        self._partners = partners
        self._grants = grants
        self._hot = hot
        self._store = store
        self._clock = clock

    @_or_unavailable
    async def principal(self, presented: Presented) -> Principal:
        """The caller; the anonymous one where no credentials are shown.

        Raises:
            Unauthenticated: credentials are shown and prove nothing.
            Forbidden: the caller is a partner's server and calls from elsewhere.
        """
        header = presented.headers.get("authorization")
        if header is None:
            return msgspec.structs.replace(ANONYMOUS, id=presented.address)
        scheme, _, rest = header.partition(" ")
        if scheme.lower() == "bearer":
            return await self._bearer(rest.strip(), presented.address)
        if scheme.lower() == signed_request.SCHEME.lower():
            return await self._signed(header, presented)
        raise Unauthenticated({"zh": "不支持的认证方式", "en": f"use Bearer or {signed_request.SCHEME}"})

    @_or_unavailable
    async def bearer(self, token: str, address: str) -> Principal:
        """The caller that an access or session token is for, who calls from that address.

        Raises:
            Unauthenticated: the token proves nothing.
            Forbidden: the caller is a partner's server and calls from elsewhere.
        """
        return await self._bearer(token, address)

    @_or_unavailable
    async def username_token(self, token: UsernameToken, address: str) -> Principal:
        """The partner that a WS-Security UsernameToken is of, who calls from that address.

        Raises:
            Unauthenticated: the token proves nothing.
            Forbidden: the partner calls from elsewhere.
        """
        try:
            partner = await self._partners.get(token.username)
            keys = [] if partner is None else self._partners.signing_keys(partner)
            await username_token.verify(token, keys, now=self._clock(), spend_nonce=self._spend_nonce_for_good)
        except UsernameTokenRefused as error:
            raise Unauthenticated(dict(error.words), reason=error.reason) from error
        return await self._from_where(_verified(partner, token.nonce), address)

    @_or_unavailable
    async def as_of_now(self, principal: Principal, address: str) -> Principal:
        """A principal that was established before: suspended if its partner is by now, expired if its grant has ended.

        Raises:
            Forbidden: it is a partner's server and calls from elsewhere.
        """
        return await self._from_where(await self._as_of_now(principal), address)

    @_or_unavailable
    async def refuse_strange_page(self, principal: Principal, origin: str | None) -> None:
        """A page may speak for the sessions of a partner only if it is on the partner's list; `origin` is None outside browsers.

        Raises:
            Forbidden: it is not.
        """
        if principal.kind != "session" or principal.partner_id is None or origin is None:
            return
        partner = await self._partners.get(principal.partner_id)
        if partner is None or origin not in partner.origins:
            raise Forbidden(
                {
                    "zh": f"网页来源 {origin} 不在该合作方的允许列表中",
                    "en": f"origin {origin} is not on this partner's list",
                },
                reason="origin_refused",
            )

    async def _bearer(self, token: str, address: str) -> Principal:
        try:
            principal = self._verifier.verify(token, self._clock()).principal
        except TokenRefused as error:
            raise Unauthenticated(dict(error.words)) from error
        return await self._from_where(await self._as_of_now(principal), address)

    async def _as_of_now(self, principal: Principal) -> Principal:
        partner_id = principal.id if principal.kind == "partner" else principal.partner_id
        if partner_id is None:
            return principal
        if principal.grant_id is not None and not await self._grants.holds(principal.grant_id):
            principal = msgspec.structs.replace(principal, expires_at=self._clock())
        partner = await self._partners.get(partner_id)
        suspended = partner is None or partner.suspended
        if principal.kind == "partner" and principal.grant_id is None and partner is not None:
            principal = _narrowed(principal, partner.scopes)
        return (
            principal if suspended == principal.suspended else msgspec.structs.replace(principal, suspended=suspended)
        )

    async def _from_where(self, principal: Principal, address: str) -> Principal:
        """The principal, if it is no partner's server or calls from where the partner's servers are."""
        if principal.kind == "partner":
            partner = await self._partners.get(principal.partner_id or principal.id)
            if partner is not None and not partner.calls_from(address):
                raise Forbidden(
                    {
                        "zh": f"来源地址 {address} 不在该合作方的允许范围内",
                        "en": f"address {address} is not among those this partner calls from",
                    },
                    reason="address_refused",
                )
        return principal

    async def _signed(self, header: str, presented: Presented) -> Principal:
        try:
            claim = signed_request.parse_header(header)
            partner = await self._partners.get(claim.client)
            await signed_request.verify(
                claim, [] if partner is None else self._partners.signing_keys(partner), presented.method,
                presented.target, presented.body, now=self._clock(),
                spend_nonce=self._spend_nonce if presented.method in ("GET", "HEAD") else self._spend_nonce_for_good,
            )  # fmt: skip
        except SignatureRefused as error:
            raise Unauthenticated(dict(error.words), reason=error.reason) from error
        return await self._from_where(_verified(partner, claim.nonce), presented.address)

    async def _spend_nonce(self, client: str, nonce: str, life: timedelta) -> bool:
        return await self._hot.add(f"nonce:{client}:{nonce}", b"1", max(life.total_seconds(), 1.0))

    async def _spend_nonce_for_good(self, client: str, nonce: str, life: timedelta) -> bool:
        """For what may write: hot state may be lost, and a second effect would remain."""
        if not await self._spend_nonce(client, nonce, life):
            return False
        unit = Unit(durable=False)  # what a power cut takes from the store is in hot state
        spend(unit, Key.of(f"partner:{client}", "", "", f"nonce:{nonce}"), self._clock() + life)
        try:
            await self._store.commit(unit)
        except Clash:
            return False
        return True


def _narrowed(principal: Principal, allowed: frozenset[str]) -> Principal:
    """The principal with those of its scopes that its partner has by now: a token may be older than the contract."""
    left = common(principal.scopes, allowed)
    return principal if left == principal.scopes else msgspec.structs.replace(principal, scopes=left)


def _verified(partner: Partner | None, token_id: str) -> Principal:
    assert partner is not None  # without one there were no keys, and nothing holds
    return Principal(
        "partner", partner.id, partner.scopes, partner_id=partner.id, token_id=token_id, suspended=partner.suspended
    )
