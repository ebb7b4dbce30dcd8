"""Reading the event feed."""

from __future__ import annotations

from gateway.capabilities.events.repository import list_after, seq_of
from gateway.capabilities.events.schemas import Event, EventPage, ListEvents
from gateway.capability import CapabilitySet, Context, Effect, Subject
from gateway.errors import Forbidden, NotFound
from gateway.kit.page import cut
from gateway.store import Store

events = CapabilitySet("events")


class EventNotFound(NotFound):
    """There is no such event, or none any more."""

    code = "event-not-found"
    title = {"zh": "没有这个事件，或已过保存期", "en": "There is no such event, or it is no longer kept"}


@events.capability(
    scope="events:read",
    subject=Subject.OPTIONAL,
    effect=Effect.READ,
    http="GET /v1/events",
    title={"zh": "事件列表", "en": "List events"},
    errors=(EventNotFound,),
    examples=(ListEvents(types="order.*"),),
)
async def list(request: ListEvents, ctx: Context) -> EventPage:
    """What happened: to a partner what concerns it, to a session what concerns its own account.

    Keep the id of the last event you have dealt with and pass it as `after`. Events are kept for 30 days.
    """
    partner_id = ctx.principal.id if ctx.principal.kind == "partner" else None
    if partner_id is None and ctx.account is None and ctx.principal.kind != "operator":
        raise Forbidden({"zh": "没有可以读取的事件", "en": "no partner and no account: there are no events to read"})
    store, after = ctx.part(Store), 0
    if request.after is not None:
        seq = await store.read(seq_of, request.after)
        if seq is None:
            raise EventNotFound(
                {
                    "zh": "没有这个事件，或已过 30 天保存期；请不带 after，从保存的最早事件读起",
                    "en": "no such event, or it is over 30 days old; read from the oldest one kept, without after",
                }
            )
        after = seq
    found = await store.read(
        list_after,
        partner_id=partner_id,
        account=ctx.account,
        after_seq=after,
        types=request.types.split(",") if request.types else (),
        limit=request.limit + 1,
    )
    page, further = cut(found, request.limit, lambda one: one.id)
    return EventPage([Event.of(one) for one in page], further)
