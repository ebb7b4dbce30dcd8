"""Many orders in one call: each decided, kept and refused by itself, as if it had come alone."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Annotated, Any

import msgspec
from msgspec import Meta, Struct

from auth.principal import partner_account
from gateway.capabilities.orders.capability import orders
from gateway.capabilities.orders.schemas import Order, PlaceOrder, User
from gateway.capability import Context, Effect
from gateway.errors import GatewayError, MalformedRequest
from gateway.invoke import Call, Invoker

_AT_ONCE = 128
LONGEST = 1000


class BatchItem(Struct, frozen=True):
    """One order of a batch: what `orders.place` takes, with its user and its idempotency key."""

    user: Annotated[str, Meta(description="Your own id of the user, as in Tuila-User.")]
    key: Annotated[str, Meta(description="The order's own idempotency key: 1 to 200 visible characters.")]
    offer: Annotated[str, Meta(description="Code of a product offering.")]
    action: Annotated[str, Meta(description="As for orders.place.")] = "subscribe"
    partner_ref: Annotated[str | None, Meta(description="Your own number for this order.")] = None
    attribution: Annotated[dict[str, str | None], Meta(description="impression, campaign, referrer.")] = {}


class PlaceBatch(Struct, frozen=True):
    """Take down orders for many users."""

    items: Annotated[list[BatchItem], Meta(min_length=1, max_length=LONGEST, description="The orders, in order.")]


class BatchResult(Struct, frozen=True):
    """What became of one item: the order, or the problem that stood in its way."""

    order: Order | None = None
    problem: Annotated[dict[str, Any] | None, Meta(description="Problem document (RFC 9457).")] = None


class BatchAnswer(Struct, frozen=True):
    """A result for each item, in the order of the items."""

    placed: int
    refused: int
    items: list[BatchResult]


class _Checked(PlaceOrder, frozen=True, kw_only=True):
    user: User
    key: Annotated[str, Meta(pattern=r"^[!-~]{1,200}$")]


@orders.capability(
    scope="orders:write",
    effect=Effect.WRITE,
    http="POST /v1/orders/batch",
    title={"zh": "批量下单", "en": "Place many orders"},
    examples=(PlaceBatch([BatchItem("user-7", "R-1001", "TM-MUSIC-10", partner_ref="R-1001")]),),
    partner_only=True,
)
async def place_batch(request: PlaceBatch, ctx: Context) -> BatchAnswer:
    """Take down up to 1,000 orders, each as `orders.place` would under its own key; a bad one spoils no other.

    Orders of one user are taken down in the order given. The batch is one call of your quota per second, and each
    item one of your quota per day. When no answer came, send the same batch again.
    """
    results: list[BatchResult] = [BatchResult()] * len(request.items)
    by_user: dict[str, list[int]] = {}
    for at, item in enumerate(request.items):
        by_user.setdefault(item.user, []).append(at)
    free = asyncio.Semaphore(_AT_ONCE)

    async def place_of_one_user(places: Sequence[int]) -> None:
        async with free:
            for at in places:  # at once they would stand in each other's way: each is decided on the ones before
                results[at] = await _place(request.items[at], f"/items/{at}", ctx)

    await asyncio.gather(*map(place_of_one_user, by_user.values()))
    placed = sum(result.order is not None for result in results)
    return BatchAnswer(placed, len(results) - placed, results)


async def _place(item: BatchItem, instance: str, ctx: Context) -> BatchResult:
    try:
        checked = _checked(item)
        call = Call(
            "orders.place", ctx.principal, msgspec.convert(checked, PlaceOrder, from_attributes=True),
            account=partner_account(ctx.principal.id, checked.user), channel=ctx.channel, locale=ctx.locale,
            idempotency_key=checked.key, trace_id=ctx.trace_id, is_part=True,
        )  # fmt: skip
        return BatchResult(order=await ctx.part(Invoker)(call))
    except GatewayError as error:
        return BatchResult(problem=error.problem(instance, ctx.locale))


def _checked(item: BatchItem) -> _Checked:
    try:
        return msgspec.convert(msgspec.structs.asdict(item), _Checked)
    except msgspec.ValidationError as error:
        raise MalformedRequest({"zh": f"请求内容有误：{error}", "en": str(error)}) from error
