"""Events pushed in the order of the feed. What a connection has had is one number, so nothing waits in memory for it."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Sequence
from typing import NamedTuple, Protocol

import prometheus_client
import structlog
from sqlalchemy import Connection

from gateway.capabilities.events import Event, EventFeed, StoredEvent, head, list_after, wants
from gateway.errors import GatewayError, Internal
from gateway.store import Loader, Store, StoreUnavailable
from gateway.surfaces.websocket import jsonrpc
from gateway.surfaces.websocket.methods import EVENT

_PAGE = 100
_RETRY_AFTER = 1.0  # seconds
_PUSHED = prometheus_client.Counter("tuila_websocket_pushed", "Events pushed over WebSocket.")
_log = structlog.get_logger("websocket")


class Reader(NamedTuple):
    """Whose events: a partner's, an account's, or those of one user of a partner."""

    partner_id: str | None
    account: str | None


class _Place(NamedTuple):
    reader: Reader
    types: tuple[str, ...]
    after: int


class _Pushed(NamedTuple):
    seq: int
    message: bytes


class Recipient(Protocol):
    """Who events are pushed to."""

    async def may_read(self) -> GatewayError | None:
        """Why the events are not its to know any more; None if they are."""

    def push(self, message: bytes) -> bool:
        """Send a message. False: it takes none now, and tells the subscription when it does."""

    def unsubscribed(self, refusal: GatewayError) -> None:
        """The subscription has ended by itself."""


class Tail:
    """Follows the feed, once for all subscriptions of the process, and wakes those whom a new event concerns."""

    def __init__(self, feed: EventFeed, store: Store) -> None:
        self._feed = feed
        self._store = store
        self._followers: defaultdict[Reader, set[Subscription]] = defaultdict(set)
        self._pages: Loader[_Place, Sequence[_Pushed]] = Loader(store, _fetch, batch=32)
        self._task: asyncio.Task[None] | None = None

    def join(self, subscription: Subscription) -> None:
        """Wake it whenever there may be something new for it."""
        self._followers[subscription.reader].add(subscription)
        if self._task is None:
            self._task = asyncio.create_task(self._run())

    def leave(self, subscription: Subscription) -> None:
        """Wake it no more."""
        followers = self._followers[subscription.reader]
        followers.discard(subscription)
        if not followers:
            del self._followers[subscription.reader]
        if not self._followers and self._task is not None:
            self._task.cancel()
            self._task = None

    async def page(self, reader: Reader, types: tuple[str, ...], after: int) -> Sequence[_Pushed]:
        """Up to a page of events after that number. Those who stand at one place at one moment share one read."""
        return await self._pages.get(_Place(reader, types, after)) or ()

    async def _run(self) -> None:
        position: int | None = None
        while True:
            try:
                if position is None:
                    position = await self._store.read(head)
                    self._wake_all()  # their first look may have been before this one
                position = await self._hand_on(position, await self._feed.wait(position))
            except StoreUnavailable as error:
                _log.warning("store unavailable", error=str(error))
                await asyncio.sleep(_RETRY_AFTER)
            except Exception:  # noqa: BLE001 - all subscriptions stand on this loop
                _log.exception("following the feed failed")
                await asyncio.sleep(_RETRY_AFTER)

    def _wake_all(self) -> None:
        for followers in list(self._followers.values()):
            for one in list(followers):
                one.wake()

    async def _hand_on(self, position: int, newest: int) -> int:
        found = await self._store.read(list_after, partner_id=None, account=None, after_seq=position, limit=500)
        for event in found:
            partner_id, account = event.partner_id, event.account
            for reader in {Reader(partner_id, None), Reader(None, account), Reader(partner_id, account)}:
                for one in list(self._followers.get(reader, ())):
                    one.heard(event)
        return found[-1].seq if found else newest


class Subscription:
    """One connection's place in the feed. A task runs only while there is something to push."""

    __slots__ = ("_after", "_ended", "_news", "_recipient", "_tail", "_task", "_types", "reader")

    def __init__(self, tail: Tail, reader: Reader, types: tuple[str, ...], after: int, recipient: Recipient) -> None:
        """Push what comes after number `after`."""
        self.reader = reader
        self._tail = tail
        self._types = types
        self._after = after
        self._recipient = recipient
        self._news = False
        self._ended = False
        self._task: asyncio.Task[None] | None = None
        tail.join(self)
        self.wake()

    def heard(self, event: StoredEvent) -> None:
        """There is a new event of this reader."""
        if wants(self._types, event.type):
            self.wake()

    def wake(self) -> None:
        """Look whether there is something to push."""
        self._news = True
        if self._task is None and not self._ended:
            self._task = asyncio.create_task(self._push())

    def end(self) -> None:
        """Push nothing more."""
        if not self._ended:
            self._ended = True
            self._tail.leave(self)

    async def _push(self) -> None:
        try:
            while self._news and not self._ended:
                self._news = False
                await self._catch_up()
        except StoreUnavailable as error:
            _log.warning("store unavailable", error=str(error))
            asyncio.get_running_loop().call_later(_RETRY_AFTER, self.wake)
        except Exception:  # noqa: BLE001 - the subscriber hears of it, and the others go on
            _log.exception("pushing failed")
            self._give_up(Internal())
        finally:
            self._task = None

    async def _catch_up(self) -> None:
        """Push page by page until there is no more, or the connection takes no more."""
        while True:
            refusal = await self._recipient.may_read()
            if refusal is not None:
                self._give_up(refusal)
                return
            page = await self._tail.page(self.reader, self._types, self._after)
            for event in page:
                if self._ended or not self._recipient.push(event.message):
                    return
                self._after = event.seq
                _PUSHED.inc()
            if len(page) < _PAGE:
                return

    def _give_up(self, refusal: GatewayError) -> None:
        if not self._ended:
            self.end()
            self._recipient.unsubscribed(refusal)


def _fetch(connection: Connection, places: Sequence[_Place]) -> dict[_Place, Sequence[_Pushed]]:
    return {place: _read(connection, place) for place in places}


def _read(connection: Connection, place: _Place) -> list[_Pushed]:
    partner_id, account = place.reader
    found = list_after(
        connection, partner_id=partner_id, account=account, after_seq=place.after, types=place.types, limit=_PAGE
    )
    return [_Pushed(one.seq, jsonrpc.notification(EVENT, Event.of(one))) for one in found]
