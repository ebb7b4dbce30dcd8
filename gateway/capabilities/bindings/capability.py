"""Binding an account to the subscriber who proves to hold the phone number."""

from __future__ import annotations

import math
from collections.abc import Callable
from datetime import datetime
from typing import Annotated

from msgspec import Meta, Struct
from sqlalchemy import Connection, select

from auth import one_time_code
from auth.one_time_code import Outcome
from auth.phone_number import NotAPhoneNumber, PhoneVault, is_sandbox_number, mask, normalise
from gateway.capabilities.bindings import codes, repository
from gateway.capabilities.bindings.errors import (
    CodeRefused,
    CodeTooSoon,
    NotASubscriber,
    NotBound,
    PhoneNumberInvalid,
    SandboxNumberOnly,
    TextNotApproved,
)
from gateway.capabilities.bindings.tables import code_tries, one_time_codes
from gateway.capabilities.partners import Partners
from gateway.capabilities.subscribers import subscribers
from gateway.capability import CapabilitySet, Context, Effect, Subject
from gateway.errors import Forbidden
from gateway.store import Store, Unit
from gateway.store.outbox import owe

bindings = CapabilitySet("bindings")


class CodeRules:
    """The installation's limits, its pepper, and where codes come from."""

    def __init__(self, limits: one_time_code.CodeLimits, pepper: bytes, generate: Callable[[], str]) -> None:
        self.limits = limits
        self.pepper = pepper
        self.generate = generate


class RequestCode(Struct, frozen=True):
    """Ask for a one-time code by SMS."""

    phone: Annotated[
        str, Meta(max_length=40, description="Mobile number, as people write it.", examples=["13800138000"])
    ]
    message: Annotated[
        Annotated[str, Meta(max_length=160)] | None,
        Meta(
            description="Text with {{code}}, one of those approved for the calling partner. Null: the platform's own."
        ),
    ] = None


class NumberVerified(Struct, frozen=True):
    """Who answered holds the number that the code was sent to."""

    outcome: str


class CodeSent(Struct, frozen=True):
    """A code is on its way."""

    to: str
    """The number, masked."""
    expires_at: datetime
    resend_after_seconds: int


class ConfirmCode(Struct, frozen=True):
    """Answer the newest code."""

    code: Annotated[str, Meta(max_length=32, description="The six digits of the message.", examples=["123456"])]


class BoundTo(Struct, frozen=True):
    """The account is bound."""

    binding_id: str
    phone: str
    """Masked."""
    brand: str
    region: str


class ListBindings(Struct, frozen=True):
    """Nothing to say: the answer is short."""


class BindingView(Struct, frozen=True):
    """One account bound to the subject."""

    id: str
    channel: str
    how: str
    bound_at: datetime
    is_this_one: bool


class BindingList(Struct, frozen=True):
    """Every account bound to the subject now."""

    items: list[BindingView]


class EndBinding(Struct, frozen=True):
    """End a binding of the subject."""

    id: Annotated[str, Meta(max_length=36, description="Null: the binding of the calling account.")] | None = None


class Ended(Struct, frozen=True):
    """The binding has ended, and with it every token given out under it."""

    id: str


@bindings.capability(
    scope="bindings:write",
    effect=Effect.WRITE,
    http="POST /v1/bindings/codes",
    title={"zh": "获取验证码", "en": "Ask for a one-time code"},
    errors=(PhoneNumberInvalid, SandboxNumberOnly, CodeTooSoon, TextNotApproved),
    examples=(RequestCode("13800138000"),),
)
async def request_code(request: RequestCode, ctx: Context) -> CodeSent:
    """Send a six-digit code to the number; answer it with bindings.confirm_code within five minutes."""
    account = _account(ctx)
    phone = await _phone(request.phone, ctx)
    await _refuse_unapproved(request.message, ctx)
    vault, rules, store = ctx.part(PhoneVault), ctx.part(CodeRules), ctx.part(Store)
    phone_hash = vault.digest(phone)
    of_phone = await store.read(codes.history_of_phone, phone_hash, ctx.now)
    of_account = await store.read(codes.history_of_account, account, ctx.now)
    refusal = one_time_code.may_send(of_phone.sent_at, of_account.sent_at, ctx.now, rules.limits)
    if refusal is not None:
        raise CodeTooSoon(dict(refusal.words), retry_after=math.ceil(refusal.retry_after.total_seconds()))
    code_id, code = ctx.ids(), rules.generate()
    ctx.unit.insert(
        one_time_codes,
        id=code_id, account=account, account_seq=of_account.ever + 1, phone_hash=phone_hash,
        phone_seq=of_phone.ever + 1, phone_cipher=vault.encrypt(phone),
        code_digest=one_time_code.digest(code, codes.salt_of(code_id, account, phone_hash), rules.pepper),
        sent_at=ctx.now,
    )  # fmt: skip
    message = ctx.part(codes.CodeSender).seal(code_id, codes.CodePayload(phone, code, ctx.locale, request.message))
    owe(ctx.unit, "bindings.send_code", message, id=ctx.ids(), now=ctx.now, trace_id=ctx.trace_id)
    limits = rules.limits
    return CodeSent(mask(phone), ctx.now + limits.lifetime, int(limits.resend_after.total_seconds()))


@bindings.capability(
    scope="bindings:write",
    effect=Effect.WRITE,
    http="POST /v1/bindings",
    title={"zh": "绑定手机号", "en": "Bind by a one-time code"},
    errors=(CodeRefused, NotASubscriber),
    examples=(ConfirmCode("123456"),),
)
async def confirm_code(request: ConfirmCode, ctx: Context) -> BoundTo:
    """Bind the calling account to the subscriber whose number received the code."""
    account = _account(ctx)
    store = ctx.part(Store)
    kept, outcome = await _checked(account, request, ctx)
    owner = (
        await store.read(_subscriber_by_phone, kept.phone_hash, ctx.sandbox) if outcome is Outcome.ACCEPTED else None
    )
    if owner is None and outcome.costs_a_try:
        await _spend_try(kept, outcome, ctx)
    _refuse_unaccepted(kept, outcome, ctx)
    if owner is None:
        raise NotASubscriber
    _record_try(ctx.unit, kept, outcome, ctx)
    return await _bind(account, owner, ctx)


@bindings.capability(
    scope="bindings:write",
    effect=Effect.WRITE,
    http="POST /v1/bindings/codes/verify",
    title={"zh": "核验验证码", "en": "Verify a number by a one-time code"},
    errors=(CodeRefused,),
    examples=(ConfirmCode("123456"),),
)
async def verify_code(request: ConfirmCode, ctx: Context) -> NumberVerified:
    """Prove that who answers the code holds the number, without binding the account. The code is then used."""
    kept, outcome = await _checked(_account(ctx), request, ctx)
    if outcome is Outcome.WRONG:
        await _spend_try(kept, outcome, ctx)
    _refuse_unaccepted(kept, outcome, ctx)
    _record_try(ctx.unit, kept, outcome, ctx)
    return NumberVerified(outcome.value)


@bindings.capability(
    scope="bindings:read",
    subject=Subject.REQUIRED,
    effect=Effect.READ,
    http="GET /v1/bindings",
    title={"zh": "我的绑定", "en": "List bindings"},
)
async def list_live(request: ListBindings, ctx: Context) -> BindingList:
    """Every account bound to the subject now, so that a strange one is noticed."""
    rows = await ctx.part(Store).read(repository.live_of_subscriber, ctx.subscriber.id)
    own = ctx.subscriber.identity.binding_id
    return BindingList(
        [BindingView(id, account.partition(":")[0], how, at, id == own) for id, account, how, at in rows]
    )


@bindings.capability(
    scope="bindings:write",
    subject=Subject.REQUIRED,
    effect=Effect.REMOVE,
    http="POST /v1/bindings/end",
    title={"zh": "解除绑定", "en": "End a binding"},
    errors=(NotBound,),
    own_voice=True,
)
async def end(request: EndBinding, ctx: Context) -> Ended:
    """End the calling account's binding, or another one of the same subscriber."""
    own = ctx.subscriber.identity.binding_id
    wanted = request.id or own
    live = await ctx.part(Store).read(repository.live_of_subscriber, ctx.subscriber.id)
    account = next((account for id, account, _, _ in live if id == wanted), None)
    if account is None:
        raise NotBound
    repository.end(ctx, wanted, account, ctx.subscriber.id, "unbound by the subscriber")
    return Ended(wanted)


def _account(ctx: Context) -> str:
    if ctx.account is None:
        raise Forbidden(
            {"zh": "请指明要绑定的账号", "en": "name the account to bind (Tuila-User), or call with one of your own"}
        )
    return ctx.account


async def _phone(text: str, ctx: Context) -> str:
    if ctx.sandbox is None:
        try:
            return normalise(text)
        except NotAPhoneNumber as error:
            raise PhoneNumberInvalid from error
    digest = ctx.part(PhoneVault).digest(text)
    if not is_sandbox_number(text) or await ctx.part(Store).read(_subscriber_by_phone, digest, ctx.sandbox) is None:
        raise SandboxNumberOnly(
            {
                "zh": "请使用 sandbox.create_user 返回的号码",
                "en": "give the phone of a user made by sandbox.create_user; real numbers are never reached",
            }
        )
    return text


async def _refuse_unapproved(message: str | None, ctx: Context) -> None:
    if message is None:
        return
    partner = await ctx.part(Partners).get(ctx.principal.id) if ctx.principal.kind == "partner" else None
    approved = () if partner is None else codes.approved_texts(partner.name)
    if message not in approved:
        listed = " | ".join(approved)
        raise TextNotApproved({"zh": f"可以使用的短信内容：{listed}", "en": f"texts that may be sent: {listed}"})


async def _checked(account: str, request: ConfirmCode, ctx: Context) -> tuple[codes.KeptCode, Outcome]:
    kept = await ctx.part(Store).read(codes.newest_code, account)
    if kept is None:
        raise CodeRefused({"zh": "请先获取验证码", "en": "ask for a code first"}, outcome="none")
    rules = ctx.part(CodeRules)
    return kept, one_time_code.check(kept.sent, request.code, rules.pepper, ctx.now, rules.limits)


def _refuse_unaccepted(kept: codes.KeptCode, outcome: Outcome, ctx: Context) -> None:
    if outcome is not Outcome.ACCEPTED:
        left = max(0, ctx.part(CodeRules).limits.tries - kept.tries - (1 if outcome.costs_a_try else 0))
        raise CodeRefused(dict(outcome.words), outcome=outcome.value, tries_left=left)


async def _spend_try(kept: codes.KeptCode, outcome: Outcome, ctx: Context) -> None:
    # A try that fails must count although the call is refused, and a refused call's unit is dropped.
    spent = Unit()
    _record_try(spent, kept, outcome, ctx)
    await ctx.part(Store).commit(spent)


def _record_try(unit: Unit, kept: codes.KeptCode, outcome: Outcome, ctx: Context) -> None:
    unit.insert(code_tries, code_id=kept.id, number=kept.tries + 1, at=ctx.now, outcome=outcome.value)


async def _bind(account: str, owner: tuple[int, str, str, bytes, bytes], ctx: Context) -> BoundTo:
    subscriber_id, brand, region, cipher, phone_hash = owner
    phone = mask(ctx.part(PhoneVault).decrypt(cipher, phone_hash))
    live = await ctx.part(Store).read(repository.live_of_account, account)
    return BoundTo(repository.hold(ctx, live, account, subscriber_id, "one_time_code"), phone, brand, region)


def _subscriber_by_phone(
    connection: Connection, phone_hash: bytes, sandbox: str | None
) -> tuple[int, str, str, bytes, bytes] | None:
    table = subscribers.c
    there = table.sandbox.is_(None) if sandbox is None else table.sandbox == sandbox
    columns = (table.id, table.brand, table.region, table.phone_cipher, table.phone_hash)
    row = connection.execute(select(*columns).where(table.phone_hash == phone_hash, there)).one_or_none()
    return None if row is None else tuple(row)
