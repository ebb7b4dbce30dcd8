"""Reading partners: who they are, what they may, and which secrets are theirs."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network

import msgspec
from sqlalchemy import Connection, func, select

from auth import client_secret
from auth.client_secret import StoredSecret
from auth.secret_box import SecretBox
from gateway.capabilities.partners.tables import partner_secrets
from gateway.capabilities.partners.tables import partners as partner_rows
from gateway.kit.clock import Clock
from gateway.store import Loader, Store

Network = IPv4Network | IPv6Network
_FRESH_FOR = timedelta(seconds=3)
_REMEMBERED = 10_000

OWN_ACCOUNT = "partner:self"
"""The scope of looking after the partner's own account, which comes with being a partner."""


class Partner(msgspec.Struct, frozen=True):
    """One partner application."""

    id: str
    name: str
    scopes: frozenset[str]
    origins: frozenset[str]
    """Web origins that may open widget sessions in its name."""
    redirect_uris: frozenset[str]
    """Where subscribers come back to after signing in; none: nobody signs in there."""
    addresses: tuple[Network, ...]
    """Networks that its own servers call from; none: from anywhere."""
    public: bool
    """Whether it keeps no secret, as an application in its user's hands."""
    per_second: int | None
    per_day: int | None
    """Calls of its contract; None: the installation's usual ones."""
    suspended: bool
    standing: str
    """`normal`, `slowed` (a part of its quota is left) or `stopped` (it places no orders)."""
    secrets: tuple[StoredSecret, ...]
    mode: str = "live"
    """`live`, or `sandbox`: it has made-up users only, and nothing of it reaches the outside."""

    @property
    def is_sandbox(self) -> bool:
        """Whether it is a sandbox partner."""
        return self.mode == "sandbox"

    def calls_from(self, address: str) -> bool:
        """Whether its servers may call from this IP address."""
        if not self.addresses:
            return True
        try:
            found = ip_address(address.partition("%")[0])
        except ValueError:
            return False
        mapped = getattr(found, "ipv4_mapped", None)
        return any((mapped or found) in network for network in self.addresses)


class Partners:
    """Partners by client id, remembered for three seconds: so long may a suspension take to be felt."""

    def __init__(self, store: Store, box: SecretBox, clock: Clock) -> None:
        self._clock = clock
        self._loader: Loader[str, Partner] = Loader(store, _fetch)  # thousands may ask at the same moment
        self.box = box
        self._known: dict[str, tuple[datetime, Partner | None]] = {}

    async def get(self, partner_id: str) -> Partner | None:
        """The partner, or None if there is none of that id."""
        now = self._clock()
        known = self._known.get(partner_id)
        if known is not None and known[0] > now:
            return known[1]
        partner = await self._loader.get(partner_id)
        if len(self._known) >= _REMEMBERED:  # ids are the callers' words: they must not fill the memory
            self._known.clear()
        self._known[partner_id] = (now + _FRESH_FOR, partner)
        return partner

    def forget(self, partner_id: str) -> None:
        """Read the partner anew next time."""
        self._known.pop(partner_id, None)

    async def quota(self, partner_id: str) -> tuple[int, int] | None:
        """(calls per second, calls per day) of the contract, or None for the usual ones."""
        partner = await self.get(partner_id)
        if partner is None or partner.per_second is None or partner.per_day is None:
            return None
        return partner.per_second, partner.per_day

    async def sandbox_of(self, partner_id: str | None) -> str | None:
        """The same id if it is a sandbox partner's; None for live ones and nobody."""
        partner = None if partner_id is None else await self.get(partner_id)
        return partner.id if partner is not None and partner.is_sandbox else None

    async def is_slowed(self, partner_id: str) -> bool:
        """Whether only a part of its quota is left to the partner."""
        partner = await self.get(partner_id)
        return partner is not None and partner.standing == "slowed"

    def signing_keys(self, partner: Partner) -> list[bytes]:
        """The keys that its signed requests may be signed with now, newest first."""
        live = client_secret.live(partner.secrets, self._clock())
        return [client_secret.unseal_signing_key(secret, partner_id=partner.id, box=self.box) for secret in live]


def count_sandboxes(connection: Connection, since: datetime) -> int:
    """Sandbox partners made after that time."""
    made = select(func.count()).where(partner_rows.c.mode == "sandbox", partner_rows.c.created_at > since)
    return connection.scalar(made) or 0


def standing_of(connection: Connection, partner_id: str) -> str | None:
    """The partner's standing: `normal`, `slowed` or `stopped`."""
    return connection.scalar(select(partner_rows.c.standing).where(partner_rows.c.id == partner_id))


def _fetch(connection: Connection, partner_ids: Sequence[str]) -> dict[str, Partner]:
    found = ((partner_id, _read(connection, partner_id)) for partner_id in partner_ids)
    return {partner_id: partner for partner_id, partner in found if partner is not None}


def _read(connection: Connection, partner_id: str) -> Partner | None:
    row = connection.execute(select(partner_rows).where(partner_rows.c.id == partner_id)).one_or_none()
    if row is None:
        return None
    secrets = connection.execute(select(partner_secrets).where(partner_secrets.c.partner_id == partner_id))
    return Partner(
        id=row.id,
        name=row.name,
        scopes=frozenset([*msgspec.json.decode(row.scopes, type=list[str]), OWN_ACCOUNT]),
        origins=frozenset(msgspec.json.decode(row.origins, type=list[str])),
        redirect_uris=frozenset(msgspec.json.decode(row.redirect_uris, type=list[str])),
        addresses=tuple(ip_network(text, strict=False) for text in msgspec.json.decode(row.addresses, type=list[str])),
        public=row.public,
        per_second=row.per_second,
        per_day=row.per_day,
        suspended=row.suspended,
        standing=row.standing,
        secrets=tuple(
            StoredSecret(one.id, one.digest, one.sealed_signing_key, one.created_at, one.ends_at) for one in secrets
        ),
        mode=row.mode,
    )
