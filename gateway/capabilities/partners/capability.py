"""Registering partner applications and changing their secrets: the operator's side."""

from __future__ import annotations

from datetime import timedelta
from ipaddress import ip_network
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta, Struct

from auth import client_secret, redirect_uri
from auth.client_secret import StoredSecret
from gateway.capabilities.partners.repository import OWN_ACCOUNT, Partner, Partners
from gateway.capabilities.partners.tables import partner_secrets
from gateway.capabilities.partners.tables import partners as partner_rows
from gateway.capability import CapabilitySet, Context, Effect
from gateway.errors import Conflict, GatewayError, NotFound
from gateway.store import Unit

partners = CapabilitySet("partners")

OVERLAP = timedelta(days=7)
"""How long the secret before the newest stays good."""

LONGEST_SIGN_IN_ID = 40
"""So that the consent `profile:<id>` can be written down."""

PartnerId = Annotated[str, Meta(pattern=r"^[a-z0-9][a-z0-9-]{1,58}$", description="Client id.")]
Scope = Annotated[str, Meta(pattern=r"^[a-z]+:(\*|[a-z]+)$", description="noun:verb or noun:*.")]
Origin = Annotated[str, Meta(pattern=r"^https?://[^/\s]+$", description="Web origin: scheme, host and port.")]
Origins = Annotated[list[Origin], Meta(max_length=50, description="Web pages that may open widget sessions.")]
RedirectUris = Annotated[
    list[Annotated[str, Meta(min_length=1, max_length=500)]],
    Meta(max_length=20, description="Where subscribers come back to after signing in, compared exactly."),
]
Addresses = Annotated[
    list[Annotated[str, Meta(max_length=50, examples=["203.0.113.0/24"])]],
    Meta(max_length=50, description="IP networks its servers call from; none: from anywhere."),
]


class PartnerExists(Conflict):
    """There is a partner of that id."""

    code = "partner-exists"
    title = {"zh": "合作方已存在", "en": "There is a partner of that id already"}


class PartnerNotFound(NotFound):
    """There is no partner of that id."""

    code = "partner-not-found"
    title = {"zh": "没有这个合作方", "en": "There is no such partner"}


class RedirectUriInvalid(GatewayError):
    """Subscribers cannot be sent back to that address."""

    status = 400
    code = "redirect-uri-invalid"
    title = {"zh": "回调地址不符合要求", "en": "That cannot be a redirect URI"}


class AddressInvalid(GatewayError):
    """That is no IP network."""

    status = 400
    code = "address-invalid"
    title = {"zh": "不是有效的 IP 网段", "en": "That is no IP network"}


class PartnerIsPublic(Conflict):
    """The partner is a public client, which keeps no secret."""

    code = "partner-is-public"
    title = {"zh": "公开客户端没有密钥", "en": "A public client has no secret"}


Mode = Literal["live", "sandbox"]


class Contract(Struct, frozen=True, kw_only=True):
    """What a partner application may do, and from where."""

    name: Annotated[str, Meta(min_length=1, max_length=100, pattern=r"^[^\x00-\x1f]*$")]
    scopes: Annotated[list[Scope], Meta(max_length=50)]
    origins: Origins = []
    redirect_uris: RedirectUris = []
    addresses: Addresses = []
    per_second: Annotated[
        Annotated[int, Meta(ge=1, le=1_000_000)] | None, Meta(description="Calls per second; null: the usual number.")
    ] = None
    per_day: Annotated[
        Annotated[int, Meta(ge=1, le=1_000_000_000)] | None, Meta(description="Calls per day; null: the usual number.")
    ] = None


class CreatePartner(Contract, frozen=True, kw_only=True):
    """Register a partner application."""

    id: PartnerId
    public: Annotated[
        bool,
        Meta(description="Whether it keeps no secret: an application in its user's hands. It only signs people in."),
    ] = False
    mode: Annotated[
        Mode, Meta(description="sandbox: for made-up users; nothing reaches the outside. It cannot be changed.")
    ] = "live"


class UpdatePartner(Contract, frozen=True, kw_only=True):
    """Give a partner application a new contract: all of it, as for a new one."""

    id: PartnerId


class PartnerView(Contract, frozen=True, kw_only=True):
    """A partner application as it stands."""

    id: str
    public: bool
    suspended: bool
    mode: str


class PartnerRef(Struct, frozen=True):
    """Name one partner."""

    id: PartnerId


class Credentials(Struct, frozen=True):
    """What the partner's developer needs. The secret is shown this once; a public client has none."""

    client_id: str
    client_secret: str | None


@partners.capability(
    scope="partners:admin",
    effect=Effect.WRITE,
    http="POST /v1/partners",
    title={"zh": "登记合作方", "en": "Register a partner"},
    errors=(PartnerExists, RedirectUriInvalid, AddressInvalid),
    shows_secret=True,
)
async def create(request: CreatePartner, ctx: Context) -> Credentials:
    """Register a partner application and give out its first secret."""
    refuse_bad_redirects(request.id, request.redirect_uris)
    _refuse_bad_addresses(request.addresses)
    known = ctx.part(Partners)
    known.forget(request.id)
    if await known.get(request.id) is not None:
        raise PartnerExists
    add_partner(request, ctx)
    return Credentials(request.id, None) if request.public else give_secret(request.id, ctx)


@partners.capability(
    scope="partners:admin",
    effect=Effect.REMOVE,
    http="POST /v1/partners/{id}/secrets",
    title={"zh": "更换密钥", "en": "Rotate a partner's secret"},
    errors=(PartnerNotFound, PartnerIsPublic),
    shows_secret=True,
)
async def rotate_secret(request: PartnerRef, ctx: Context) -> Credentials:
    """Give out a new secret; the one before it stays good for seven days, older ones end now."""
    partner = await _partner(request.id, ctx)
    if partner.public:
        raise PartnerIsPublic
    return renew_secret(partner, ctx)


@partners.capability(
    scope="partners:admin",
    effect=Effect.REMOVE,
    http="POST /v1/partners/{id}/suspend",
    title={"zh": "暂停合作方", "en": "Suspend a partner"},
    errors=(PartnerNotFound,),
)
async def suspend(request: PartnerRef, ctx: Context) -> PartnerRef:
    """Stop a partner: within seconds none of its credentials opens anything."""
    partner = await _partner(request.id, ctx)
    ctx.unit.update(partner_rows, {"id": partner.id}, suspended=True)
    ctx.part(Partners).forget(partner.id)
    return request


@partners.capability(
    scope="partners:admin",
    effect=Effect.READ,
    http="GET /v1/partners/{id}",
    title={"zh": "查询合作方", "en": "Get a partner"},
    errors=(PartnerNotFound,),
)
async def get(request: PartnerRef, ctx: Context) -> PartnerView:
    """A partner application as it stands: what it may do, and from where."""
    return _view(await _partner(request.id, ctx))


@partners.capability(
    scope="partners:admin",
    effect=Effect.WRITE,
    http="PUT /v1/partners/{id}",
    title={"zh": "修改合作方", "en": "Change a partner's contract"},
    errors=(PartnerNotFound, RedirectUriInvalid, AddressInvalid),
)
async def update(request: UpdatePartner, ctx: Context) -> PartnerView:
    """Replace what a partner may do, and from where; felt within seconds, also by tokens given out before.

    What is left out is as for a new partner. Id, secrets and suspension stay.
    """
    partner = await _partner(request.id, ctx)
    refuse_bad_redirects(request.id, request.redirect_uris)
    _refuse_bad_addresses(request.addresses)
    ctx.unit.update(partner_rows, {"id": partner.id}, **_columns(request))
    ctx.part(Partners).forget(partner.id)
    ctx.audit_detail["partner"] = partner.id
    contract = {name: getattr(request, name) for name in Contract.__struct_fields__}
    return PartnerView(id=partner.id, public=partner.public, suspended=partner.suspended, mode=partner.mode, **contract)


def _columns(contract: Contract) -> dict[str, Any]:
    lists = {name: texts(getattr(contract, name)) for name in ("scopes", "origins", "redirect_uris", "addresses")}
    return {"name": contract.name, "per_second": contract.per_second, "per_day": contract.per_day, **lists}


def _view(partner: Partner) -> PartnerView:
    return PartnerView(
        id=partner.id, name=partner.name, scopes=sorted(partner.scopes - {OWN_ACCOUNT}), origins=sorted(partner.origins),
        redirect_uris=sorted(partner.redirect_uris), addresses=sorted(map(str, partner.addresses)),
        per_second=partner.per_second, per_day=partner.per_day, public=partner.public, suspended=partner.suspended,
        mode=partner.mode,
    )  # fmt: skip


def change_places(
    partner: Partner,
    ctx: Context,
    *,
    origins: list[str] | None,
    redirect_uris: list[str] | None,
    addresses: list[str] | None,
) -> None:
    """Record from where a partner is used and where its users come back to; None leaves a list as it is.

    Raises:
        RedirectUriInvalid: subscribers cannot be sent there.
        AddressInvalid: that is no IP network.
    """
    refuse_bad_redirects(partner.id, redirect_uris or [])
    _refuse_bad_addresses(addresses or [])
    said = {"origins": origins, "redirect_uris": redirect_uris, "addresses": addresses}
    changed = {name: texts(values) for name, values in said.items() if values is not None}
    if changed:
        ctx.unit.update(partner_rows, {"id": partner.id}, **changed)
    ctx.part(Partners).forget(partner.id)
    ctx.audit_detail.update(partner=partner.id, **changed)


def _refuse_bad_addresses(addresses: list[str]) -> None:
    for address in addresses:
        try:
            ip_network(address, strict=False)
        except ValueError as error:
            raise AddressInvalid({"zh": f"{address} 不是 IP 网段", "en": f"{address} is no IP network"}) from error


def refuse_bad_redirects(partner_id: str, redirect_uris: list[str]) -> None:
    """Refuse addresses that a subscriber must not be sent to."""
    for uri in redirect_uris:
        reason = redirect_uri.refusal(uri)
        if reason is not None:
            raise RedirectUriInvalid({"zh": f"{uri} 不能作为回调地址：{reason}", "en": f"{uri}: {reason}"})
    if redirect_uris and len(partner_id) > LONGEST_SIGN_IN_ID:
        raise RedirectUriInvalid(
            {
                "zh": f"提供登录的合作方标识不超过 {LONGEST_SIGN_IN_ID} 个字符",
                "en": f"a partner that signs subscribers in has an id of at most {LONGEST_SIGN_IN_ID} characters",
            }
        )


def add_partner(request: CreatePartner, ctx: Context) -> None:
    """Record a partner that has no secret yet."""
    ctx.unit.insert(
        partner_rows,
        id=request.id, public=request.public, suspended=False, mode=request.mode, created_at=ctx.now, **_columns(request),
    )  # fmt: skip
    ctx.part(Partners).forget(request.id)
    ctx.audit_detail["partner"] = request.id


def give_secret(partner_id: str, ctx: Context) -> Credentials:
    """Make a partner's first secret, and show it."""
    secret = client_secret.generate()
    _insert_secret(ctx.unit, partner_id, _stored(secret, partner_id, ctx))
    ctx.part(Partners).forget(partner_id)
    return Credentials(partner_id, secret)


def renew_secret(partner: Partner, ctx: Context) -> Credentials:
    """Make a new secret; the one before it stays good for `OVERLAP`, older ones end now."""
    secret = client_secret.generate()
    new = _stored(secret, partner.id, ctx)
    kept = {one.id: one for one in client_secret.rotate(partner.secrets, new, ctx.now, OVERLAP)}
    for old in partner.secrets:
        ctx.unit.update(partner_secrets, {"id": old.id}, ends_at=kept[old.id].ends_at if old.id in kept else ctx.now)
    _insert_secret(ctx.unit, partner.id, new)
    ctx.part(Partners).forget(partner.id)
    ctx.audit_detail["partner"] = partner.id
    return Credentials(partner.id, secret)


async def _partner(partner_id: str, ctx: Context) -> Partner:
    known = ctx.part(Partners)
    known.forget(partner_id)
    partner = await known.get(partner_id)
    if partner is None:
        raise PartnerNotFound
    return partner


def _stored(secret: str, partner_id: str, ctx: Context) -> StoredSecret:
    return client_secret.store(secret, id=ctx.ids(), partner_id=partner_id, box=ctx.part(Partners).box, now=ctx.now)


def _insert_secret(unit: Unit, partner_id: str, stored: StoredSecret) -> None:
    unit.insert(
        partner_secrets,
        id=stored.id, partner_id=partner_id, digest=stored.digest, sealed_signing_key=stored.sealed_signing_key,
        created_at=stored.created_at, ends_at=stored.ends_at,
    )  # fmt: skip


def texts(values: list[str]) -> str:
    """A list of texts as its column holds it."""
    return msgspec.json.encode(values).decode()
