"""What a sandbox partner can do that a live one cannot: make users up, answer for them, and let things go wrong."""

from __future__ import annotations

import msgspec

from auth.phone_number import PhoneVault, sandbox_number
from auth.principal import partner_account
from config.settings import Settings
from gateway.capabilities.bindings import live_binding, start_binding
from gateway.capabilities.consents import CURRENT_TEXT
from gateway.capabilities.consents import consents as consent_rows
from gateway.capabilities.orders import (
    AnswerGift,
    Gift,
    NotConfirmable,
    NotOrderable,
    Order,
    OrderNotFound,
    OrderRef,
    answer_gift_in_person,
    confirm_order,
    refuse_order,
)
from gateway.capabilities.sandbox import repository
from gateway.capabilities.sandbox.errors import NotASandbox, SandboxFull, SandboxUserTaken
from gateway.capabilities.sandbox.schemas import (
    AnswerOrder,
    CreateUser,
    Faults,
    GetFaults,
    ListMessages,
    SandboxMessagePage,
    SandboxUser,
)
from gateway.capabilities.sandbox.tables import sandbox_faults
from gateway.capabilities.subscribers import Profile, profiles, subscribers
from gateway.capability import CapabilitySet, Context, Effect, Subject
from gateway.kit.page import cut
from gateway.store import Store

sandbox = CapabilitySet("sandbox")


@sandbox.capability(
    scope="partner:self",
    effect=Effect.WRITE,
    http="POST /v1/sandbox/users",
    title={"zh": "创建沙箱用户", "en": "Make a sandbox user"},
    errors=(NotASandbox, SandboxFull, SandboxUserTaken),
    examples=(CreateUser("user-7", region="GD/440100/440106"),),
    partner_only=True,
)
async def create_user(request: CreateUser, ctx: Context) -> SandboxUser:
    """Make a subscriber up, bind it to your user, and give every consent that orders and recommendations ask for."""
    owner = _own_sandbox(ctx)
    store, account = ctx.part(Store), partner_account(owner, request.user)
    most = ctx.part(Settings).sandbox.users
    there, lowest = await store.read(repository.count_users, owner)
    if there >= most:
        raise SandboxFull(most=most)
    if await store.read(live_binding, account) is not None:
        raise SandboxUserTaken
    number = lowest - 1  # two made at once want the same id, so the bound holds; real ids grow from 1
    phone = sandbox_number(-number)
    _insert_subscriber(ctx, number, phone, owner, request)
    start_binding(ctx, account, number, "sandbox")
    for purpose in ("recommend", "order"):
        ctx.unit.insert(
            consent_rows, subscriber_id=number, purpose=purpose, seq=0, granted=True, text_version=CURRENT_TEXT,
            channel="sandbox", at=ctx.now,
        )  # fmt: skip
    return SandboxUser(request.user, phone, request.brand, request.region)


def _insert_subscriber(ctx: Context, number: int, phone: str, owner: str, request: CreateUser) -> None:
    vault = ctx.part(PhoneVault)
    ctx.unit.insert(
        subscribers, id=number, ref=f"sandbox-{-number}", phone_cipher=vault.encrypt(phone),
        phone_hash=vault.digest(phone), brand=request.brand, region=request.region, joined_on=None, suspended=False,
        created_at=ctx.now, sandbox=owner,
    )  # fmt: skip
    profile = Profile(request.usage, request.traffic_used_pct, request.device_abilities)
    body = msgspec.json.encode(profile).decode()
    ctx.unit.insert(profiles, subscriber_id=number, body=body, updated_at=ctx.now)


@sandbox.capability(
    scope="partner:self",
    effect=Effect.WRITE,
    http="PUT /v1/sandbox/faults",
    title={"zh": "设置沙箱故障", "en": "Switch sandbox faults"},
    errors=(NotASandbox,),
    partner_only=True,
)
async def set_faults(request: Faults, ctx: Context) -> Faults:
    """Let things go wrong with your own sandbox orders and webhooks; what is left out is switched off."""
    ctx.unit.upsert(sandbox_faults, partner_id=_own_sandbox(ctx), **msgspec.structs.asdict(request))
    return request


@sandbox.capability(
    scope="partner:self",
    effect=Effect.READ,
    http="GET /v1/sandbox/faults",
    title={"zh": "查看沙箱故障", "en": "Get sandbox faults"},
    errors=(NotASandbox,),
    partner_only=True,
)
async def get_faults(request: GetFaults, ctx: Context) -> Faults:
    """The faults switched on, with the counts that are left."""
    return await ctx.part(Store).read(repository.get_faults, _own_sandbox(ctx))


@sandbox.capability(
    scope="partner:self",
    subject=Subject.REQUIRED,
    effect=Effect.WRITE,
    http="POST /v1/sandbox/orders/{id}/answer",
    title={"zh": "代沙箱用户答复订单", "en": "Answer an order for a sandbox user"},
    errors=(NotASandbox, OrderNotFound, NotConfirmable, NotOrderable),
    partner_only=True,
)
async def answer(request: AnswerOrder, ctx: Context) -> Order:
    """Say the yes or no that only the subscriber can say of a live order; the user is the one in Tuila-User."""
    _own_sandbox(ctx)
    answered: Order = await (confirm_order if request.yes else refuse_order)(OrderRef(request.id), ctx)
    return answered


@sandbox.capability(
    scope="partner:self",
    subject=Subject.REQUIRED,
    effect=Effect.WRITE,
    http="POST /v1/sandbox/gifts/{id}/answer",
    title={"zh": "代沙箱用户答复赠送", "en": "Answer a gift for a sandbox user"},
    errors=(NotASandbox, OrderNotFound, NotConfirmable, NotOrderable),
    partner_only=True,
)
async def answer_gift(request: AnswerOrder, ctx: Context) -> Gift:
    """Take or refuse a gift in its recipient's place; the recipient is the user in Tuila-User."""
    _own_sandbox(ctx)
    answered: Gift = await answer_gift_in_person(AnswerGift(request.id, request.yes), ctx)
    return answered


@sandbox.capability(
    scope="partner:self",
    effect=Effect.READ,
    http="GET /v1/sandbox/messages",
    title={"zh": "沙箱消息", "en": "List sandbox messages"},
    errors=(NotASandbox,),
    partner_only=True,
)
async def list_messages(request: ListMessages, ctx: Context) -> SandboxMessagePage:
    """The messages that your sandbox users would have got, newest first; kept for seven days."""
    found = await ctx.part(Store).read(
        repository.list_messages, _own_sandbox(ctx), request.user, request.cursor, request.limit + 1
    )
    page, further = cut(found, request.limit, lambda one: one.id)
    return SandboxMessagePage(page, further)


def _own_sandbox(ctx: Context) -> str:
    if ctx.sandbox is None:
        raise NotASandbox
    return ctx.sandbox
