"""Sending events to the endpoints that want them.

Each endpoint is leased to one process, so that the order of its deliveries is one process's affair. Where it stands is a
cursor over the feed's numbers: what goes well leaves one row for the log and moves the cursor, many deliveries in one
commit. What has to wait (for another attempt, or behind such a one of its key) has a row of its own, and the cursor may
pass it. A crash forgets only what was sent since the last commit: that is sent again, under the same id.
"""

from __future__ import annotations

import asyncio
import random
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Protocol

import prometheus_client
import structlog

from adapters.webhooks.protocol import Reply, WebhookPost
from auth import webhook_signature
from auth.secret_box import BoxRefused
from gateway.capabilities.events import EventFeed, StoredEvent, emit, head, list_after
from gateway.capabilities.webhooks import repository
from gateway.capabilities.webhooks.formats import Formats, Render, address_below, standard
from gateway.capabilities.webhooks.queue import Delivery, EndpointQueue
from gateway.capabilities.webhooks.repository import StoredEndpoint, takes
from gateway.capabilities.webhooks.schedule import GIVEN_UP_AFTER, next_try
from gateway.capabilities.webhooks.secrets import WebhookSecrets
from gateway.capabilities.webhooks.tables import webhook_deliveries, webhook_endpoints
from gateway.kit.clock import Clock
from gateway.store import Store, StoreUnavailable, Unit

WINDOW = 1000
"""Events of one endpoint that are held at once; the feed keeps the others."""
_AT_ONCE = 64
_AT_ONCE_WHILE_FAILING = 4
_CLAIMED_AT_ONCE = 50
_GIVES_WAY = timedelta(seconds=2)
"""How long a delivery of a sandbox that asks for disorder lets others pass."""
_GATHER_SECONDS = 0.05
"""How long finished deliveries wait for others to be written with them."""

_log = structlog.get_logger("webhooks")
_ATTEMPTS = prometheus_client.Counter(
    "tuila_webhook_attempts", "Attempts to deliver an event, by outcome.", ("outcome",)
)
_DELIVERED, _FAILED, _GIVEN_UP = (_ATTEMPTS.labels(outcome) for outcome in ("delivered", "failed", "given_up"))
_DISABLED = prometheus_client.Counter("tuila_webhook_endpoints_disabled", "Endpoints disabled, by reason.", ("reason",))


class DeliveryFaults(Protocol):
    """What goes wrong on purpose with the deliveries of a sandbox partner."""

    async def reorders(self, partner_id: str) -> bool:
        """Whether this delivery is to be overtaken; it is counted."""

    async def doubles(self, partner_id: str, event_type: str) -> bool:
        """Whether an event that was taken is sent once more."""


class _Endpoint:
    """One endpoint that this process sends to."""

    def __init__(self, stored: StoredEndpoint) -> None:
        self.stored = stored
        self.queue = EndpointQueue(stored.cursor)
        self.render: Render = standard
        self.keys: list[bytes] = []
        self.keys_until: datetime | None = None
        self.failing_since = stored.failing_since
        self.sending = 0
        self.keeps_up = False
        """Whether every event up to the process's place in the feed was looked at for it."""
        self.has_more_pending = False
        """Whether the store may hold waiting deliveries that are not held here. Until they are, nothing newer is taken in,
        for it would be sent before them."""
        self.unwritten: set[str] = set()
        """Events whose outcome is known here and not in the store."""
        self.looks = True
        """Whether its waiting deliveries are to be read, for somebody else may have made them due."""
        self.stopped: str | None = None
        """Why nothing more is to be sent."""
        self.is_forgotten = False
        """Whether what becomes of its deliveries is of no more interest, because they are read anew from the store."""

    @property
    def room(self) -> int:
        return WINDOW - len(self.queue)

    @property
    def lags_with_room(self) -> bool:
        return not self.keeps_up and self.room > WINDOW // 2


class WebhookDispatcher:
    """Sends to the endpoints that this process holds. Several processes share the endpoints among them."""

    def __init__(
        self,
        store: Store,
        feed: EventFeed,
        post: WebhookPost,
        formats: Formats,
        secrets: WebhookSecrets,
        faults: DeliveryFaults,
        *,
        clock: Clock,
        ids: Callable[[], str],
        owner: str,
        lease: timedelta,
        waits: Sequence[timedelta],
        chance: Callable[[], float] = random.random,
    ) -> None:
        """`owner` names this process among those that share the endpoints; `lease` and `waits` are as in the settings."""
        self._store = store
        self._feed = feed
        self._post = post
        self._formats = formats
        self._secrets = secrets
        self._faults = faults
        self._clock = clock
        self._ids = ids
        self._owner = owner
        self._lease = lease
        self._waits = waits
        self._chance = chance
        self._held: dict[str, _Endpoint] = {}
        self._of_partner: Mapping[str, list[_Endpoint]] = {}
        self._until = clock()
        self._place = 0
        self._tasks: set[asyncio.Task[None]] = set()
        self._rows: list[dict[str, Any]] = []
        self._changed: set[_Endpoint] = set()
        self._books = asyncio.Lock()  # what is read of deliveries must not be older than what is being written of them
        self._made = 0
        self._wake = asyncio.Event()
        self._to_write = asyncio.Event()

    async def run(self) -> None:
        """Send until cancelled; what was sent is written and the endpoints are given back before it ends."""
        helpers = [asyncio.create_task(self._watch()), asyncio.create_task(self._keep_writing())]
        try:
            next_look = 0.0
            while True:
                self._wake.clear()
                now = asyncio.get_running_loop().time()
                try:
                    if now >= next_look:
                        next_look = now + 0.5 + self._chance()
                        await self._look_after_endpoints()
                    await self._take_in()
                except StoreUnavailable as error:
                    _log.warning("store unavailable", error=str(error))
                except Exception:  # noqa: BLE001 - the next turn goes on with what is in the store
                    _log.exception("sending webhooks failed")
                    self._forget()
                self._send()
                try:
                    await asyncio.wait_for(self._wake.wait(), max(0.01, next_look - asyncio.get_running_loop().time()))
                except TimeoutError:
                    pass
        finally:
            under_way = (*helpers, *self._tasks)
            for task in under_way:
                task.cancel()
            await asyncio.gather(*under_way, return_exceptions=True)
            await self._give_back()

    async def run_due(self) -> int:
        """Send what is due now and nothing after; how many attempts were made. For commands and tests."""
        before = self._made
        while True:
            await self._look_after_endpoints()
            await self._take_in()
            self._send()
            is_done = not self._tasks
            while self._tasks:
                await asyncio.gather(*self._tasks)
            await self._write()
            if is_done:
                return self._made - before

    async def _watch(self) -> None:
        seen = 0
        while True:
            seen = await self._feed.wait(seen)
            self._wake.set()

    async def _keep_writing(self) -> None:
        while True:
            await self._to_write.wait()
            await asyncio.sleep(_GATHER_SECONDS)
            self._to_write.clear()
            try:
                await self._write()
            except Exception:  # noqa: BLE001 - what was not written is sent again
                _log.exception("deliveries were not written")
                self._forget()

    async def _give_back(self) -> None:
        try:
            await self._write()
            await self._store.write(repository.release, self._owner)
        except StoreUnavailable as error:  # the leases run out by themselves
            _log.warning("store unavailable", error=str(error))

    def _forget(self) -> None:
        """Begin anew from what is in the store."""
        for endpoint in self._held.values():
            endpoint.is_forgotten = True
        self._held, self._of_partner = {}, {}
        self._rows.clear()
        self._changed.clear()

    # What is to be sent

    async def _look_after_endpoints(self) -> None:
        """Take free endpoints, keep those held, heed changes, and take in deliveries that others made due."""
        now = self._clock()
        if self._until <= now:
            self._forget()  # another process may have had the endpoints meanwhile
        held, some_are_free = await self._store.read(repository.list_held, self._owner, now)
        if some_are_free or (held and self._until - now < self._lease * 2 / 3):
            until = now + self._lease
            held = await self._store.write(repository.claim, self._owner, now, until, _CLAIMED_AT_ONCE)
            self._until = until
        newest = await self._store.read(head) if held and not self._held else self._place
        self._place = max(self._place, newest)
        self._hold(held)
        async with self._books:
            waiting = await self._store.read(repository.count_pending, self._held) if self._held else {}
            for endpoint in [*self._held.values()]:
                await self._take_in_pending(endpoint, waiting.get(endpoint.stored.id, 0))

    def _hold(self, endpoints: list[StoredEndpoint]) -> None:
        held: dict[str, _Endpoint] = {}
        of_partner: defaultdict[str, list[_Endpoint]] = defaultdict(list)
        for stored in endpoints:
            endpoint = self._held.get(stored.id) or _Endpoint(stored)
            if endpoint.stopped is not None:
                continue  # the store is about to hear of it
            if not endpoint.keys or _as_its_owner_set_it(endpoint.stored) != _as_its_owner_set_it(stored):
                endpoint.looks = True
                if not self._takes_up(endpoint, stored):
                    continue
            endpoint.stored = stored
            held[stored.id] = endpoint
            of_partner[stored.partner_id].append(endpoint)
        self._held, self._of_partner = held, of_partner

    def _takes_up(self, endpoint: _Endpoint, stored: StoredEndpoint) -> bool:
        """Make ready to sign and to render for the endpoint; whether that is possible."""
        try:
            endpoint.keys = self._secrets.keys(stored, self._clock())
            endpoint.render = self._formats.by_name[stored.format]
        except (BoxRefused, ValueError, KeyError) as error:
            _log.error("webhook cannot be served", endpoint=stored.id, error=repr(error))
            return False
        endpoint.keys_until = stored.previous_until
        return True

    async def _take_in_pending(self, endpoint: _Endpoint, count: int) -> None:
        if count == 0:
            endpoint.has_more_pending = False
        elif endpoint.looks or endpoint.has_more_pending or count > endpoint.queue.recorded:
            await self._read_pending(endpoint)

    async def _read_pending(self, endpoint: _Endpoint) -> None:
        """Hold the oldest of the waiting deliveries, as many as there is room for."""
        endpoint.looks = False
        waiting = await self._store.read(repository.list_pending, endpoint.stored.id, WINDOW)
        endpoint.has_more_pending = len(waiting) == WINDOW
        for event, attempts, next_at in waiting:
            held = endpoint.queue.get(event.id)
            if event.id in endpoint.unwritten:
                continue
            if held is not None:
                if next_at is None:
                    endpoint.queue.hurry(held)
            elif endpoint.room > 0 or self._makes_room(endpoint, event.seq):
                endpoint.queue.add(Delivery(event, attempts=attempts, due_at=next_at, recorded=True))
            else:
                endpoint.has_more_pending = True
        if endpoint.has_more_pending:
            endpoint.keeps_up = False

    def _makes_room(self, endpoint: _Endpoint, seq: int) -> bool:
        """Whether a newer delivery than `seq` could be put back into the store, where it waits as well."""
        newest = endpoint.queue.droppable(endpoint.unwritten)
        if newest is None or newest.event.seq < seq:
            return False
        endpoint.queue.drop(newest)
        endpoint.has_more_pending = True
        return True

    async def _take_in(self) -> None:
        """Take in what is new in the feed, once for all endpoints, and what those that fell behind have missed."""
        if not self._held:
            return
        while True:
            events = await self._store.read(
                list_after, partner_id=None, account=None, after_seq=self._place, limit=WINDOW
            )
            for event in events:
                self._hand_round(event)
            if events:
                self._place = events[-1].seq
            if len(events) < WINDOW:
                break
        for endpoint in [*self._held.values()]:
            if endpoint.lags_with_room and endpoint.has_more_pending:
                async with self._books:
                    await self._read_pending(endpoint)
            if endpoint.lags_with_room and not endpoint.has_more_pending:
                await self._catch_up(endpoint)

    def _hand_round(self, event: StoredEvent) -> None:
        for endpoint in self._of_partner.get(event.partner_id or "", ()):
            if endpoint.keeps_up and event.seq > endpoint.queue.seen:
                if takes(endpoint.stored, event):
                    if endpoint.room <= 0:
                        endpoint.keeps_up = False
                        continue
                    self._add(endpoint, event)
                endpoint.queue.seen = event.seq

    async def _catch_up(self, endpoint: _Endpoint) -> None:
        place, room = self._place, endpoint.room
        async with self._books:
            missed = await self._store.read(repository.list_missed, endpoint.stored, endpoint.queue.seen, place, room)
            for event in missed:
                if event.id not in endpoint.unwritten and endpoint.queue.get(event.id) is None:
                    self._add(endpoint, event)
        endpoint.keeps_up = len(missed) < room
        endpoint.queue.seen = max(endpoint.queue.seen, place) if endpoint.keeps_up else missed[-1].seq

    def _add(self, endpoint: _Endpoint, event: StoredEvent) -> None:
        delivery = Delivery(event, recorded=False)
        endpoint.queue.add(delivery)
        if endpoint.queue.waits(delivery):
            self._record(endpoint, delivery, "pending", None)

    # Sending

    def _send(self) -> None:
        for endpoint in self._held.values():
            self._send_to(endpoint)

    def _send_to(self, endpoint: _Endpoint) -> None:
        now = self._clock()
        most = _AT_ONCE if endpoint.failing_since is None else _AT_ONCE_WHILE_FAILING
        while endpoint.sending < most and endpoint.stopped is None and self._until > now:
            delivery = endpoint.queue.next(now)
            if delivery is None:
                break
            endpoint.sending += 1
            task = asyncio.create_task(self._attempt(endpoint, delivery))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        if endpoint.lags_with_room:
            self._wake.set()

    async def _attempt(self, endpoint: _Endpoint, delivery: Delivery) -> None:
        self._made += 1
        gives_way, reply = False, None
        try:
            gives_way = await self._gives_way(endpoint, delivery)
            reply = None if gives_way else await self._posted(endpoint, delivery)
        except Exception as error:  # noqa: BLE001 - one event that cannot be rendered must not hold up the others
            _log.exception("attempt failed", endpoint=endpoint.stored.id, event_id=delivery.event.id)
            reply = Reply(None, error=f"internal: {type(error).__name__}")
        finally:
            endpoint.sending -= 1
        if not endpoint.is_forgotten:
            if not gives_way:
                self._conclude(endpoint, delivery, reply)
            self._send_to(endpoint)

    async def _posted(self, endpoint: _Endpoint, delivery: Delivery) -> Reply | None:
        """What came of it; None: the endpoint's format does not tell of the event."""
        event = delivery.event
        rendered = await endpoint.render(event)
        if rendered is None:
            return None
        body, address = rendered.body, address_below(endpoint.stored.url, rendered.path)
        reply = await self._post.post(address, body, self._headers(endpoint, event.id, body))
        if reply.taken and await self._faults.doubles(endpoint.stored.partner_id, event.type):
            await self._post.post(address, body, self._headers(endpoint, event.id, body))
        return reply

    async def _gives_way(self, endpoint: _Endpoint, delivery: Delivery) -> bool:
        """Whether it is not sent now, because its partner wants to see disorder: it waits, then goes behind the next."""
        if delivery.attempts or delivery.gave_way > 1:
            return False
        if delivery.gave_way == 0 and not await self._faults.reorders(endpoint.stored.partner_id):
            return False
        delivery.gave_way += 1
        if endpoint.is_forgotten:
            return True
        if delivery.gave_way == 1:
            endpoint.queue.retry(delivery, self._clock() + _GIVES_WAY)
            return True
        return endpoint.queue.swap(delivery)

    def _headers(self, endpoint: _Endpoint, event_id: str, body: bytes) -> dict[str, str]:
        now = self._clock()
        if endpoint.keys_until is not None and endpoint.keys_until <= now:
            endpoint.keys_until = None
            endpoint.keys = self._secrets.keys(endpoint.stored, now)
        timestamp = int(now.timestamp())
        return {
            "content-type": "application/json",
            "user-agent": "Tuila-Webhooks",
            "webhook-id": event_id,
            "webhook-timestamp": str(timestamp),
            "webhook-signature": webhook_signature.sign(endpoint.keys, event_id, timestamp, body),
        }

    # What came of it

    def _conclude(self, endpoint: _Endpoint, delivery: Delivery, reply: Reply | None) -> None:
        now = self._clock()
        if reply is None:  # the endpoint's format does not tell of it
            endpoint.queue.settle(delivery)
            self._record(endpoint, delivery, "delivered", None)
            return
        delivery.attempts += 1
        if reply.taken:
            _DELIVERED.inc()
            endpoint.failing_since = None
            endpoint.queue.settle(delivery)
            self._record(endpoint, delivery, "delivered", reply)
            return
        endpoint.failing_since = endpoint.failing_since or now
        due_at = next_try(self._waits, delivery.attempts, now, reply.retry_after, self._chance())
        if reply.status == 410:
            endpoint.stopped = "gone"
        elif now - endpoint.failing_since >= GIVEN_UP_AFTER:
            endpoint.stopped = "failing"
        if due_at is None:
            _GIVEN_UP.inc()
            endpoint.queue.settle(delivery)
            self._record(endpoint, delivery, "failed", reply)
            return
        _FAILED.inc()
        endpoint.queue.retry(delivery, due_at)
        self._record(endpoint, delivery, "pending", reply)
        for waiting in endpoint.queue.behind(delivery):
            self._record(endpoint, waiting, "pending", None)

    def _record(self, endpoint: _Endpoint, delivery: Delivery, state: str, reply: Reply | None) -> None:
        event = delivery.event
        self._rows.append({
            "event_id": event.id, "endpoint_id": endpoint.stored.id, "seq": event.seq, "type": event.type,
            "state": state, "attempts": delivery.attempts, "at": event.at,
            "tried_at": None if reply is None else self._clock(),
            "next_at": delivery.due_at if state == "pending" else None,
            "status_code": None if reply is None else reply.status,
            "latency_ms": None if reply is None else int(reply.seconds * 1000),
            "error": None if reply is None else reply.error,
            "excerpt": None if reply is None or not reply.excerpt else reply.excerpt,
        })  # fmt: skip
        endpoint.queue.note_row(delivery)
        endpoint.unwritten.add(event.id)
        self._changed.add(endpoint)
        self._to_write.set()

    async def _write(self) -> None:
        """Write what came of deliveries since the last time, in one commit."""
        async with self._books:
            rows, self._rows = self._rows, []
            changed, self._changed = self._changed, set()
            if not rows:
                return
            # What is lost in a power cut is sent again, so nobody waits for the disk; but an end is to be kept.
            unit = Unit(durable=any(endpoint.stopped for endpoint in changed))
            for row in rows:
                unit.upsert(webhook_deliveries, **row)
            for endpoint in changed:
                endpoint.unwritten = set()  # nothing is read of it before this is committed
                unit.update(
                    webhook_endpoints, {"id": endpoint.stored.id},
                    cursor=endpoint.queue.cursor(), failing_since=endpoint.failing_since,
                )  # fmt: skip
                if endpoint.stopped is not None and not endpoint.is_forgotten:
                    endpoint.is_forgotten = True
                    self._held.pop(endpoint.stored.id, None)
                    self._disable(unit, endpoint.stored, endpoint.stopped)
            try:
                await self._store.commit(unit)
            except Exception:
                for endpoint in changed:  # its cursor would pass what was not written
                    endpoint.is_forgotten = True
                raise

    def _disable(self, unit: Unit, endpoint: StoredEndpoint, reason: str) -> None:
        now = self._clock()
        unit.update(
            webhook_endpoints, {"id": endpoint.id},
            enabled=False, disabled_because=reason, updated_at=now, leased_by=None, leased_until=None,
        )  # fmt: skip
        emit(
            unit, "webhook.disabled", {"webhook": endpoint.id, "url": endpoint.url, "reason": reason},
            id=self._ids(), at=now, key=endpoint.id, partner_id=endpoint.partner_id, account=None,
        )  # fmt: skip
        _DISABLED.labels(reason).inc()
        _log.warning("webhook disabled", endpoint=endpoint.id, partner=endpoint.partner_id, reason=reason)


def _as_its_owner_set_it(endpoint: StoredEndpoint) -> StoredEndpoint:
    """The endpoint without what sending itself changes."""
    return endpoint._replace(cursor=0, failing_since=None)
