"""What happens to an order after its subscriber said yes: handed to the back end, asked after, told about."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime, timedelta
from typing import Literal

import msgspec

from adapters.boss.protocol import Action, Provisioning, ProvisionOrder, ProvisionResult
from adapters.errors import OutcomeUnknown, UpstreamRefused
from auth.phone_number import PhoneVault, mask
from gateway.capabilities.interactions import interactions
from gateway.capabilities.offers import LiveCatalog, Offer, why_not
from gateway.capabilities.orders import words
from gateway.capabilities.orders.holding import Holdings
from gateway.capabilities.orders.moving import move
from gateway.capabilities.orders.placing import CONFIRM_WITHIN, OrderJob
from gateway.capabilities.orders.repository import (
    StoredOrder,
    facts_of_subscriber,
    get_any,
    get_held,
    is_converting,
)
from gateway.capabilities.orders.states import NOT_TAKEN_UP, REFUSED, OrderState
from gateway.capabilities.orders.tables import trials
from gateway.capabilities.subscribers import contact_of
from gateway.kit.clock import Clock
from gateway.messages import notify
from gateway.store import Store, Unit
from gateway.store.outbox import Handler, Job, RetryLater, owe

_ASK_AGAIN = timedelta(seconds=5)
_job = msgspec.json.Decoder(OrderJob)


class Fulfilment:
    """Carries accepted orders out, exactly once.

    Before the back end is called the order is durably `provisioning`. Whoever finds it so, after a crash or a lost
    answer, asks the back end for the order's status first and sends it only if it was never seen there.
    """

    def __init__(
        self,
        store: Store,
        boss: Provisioning,
        sandbox: Provisioning,
        catalog: LiveCatalog,
        vault: PhoneVault,
        *,
        clears: Callable[[StoredOrder], Awaitable[bool]],
        clock: Clock,
        ids: Callable[[], str],
    ) -> None:
        """`sandbox` is the back end of sandbox orders. `clears` is asked before an order is handed over; where it says no it has ended the order."""
        self._store = store
        self._boss = boss
        self._sandbox = sandbox
        self._catalog = catalog
        self._vault = vault
        self._clears = clears
        self._clock = clock
        self._ids = ids
        self._holdings = Holdings(store, clock, ids)

    def handlers(self) -> Mapping[str, Handler]:
        """Outbox kind → handler."""
        return {
            "orders.provision": self.provision,
            "orders.settle": self.settle,
            "orders.expire": self.expire,
            "orders.ask": self.ask,
            "orders.tell_recipient": self.tell_recipient,
            "orders.gift_due": self.gift_due,
            "orders.tell_not_taken_up": self.tell_not_taken_up,
            "orders.end_trial": self.end_trial,
        }

    async def provision(self, job: Job, unit: Unit) -> None:
        """Hand an accepted order to the back end and record what came of it."""
        order = await self._order(job)
        boss = self._back_end(order)
        if order.state is OrderState.ACCEPTED or (order.state is OrderState.BOOKED and order.sandbox):
            if not await self._clears(order):
                return
            order = await self._begin(order)
            result = None
        elif order.state is OrderState.PROVISIONING:
            result = await boss.status(order.id)
        else:
            return
        try:
            if result is None:
                result = await boss.provision(await self.request(order))
        except OutcomeUnknown:
            self._step(unit, order, OrderState.UNKNOWN, "answer of the back end lost")
            self._owe(unit, job, "orders.settle", order, after=_ASK_AGAIN)
            return
        except UpstreamRefused as error:
            result = ProvisionResult(order.id, "refused", error.reason)
        await self._conclude(unit, job, order, result)

    async def settle(self, job: Job, unit: Unit) -> None:
        """Find out what became of an order whose answer was lost; one never seen is sent after all."""
        order = await self._order(job)
        if order.state is not OrderState.UNKNOWN:
            return
        result = await self._back_end(order).status(order.id)
        if result is None:
            order = self._step(unit, order, OrderState.PROVISIONING, "the back end never saw it")
            self._owe(unit, job, "orders.provision", order)
            return
        await self._conclude(unit, job, order, result)

    async def expire(self, job: Job, unit: Unit) -> None:
        """End an order whose confirmation did not come."""
        order = await self._order(job)
        if order.state is not OrderState.AWAITING_CONFIRMATION:
            return
        self._step(unit, order, OrderState.EXPIRED, "no confirmation in time")
        self._tell(unit, job, order, words.outcome(self._offer(order), order.action, "expired"))

    async def ask(self, job: Job, unit: Unit) -> None:
        """Ask the subscriber to confirm an order that a partner pushed."""
        order = await self._order(job)
        if order.state is OrderState.AWAITING_CONFIRMATION:
            minutes = int(CONFIRM_WITHIN.total_seconds() // 60)
            replaces = None if order.replaces is None else self._catalog.current.by_code.get(order.replaces)
            offer = self._offer(order)
            text = words.confirmation(offer, order.action, minutes, replaces, order.recipient)
            by_sms = words.by_link(words.question(offer, order.action, replaces, order.recipient), minutes)
            self._tell(unit, job, order, text, by_sms, link=f"order:{order.id}")

    async def tell_recipient(self, job: Job, unit: Unit) -> None:
        """Tell the one who receives a gift, so that it can be refused before it is carried out."""
        order = await self._order(job)
        if order.state is not OrderState.AWAITING_RECIPIENT or order.recipient_id is None:
            return
        if not await self._may_receive(order):
            return
        giver = await self._store.read(contact_of, order.subscriber_id)
        phone = giver.phone(self._vault)
        told = words.given(self._offer(order), "***" if phone is None else mask(phone))
        self._tell_recipient(unit, job, order, told, words.given_by_link(told), link=f"gift:{order.id}")

    async def gift_due(self, job: Job, unit: Unit) -> None:
        """Carry a gift out that was not refused; one that cannot be is given up, and nobody is told why."""
        order = await self._order(job)
        if order.state is not OrderState.AWAITING_RECIPIENT:
            return
        if await self._may_receive(order):
            self._owe(unit, job, "orders.provision", self._step(unit, order, OrderState.ACCEPTED, "not refused"))
            return
        self._step(unit, order, OrderState.CANCELLED, NOT_TAKEN_UP)
        self._tell(unit, job, order, words.not_taken_up(self._offer(order)))

    async def tell_not_taken_up(self, job: Job, unit: Unit) -> None:
        """Tell the giver of a gift that was refused."""
        order = await self._order(job)
        self._tell(unit, job, order, words.not_taken_up(self._offer(order)))

    async def end_trial(self, job: Job, unit: Unit) -> None:
        """End a trial whose days are over, unless it was converted or is just being."""
        order = await self._order(job)
        held = await self._store.read(get_held, order.subscriber_id, order.offer_code)
        if held is None or held.trial_ends_at is None or held.trial_ends_at > self._clock():
            return
        if await self._store.read(is_converting, order.subscriber_id, order.offer_code):
            raise RetryLater(_ASK_AGAIN, "the trial is being converted")
        await self._holdings.end(unit, order.subscriber_id, held)
        self._tell(unit, job, order, words.trial_ended(self._offer(order)))

    def hand_over(self, unit: Unit, order: StoredOrder, file: str) -> StoredOrder:
        """Record that a booked order (`repository.list_booked`) went to the back office in the file of that name."""
        return self._step(unit, order, OrderState.PROVISIONING, f"handed over in {file}"[:200])

    async def conclude_booked(self, unit: Unit, order: StoredOrder, refusal: str | None, *, trace_id: str) -> None:
        """Record what the back office answered about an order handed over: done, or refused and why."""
        job = Job(order.id, "orders.booked", b"", 1, trace_id, self._clock())
        status: Literal["completed", "refused"] = "completed" if refusal is None else "refused"
        await self._conclude(unit, job, order, ProvisionResult(order.id, status, refusal))

    def _back_end(self, order: StoredOrder) -> Provisioning:
        return self._sandbox if order.sandbox else self._boss

    async def _may_receive(self, order: StoredOrder) -> bool:
        if order.recipient_id is None:
            return False
        facts = await self._store.read(facts_of_subscriber, order.recipient_id)
        return why_not(self._offer(order), facts, self._clock()) is None

    async def _order(self, job: Job) -> StoredOrder:
        order_id = _job.decode(job.body).order_id
        order = await self._store.read(get_any, order_id)
        if order is None:
            raise LookupError(f"no order {order_id}")
        return order

    async def _begin(self, order: StoredOrder) -> StoredOrder:
        begun = Unit()
        order = self._step(begun, order, OrderState.PROVISIONING, "handed to the back end")
        await self._store.commit(begun)
        return order

    async def request(self, order: StoredOrder) -> ProvisionOrder:
        """The order as the back end is told of it."""
        payer = await self._store.read(contact_of, order.subscriber_id)
        is_gift = order.action == "gift"
        holder = await self._store.read(contact_of, order.holder_id)
        offer = self._offer(order)
        action = "subscribe" if order.action == "book" else order.action  # only a sandbox order is booked here
        return ProvisionOrder(
            order.id, holder.ref, holder.phone(self._vault), order.offer_code, msgspec.convert(action, Action),
            offer.effective, order.price_fen, replaces=order.replaces, payer_ref=payer.ref if is_gift else None,
            trial_days=offer.trial.days if order.action == "start_trial" and offer.trial is not None else None,
        )  # fmt: skip

    async def _conclude(self, unit: Unit, job: Job, order: StoredOrder, result: ProvisionResult) -> None:
        if result.status == "processing":
            raise RetryLater(_ASK_AGAIN, "the back end is still at it")
        offer = self._offer(order)
        if result.status == "refused":
            reason = result.reason or ""
            self._step(unit, order, OrderState.FAILED, f"{REFUSED}{reason}"[:200])
            self._tell(unit, job, order, words.outcome(offer, order.action, "failed", reason))
            return
        self._step(unit, order, OrderState.COMPLETED, "provisioned")
        await self._change_subscription(unit, job, order)
        self._log_completed(unit, order)
        self._tell(unit, job, order, words.outcome(offer, order.action, "completed"))
        if order.action == "gift":
            self._tell_recipient(unit, job, order, words.received(offer))

    async def _change_subscription(self, unit: Unit, job: Job, order: StoredOrder) -> None:
        """Make what is held what the back end made of it."""
        holder = order.holder_id
        held = await self._store.read(get_held, holder, order.offer_code)
        if order.action == "unsubscribe":
            if held is not None:
                await self._holdings.end(unit, holder, held)
            return
        if order.replaces is not None:
            replaced = await self._store.read(get_held, holder, order.replaces)
            if replaced is not None:
                await self._holdings.end(unit, holder, replaced)
        if held is not None:
            await self._holdings.keep(unit, holder, held)
            return
        now = self._clock()
        trial = self._offer(order).trial if order.action == "start_trial" else None
        trial_ends_at = None if trial is None else now + timedelta(days=trial.days)
        await self._holdings.start(unit, holder, order.offer_code, order.id, trial_ends_at)
        if trial is not None:
            unit.insert(trials, subscriber_id=holder, offer_code=order.offer_code, order_id=order.id, started_at=now)
            self._owe(unit, job, "orders.end_trial", order, after=timedelta(days=trial.days))

    def _log_completed(self, unit: Unit, order: StoredOrder) -> None:
        unit.insert(
            interactions,
            id=self._ids(), at=self._clock(), kind="completed", subscriber_id=order.subscriber_id,
            account=order.account, channel=order.channel, place="", impression=None,
            offers=msgspec.json.encode([order.offer_code]).decode(),
        )  # fmt: skip

    def _offer(self, order: StoredOrder) -> Offer:
        return self._catalog.current.by_code[order.offer_code]

    def _step(self, unit: Unit, order: StoredOrder, to: OrderState, reason: str) -> StoredOrder:
        return move(
            unit, order, to,
            actor="platform:", channel="platform", reason=reason, now=self._clock(), ids=self._ids,
        )  # fmt: skip

    def _owe(self, unit: Unit, job: Job, kind: str, order: StoredOrder, after: timedelta | None = None) -> None:
        now: datetime = self._clock()
        due_at = None if after is None else now + after
        owe(unit, kind, OrderJob(order.id), id=self._ids(), now=now, trace_id=job.trace_id, due_at=due_at)

    def _tell(
        self,
        unit: Unit,
        job: Job,
        order: StoredOrder,
        text: words.Words,
        by_sms: words.Words | None = None,
        link: str = "",
    ) -> None:
        notify(
            unit, order.subscriber_id, order.account, text, by_sms=by_sms, link=link, id=self._ids(),
            now=self._clock(), trace_id=job.trace_id,
        )  # fmt: skip

    def _tell_recipient(
        self,
        unit: Unit,
        job: Job,
        order: StoredOrder,
        text: words.Words,
        by_sms: words.Words | None = None,
        link: str = "",
    ) -> None:
        # No account began this matter on the recipient's side: whichever reaches them.
        notify(
            unit, order.recipient_id, "", text, by_sms=by_sms, link=link, id=self._ids(), now=self._clock(),
            trace_id=job.trace_id,
        )  # fmt: skip
