"""Registering webhook endpoints, seeing what became of deliveries, and sending events again."""

from __future__ import annotations

from datetime import timedelta

import msgspec

from auth import webhook_signature
from config.settings import Settings
from gateway.capabilities.events import EventNotFound, StoredEvent, emit, head, seq_of
from gateway.capabilities.partners import PartnerNotFound, Partners
from gateway.capabilities.webhooks import repository
from gateway.capabilities.webhooks.errors import (
    FormatUnknown,
    TooManyWebhooks,
    WebhookDisabled,
    WebhookNotFound,
    WebhookUrlRefused,
)
from gateway.capabilities.webhooks.formats import Formats
from gateway.capabilities.webhooks.repository import TEST, StoredEndpoint, takes
from gateway.capabilities.webhooks.schemas import (
    CreateWebhook,
    Deleted,
    DeliveryPage,
    EventSent,
    ListDeliveries,
    ListWebhooks,
    Replay,
    Replayed,
    UpdateWebhook,
    Webhook,
    WebhookPage,
    WebhookRef,
    WebhookSecret,
)
from gateway.capabilities.webhooks.secrets import WebhookSecrets
from gateway.capabilities.webhooks.tables import webhook_deliveries, webhook_endpoints
from gateway.capabilities.webhooks.urls import refuse_url
from gateway.capability import CapabilitySet, Context, Effect
from gateway.errors import Forbidden, MalformedRequest
from gateway.kit.page import cut
from gateway.store import Store

webhooks = CapabilitySet("webhooks")

MOST_ENDPOINTS = 20
"""Endpoints of one partner."""
OVERLAP = timedelta(hours=24)
"""How long the secret before the newest signs as well."""
_REPLAYED_AT_ONCE = 1000


@webhooks.capability(
    scope="webhooks:write",
    effect=Effect.WRITE,
    http="POST /v1/webhooks",
    title={"zh": "新建 Webhook", "en": "Create a webhook"},
    errors=(WebhookUrlRefused, FormatUnknown, TooManyWebhooks, PartnerNotFound),
    examples=(CreateWebhook("https://shop.example.com/hooks", ["order.*"]),),
    shows_secret=True,
)
async def create(request: CreateWebhook, ctx: Context) -> WebhookSecret:
    """Have the events that concern a partner sent to an address, signed with a secret that is shown this once.

    What happens from now on is sent, each event at least once, those of one key in order.
    """
    store, partner_id = ctx.part(Store), _partner(request.partner, ctx)
    if partner_id is None:
        raise MalformedRequest({"zh": "请用 partner 指明合作方", "en": "name the partner"})
    if ctx.principal.kind == "operator" and await ctx.part(Partners).get(partner_id) is None:
        raise PartnerNotFound
    _refuse_url(request.url, ctx)
    if request.format not in ctx.part(Formats).by_name:
        known = ", ".join(sorted(ctx.part(Formats).by_name))
        raise FormatUnknown({"zh": f"可用格式：{known}", "en": f"the formats are: {known}"})
    count, newest = await store.read(repository.count_endpoints, partner_id)
    if count >= MOST_ENDPOINTS:
        raise TooManyWebhooks
    endpoint_id, secret = ctx.ids(), webhook_signature.generate()
    endpoint = StoredEndpoint(
        id=endpoint_id, partner_id=partner_id, partner_seq=newest + 1, url=request.url, types=tuple(request.types),
        description=request.description, format=request.format, enabled=True, disabled_because=None,
        secret=ctx.part(WebhookSecrets).seal(secret, endpoint_id), previous_secret=None, previous_until=None,
        created_at=ctx.now, updated_at=ctx.now, cursor=await store.read(head), failing_since=None,
    )  # fmt: skip
    row = {**endpoint._asdict(), "types": _json(request.types)}
    ctx.unit.insert(webhook_endpoints, **row, leased_by=None, leased_until=None)
    ctx.unit.wakes_workers = True
    ctx.audit_detail["webhook"] = endpoint_id
    return WebhookSecret(_view(endpoint), secret)


@webhooks.capability(
    scope="webhooks:read",
    effect=Effect.READ,
    http="GET /v1/webhooks",
    title={"zh": "Webhook 列表", "en": "List webhooks"},
)
async def list_all(request: ListWebhooks, ctx: Context) -> WebhookPage:
    """The partner's endpoints, oldest first."""
    found = await ctx.part(Store).read(
        repository.list_endpoints, _partner(request.partner, ctx), request.cursor, request.limit + 1
    )
    page, further = cut(found, request.limit, lambda one: one.id)
    return WebhookPage([_view(one) for one in page], further)


@webhooks.capability(
    scope="webhooks:read",
    effect=Effect.READ,
    http="GET /v1/webhooks/{id}",
    title={"zh": "查询 Webhook", "en": "Get a webhook"},
    errors=(WebhookNotFound,),
)
async def get(request: WebhookRef, ctx: Context) -> Webhook:
    """One endpoint."""
    return _view(await _endpoint(request.id, ctx))


@webhooks.capability(
    scope="webhooks:write",
    effect=Effect.WRITE,
    http="PATCH /v1/webhooks/{id}",
    title={"zh": "修改 Webhook", "en": "Update a webhook"},
    errors=(WebhookNotFound, WebhookUrlRefused),
)
async def update(request: UpdateWebhook, ctx: Context) -> Webhook:
    """Change an endpoint. It is heeded within seconds; one that is enabled again goes on where it stopped."""
    endpoint = await _endpoint(request.id, ctx)
    if request.url is not None:
        _refuse_url(request.url, ctx)
    enabled = endpoint.enabled if request.enabled is None else request.enabled
    switched = enabled != endpoint.enabled
    changed = endpoint._replace(
        url=request.url or endpoint.url,
        types=endpoint.types if request.types is None else tuple(request.types),
        description=endpoint.description if request.description is None else request.description,
        enabled=enabled,
        disabled_because=None if enabled else "switched off" if switched else endpoint.disabled_because,
        failing_since=None if switched and enabled else endpoint.failing_since,
        updated_at=ctx.now,
    )
    ctx.unit.update(
        webhook_endpoints, {"id": endpoint.id},
        url=changed.url, types=_json(changed.types), description=changed.description, enabled=enabled,
        disabled_because=changed.disabled_because, failing_since=changed.failing_since, updated_at=ctx.now,
    )  # fmt: skip
    ctx.audit_detail["webhook"] = endpoint.id
    return _view(changed)


@webhooks.capability(
    scope="webhooks:write",
    effect=Effect.WRITE,
    http="DELETE /v1/webhooks/{id}",
    title={"zh": "删除 Webhook", "en": "Delete a webhook"},
    errors=(WebhookNotFound,),
)
async def delete(request: WebhookRef, ctx: Context) -> Deleted:
    """Send nothing more to an endpoint, and forget it."""
    endpoint = await _endpoint(request.id, ctx)
    ctx.unit.delete(webhook_endpoints, id=endpoint.id)
    ctx.audit_detail["webhook"] = endpoint.id
    return Deleted(endpoint.id)


@webhooks.capability(
    scope="webhooks:write",
    effect=Effect.WRITE,
    http="POST /v1/webhooks/{id}/secrets",
    title={"zh": "更换 Webhook 密钥", "en": "Rotate a webhook's secret"},
    errors=(WebhookNotFound,),
    shows_secret=True,
)
async def rotate_secret(request: WebhookRef, ctx: Context) -> WebhookSecret:
    """Give out a new secret; for 24 hours deliveries are signed with it and with the one before."""
    endpoint = await _endpoint(request.id, ctx)
    secret = webhook_signature.generate()
    changed = endpoint._replace(
        secret=ctx.part(WebhookSecrets).seal(secret, endpoint.id), previous_secret=endpoint.secret,
        previous_until=ctx.now + OVERLAP, updated_at=ctx.now,
    )  # fmt: skip
    ctx.unit.update(
        webhook_endpoints, {"id": endpoint.id}, secret=changed.secret, previous_secret=changed.previous_secret,
        previous_until=changed.previous_until, updated_at=ctx.now,
    )  # fmt: skip
    ctx.audit_detail["webhook"] = endpoint.id
    return WebhookSecret(_view(changed), secret)


@webhooks.capability(
    scope="webhooks:write",
    effect=Effect.WRITE,
    http="POST /v1/webhooks/{id}/test",
    title={"zh": "发送测试事件", "en": "Send a test event"},
    errors=(WebhookNotFound, WebhookDisabled),
)
async def test(request: WebhookRef, ctx: Context) -> EventSent:
    """Send an event of type webhook.test to this endpoint, whatever types it takes."""
    endpoint = await _endpoint(request.id, ctx)
    if not endpoint.enabled:
        raise WebhookDisabled
    event_id = ctx.ids()
    emit(
        ctx.unit, TEST, {"webhook": endpoint.id}, id=event_id, at=ctx.now, key=endpoint.id,
        partner_id=endpoint.partner_id, account=None,
    )  # fmt: skip
    return EventSent(event_id)


@webhooks.capability(
    scope="webhooks:read",
    effect=Effect.READ,
    http="GET /v1/webhooks/{id}/deliveries",
    title={"zh": "推送记录", "en": "List deliveries"},
    errors=(WebhookNotFound,),
)
async def list_deliveries(request: ListDeliveries, ctx: Context) -> DeliveryPage:
    """What was sent to an endpoint and what it answered, newest first; kept for 30 days."""
    endpoint = await _endpoint(request.id, ctx)
    found = await ctx.part(Store).read(
        repository.list_deliveries, endpoint.id, request.state, request.cursor, request.limit + 1
    )
    page, further = cut(found, request.limit, lambda one: one.event)
    return DeliveryPage(page, further)


@webhooks.capability(
    scope="webhooks:write",
    effect=Effect.WRITE,
    http="POST /v1/webhooks/{id}/replay",
    title={"zh": "重新推送", "en": "Replay events"},
    errors=(WebhookNotFound, WebhookDisabled, EventNotFound),
)
async def replay(request: Replay, ctx: Context) -> Replayed:
    """Send events of the last 30 days again, with the ids they always had: one event, or a range of up to a thousand."""
    endpoint = await _endpoint(request.id, ctx)
    if not endpoint.enabled:
        raise WebhookDisabled
    if request.event is None and request.after is None and request.since is None:
        raise MalformedRequest({"zh": "请指明 event、after 或 since", "en": "say which: event, after or since"})
    store, after = ctx.part(Store), 0
    if request.after is not None:
        seq = await store.read(seq_of, request.after)
        if seq is None:
            raise EventNotFound
        after = seq
    found = await store.read(
        repository.list_for_replay, endpoint, event_id=request.event, after_seq=after, since=request.since,
        until=request.until, limit=_REPLAYED_AT_ONCE + 1,
    )  # fmt: skip
    if request.event is not None and not found:
        raise EventNotFound
    again, further = cut(found, _REPLAYED_AT_ONCE, lambda event: event.id)
    for event in await _had_their_turn(again, endpoint, ctx):
        _owe_again(event, endpoint, ctx)
    ctx.unit.update(webhook_endpoints, {"id": endpoint.id}, updated_at=ctx.now)  # whoever sends to it looks again
    return Replayed(len(again), further)


async def _had_their_turn(found: list[StoredEvent], endpoint: StoredEndpoint, ctx: Context) -> list[StoredEvent]:
    """The events without those whose first delivery is still to come: owed now, they would go before older ones."""
    ahead = [event.id for event in found if event.seq > endpoint.cursor and takes(endpoint, event)]
    if not ahead:
        return found
    first = {*ahead} - await ctx.part(Store).read(repository.known_deliveries, endpoint.id, ahead)
    return [event for event in found if event.id not in first]


def _owe_again(event: StoredEvent, endpoint: StoredEndpoint, ctx: Context) -> None:
    ctx.unit.upsert(
        webhook_deliveries,
        event_id=event.id, endpoint_id=endpoint.id, seq=event.seq, type=event.type, state="pending", attempts=0,
        at=event.at, tried_at=None, next_at=None, status_code=None, latency_ms=None, error=None, excerpt=None,
    )  # fmt: skip


def _partner(named: str | None, ctx: Context) -> str | None:
    """Whose endpoints the call is about. None: an operator's call about everybody's.

    Raises:
        Forbidden: the caller is neither a partner speaking for itself nor an operator.
    """
    if ctx.principal.kind == "operator":
        return named
    if ctx.principal.kind != "partner" or named not in (None, ctx.principal.id):
        raise Forbidden(
            {"zh": "只能管理自己的 Webhook", "en": "a partner's server manages its own webhooks, and no other"}
        )
    return ctx.principal.id


async def _endpoint(endpoint_id: str, ctx: Context) -> StoredEndpoint:
    endpoint = await ctx.part(Store).read(repository.get_endpoint, _partner(None, ctx), endpoint_id)
    if endpoint is None:
        raise WebhookNotFound
    return endpoint


def _refuse_url(url: str, ctx: Context) -> None:
    settings = ctx.part(Settings)
    refuse_url(url, https_only=settings.environment == "production", allowed=settings.webhooks.allowed_networks)


def _json(types: tuple[str, ...] | list[str]) -> str:
    return msgspec.json.encode(types).decode()


def _view(endpoint: StoredEndpoint) -> Webhook:
    return Webhook(
        endpoint.id, endpoint.partner_id, endpoint.url, [*endpoint.types], endpoint.description, endpoint.format,
        endpoint.enabled, endpoint.disabled_because, endpoint.failing_since, endpoint.created_at, endpoint.updated_at,
        endpoint.previous_until,
    )  # fmt: skip
