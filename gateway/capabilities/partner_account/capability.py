"""A partner looking after its own account. Every partner may: `partner:self` comes with being one."""

from __future__ import annotations

from datetime import timedelta

import msgspec

from auth import client_secret
from config.settings import Settings
from gateway.capabilities.offers import LiveCatalog
from gateway.capabilities.partner_account import statement as sums
from gateway.capabilities.partner_account import usage as counts
from gateway.capabilities.partner_account.months import bounds, month_of
from gateway.capabilities.partner_account.schemas import (
    Account,
    GetAccount,
    GetStatement,
    GetUsage,
    HourOfCalls,
    ListOwnCases,
    OutcomeOfCalls,
    OwnCase,
    OwnCasePage,
    RenewSecret,
    SecretInForce,
    Statement,
    StatementLine,
    StatementOffset,
    UpdateAccount,
    Usage,
)
from gateway.capabilities.partners import (
    AddressInvalid,
    Credentials,
    Partner,
    PartnerIsPublic,
    PartnerNotFound,
    Partners,
    RedirectUriInvalid,
    change_places,
    renew_secret,
)
from gateway.capabilities.watch import list_own, offsets
from gateway.capability import CapabilitySet, Context, Effect
from gateway.kit.page import cut
from gateway.store import Store

partner = CapabilitySet("partner")

_SHOWN_OUTCOMES = 100
_SHOWN_OFFSETS = 100


@partner.capability(
    scope="partner:self",
    effect=Effect.READ,
    http="GET /v1/partner",
    title={"zh": "合作方账户", "en": "Get the partner's own account"},
    errors=(PartnerNotFound,),
    partner_only=True,
)
async def get(request: GetAccount, ctx: Context) -> Account:
    """The caller's registration, quota and secrets in force."""
    return await _account(await _self(ctx), ctx)


@partner.capability(
    scope="partner:self",
    effect=Effect.WRITE,
    http="PATCH /v1/partner",
    title={"zh": "修改来源、回调地址与调用网段", "en": "Change the partner's own origins, redirect URIs and addresses"},
    errors=(PartnerNotFound, RedirectUriInvalid, AddressInvalid),
    examples=(UpdateAccount(origins=["https://shop.example.com"]),),
    partner_only=True,
)
async def update(request: UpdateAccount, ctx: Context) -> Account:
    """Change the web pages, redirect URIs and networks the partner is used from; felt within seconds.

    Scopes and quota are the operator's to change. Networks that leave out the caller's own shut it out.
    """
    ctx.part(Partners).forget(ctx.principal.id)
    known = await _self(ctx)
    account = await _account(known, ctx)  # before the change, which has the partner read anew
    change_places(known, ctx, origins=request.origins, redirect_uris=request.redirect_uris, addresses=request.addresses)
    said = {name: getattr(request, name) for name in request.__struct_fields__}
    return msgspec.structs.replace(account, **{name: sorted(new) for name, new in said.items() if new is not None})


async def _account(known: Partner, ctx: Context) -> Account:
    usual = ctx.part(Settings).limits.quotas
    agreed = await ctx.part(Partners).quota(known.id) or (usual.partner_per_second, usual.partner_per_day)
    live = client_secret.live(known.secrets, ctx.now)
    return Account(
        known.id, known.name, sorted(known.scopes), sorted(known.origins), sorted(known.redirect_uris),
        sorted(map(str, known.addresses)), *agreed,
        [SecretInForce(one.id, one.created_at, one.ends_at) for one in live],
    )  # fmt: skip


@partner.capability(
    scope="partner:self",
    effect=Effect.REMOVE,
    http="POST /v1/partner/secrets",
    title={"zh": "更换自己的密钥", "en": "Renew the partner's own secret"},
    errors=(PartnerNotFound, PartnerIsPublic),
    partner_only=True,
    shows_secret=True,
)
async def renew(request: RenewSecret, ctx: Context) -> Credentials:
    """Make a new secret; the one before it stays good for seven days, older ones end now."""
    known = await _self(ctx)
    if known.public:
        raise PartnerIsPublic
    return renew_secret(known, ctx)


@partner.capability(
    scope="partner:self",
    effect=Effect.READ,
    http="GET /v1/partner/usage",
    title={"zh": "调用统计", "en": "Count the partner's calls"},
    partner_only=True,
)
async def usage(request: GetUsage, ctx: Context) -> Usage:
    """Calls by hour, and by capability and outcome."""
    since = (ctx.now - timedelta(days=request.days)).replace(minute=0, second=0, microsecond=0)
    store, own = ctx.part(Store), ctx.principal.id
    hours = await store.read(counts.hours, own, since)
    outcomes = await store.read(counts.outcomes, own, since, _SHOWN_OUTCOMES)
    return Usage(
        since,
        sum(hour.calls for hour in hours),
        sum(hour.refused for hour in hours),
        [HourOfCalls(*hour) for hour in hours],
        [OutcomeOfCalls(*outcome) for outcome in outcomes],
    )


@partner.capability(
    scope="partner:self",
    effect=Effect.READ,
    http="GET /v1/partner/statement",
    title={"zh": "月度对账单", "en": "Get a month's statement"},
    partner_only=True,
)
async def statement(request: GetStatement, ctx: Context) -> Statement:
    """What the orders placed in a month came to, by offer and action, and what is set off against it."""
    month = request.month or month_of(ctx.now)
    begins, ends = bounds(month)
    store, own = ctx.part(Store), ctx.principal.id
    lines = [_line(sold, ctx) for sold in await store.read(sums.completed, own, begins, ends)]
    commission = sum(line.commission_fen for line in lines)
    offset, cases = await store.read(offsets, own, month, _SHOWN_OFFSETS)
    return Statement(
        month,
        lines,
        sum(line.orders for line in lines),
        sum(line.amount_fen for line in lines),
        commission,
        await store.read(sums.by_state, own, begins, ends),
        [StatementOffset(*one) for one in cases],
        offset,
        commission - offset,
    )


@partner.capability(
    scope="partner:self",
    effect=Effect.READ,
    http="GET /v1/partner/cases",
    title={"zh": "未结案件", "en": "List the cases about the partner"},
    partner_only=True,
)
async def cases(request: ListOwnCases, ctx: Context) -> OwnCasePage:
    """The cases of the operator's watch about the caller that are not closed."""
    found = await ctx.part(Store).read(list_own, ctx.principal.id, request.cursor or "", request.limit + 1)
    page, further = cut(found, request.limit, lambda one: one.id)
    return OwnCasePage(
        [OwnCase(one.id, one.cause, one.state, one.owed_fen, one.month, one.opened_at) for one in page],
        further,
    )


def _line(sold: sums.Sold, ctx: Context) -> StatementLine:
    offer = ctx.part(LiveCatalog).current.by_code.get(sold.offer)
    earns = 0 if offer is None or sold.action != "subscribe" else offer.commission_fen
    name = sold.offer if offer is None else offer.names.to(ctx.locale)
    return StatementLine(sold.offer, name, sold.action, sold.orders, sold.amount_fen, sold.orders * earns)


async def _self(ctx: Context) -> Partner:
    found = await ctx.part(Partners).get(ctx.principal.id)
    if found is None:
        raise PartnerNotFound
    return found
