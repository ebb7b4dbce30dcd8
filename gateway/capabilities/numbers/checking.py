"""Asking the network whether a number changed hands, and acting on the answer.

A new subscriber on the number: the bindings from before end for good, and the number is taken off the record, so that
nothing of the old owner's reaches the new one. A new SIM card: the bindings from before are suspended, until a new
one-time code proves the number again. The same where the network stands no longer for the number while an order that
costs is waiting. In each case the orders waiting behind those bindings are cancelled, in silence.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date, datetime, timedelta

import structlog

from adapters.camara.protocol import CANNOT_SAY, OUT_OF_RANGE, NumberWatch
from adapters.errors import UpstreamError, UpstreamRefused
from auth.phone_number import PhoneVault
from config.settings import NumberCheckSettings
from gateway.audit import record_act
from gateway.capabilities.bindings import end_bound, suspend_bound
from gateway.capabilities.numbers.repository import Bound, Check, Standing, standing
from gateway.capabilities.numbers.tables import number_checks
from gateway.capabilities.numbers.verdict import SAME, UNKNOWN, Owner, Sim, Verdict, asked_since, judge, without
from gateway.capabilities.orders import OrderState, StoredOrder, list_cancellable, move
from gateway.capabilities.subscribers import subscribers
from gateway.kit.clock import Clock
from gateway.store import Store, Unit
from gateway.store.outbox import RetryLater

NEW_OWNER, NEW_SIM, NOT_VOUCHED_FOR = "number recycled", "sim changed", "number not vouched for"
SUSPENDED = "binding suspended"
_AGAIN = timedelta(seconds=30)
_log = structlog.get_logger("numbers")


class NumberChecks:
    """Checks numbers before orders that cost are handed over, and whenever the sweep asks for it."""

    def __init__(
        self,
        store: Store,
        watch: NumberWatch | None,
        vault: PhoneVault,
        rules: NumberCheckSettings,
        *,
        clock: Clock,
        ids: Callable[[], str],
        chance: Callable[[], float],
    ) -> None:
        """Without a `watch` nothing is asked. `chance` gives numbers from 0 to 1, which spread the tries."""
        self._store = store
        self._watch = watch
        self._vault = vault
        self._rules = rules
        self._clock = clock
        self._ids = ids
        self._chance = chance

    async def clears(self, order: StoredOrder) -> bool:
        """Whether an accepted order may be handed to the back end; one that may not has been cancelled.

        Raises:
            RetryLater: the network has not answered yet.
            Clash: somebody else acted on the same number.
        """
        if self._watch is None or order.sandbox:
            return True
        stands = await self._store.read(standing, order.subscriber_id)
        if any(one.account == order.account and one.suspended_at is not None for one in stands.bindings):
            unit = Unit()
            self._cancel(unit, order, SUSPENDED)
            await self._store.commit(unit)
            return False
        if order.action != "subscribe" or order.price_fen == 0 or self._is_fresh(stands):
            return True
        try:
            return order.id not in await self.check(order.subscriber_id, stands, order)
        except UpstreamError as error:
            return self._goes_unchecked(order, error)

    async def check(
        self, subscriber_id: int, stands: Standing | None = None, order: StoredOrder | None = None
    ) -> frozenset[str]:
        """Ask the network about a subscriber's number and act on what it says. The ids of the orders cancelled.

        Raises:
            UpstreamError: the network did not answer, or refuses us.
            Clash: somebody else acted on the same number.
        """
        if stands is None:
            stands = await self._store.read(standing, subscriber_id)
        number = stands.contact.phone(self._vault)
        trusted = _trusted(stands, order)
        if self._watch is None or number is None or not trusted:
            return frozenset()
        found = await self._ask(self._watch, number, trusted, stands.check)
        if order is None:  # nothing is at stake now, so nobody is troubled to prove their number
            found = found._replace(unvouched=())
        unit, now = Unit(), self._clock()
        self._keep(unit, subscriber_id, stands, found.answer, now)
        cancelled = frozenset[str]()
        if found.recycled or found.on_another_sim or found.unvouched:
            waiting = await self._store.read(list_cancellable, subscriber_id)
            cancelled = self._act(unit, subscriber_id, found, trusted, waiting)
        await self._store.commit(unit)
        return cancelled

    def _is_fresh(self, stands: Standing) -> bool:
        check = stands.check
        if check is None or check.answer not in (SAME, UNKNOWN):
            return False
        return check.at + self._rules.fresh_for > self._clock()

    async def _ask(self, watch: NumberWatch, number: str, trusted: Sequence[Bound], before: Check | None) -> Verdict:
        owner = await self._owner(watch, number, trusted, None if before is None else before.vouched_at)
        sim = Sim()
        if len(owner.recycled) < len(trusted):
            try:
                sim = Sim(await watch.sim_changed_at(number))
            except UpstreamRefused as refused:
                sim = Sim(refusal=_about_number(refused))
        return judge(trusted, owner, sim)

    async def _owner(
        self, watch: NumberWatch, number: str, trusted: Sequence[Bound], vouched_at: datetime | None
    ) -> Owner:
        """Mostly one question: what holds for the oldest binding holds for the others."""
        recycled: list[Bound] = []
        beyond: list[Bound] = []
        asked: dict[date, list[Bound]] = {}
        for one in trusted:
            asked.setdefault(asked_since(one, vouched_at), []).append(one)
        for day, bound in asked.items():
            try:
                if not await watch.recycled_since(number, day):
                    break
                recycled += beyond + bound
                beyond = []
            except UpstreamRefused as refused:
                if _about_number(refused) != OUT_OF_RANGE:
                    return Owner(recycled, beyond, refused.code)
                beyond += bound
        return Owner(recycled, beyond)

    def _keep(self, unit: Unit, subscriber_id: int, stands: Standing, answer: str, now: datetime) -> None:
        before = stands.check
        vouched_at = now if answer == SAME else None if before is None else before.vouched_at
        if before is not None:
            unit.delete(number_checks, subscriber_id=subscriber_id, seq=before.seq)
        seq = 0 if before is None else before.seq + 1
        unit.insert(
            number_checks, subscriber_id=subscriber_id, seq=seq, at=now, answer=answer, vouched_at=vouched_at
        )  # fmt: skip

    def _act(
        self, unit: Unit, subscriber_id: int, found: Verdict, trusted: Sequence[Bound], waiting: Sequence[StoredOrder]
    ) -> frozenset[str]:
        becauses = {
            **dict.fromkeys(found.recycled, NEW_OWNER),
            **dict.fromkeys(found.on_another_sim, NEW_SIM),
            **dict.fromkeys(found.unvouched, NOT_VOUCHED_FOR),
        }
        for one, because in becauses.items():
            self._on_binding(unit, one, subscriber_id, because)
        nobody_left = not without(trusted, becauses)
        if found.recycled and nobody_left:
            unit.update(subscribers, {"id": subscriber_id}, phone_cipher=None, phone_hash=None)
        accounts = {one.account: because for one, because in becauses.items()}
        worst = next(iter(becauses.values()))
        stopped = [order for order in waiting if nobody_left or order.account in accounts]
        for order in stopped:
            self._cancel(unit, order, accounts.get(order.account, worst))
        _log.warning("a number is trusted no longer", because=worst, bindings=len(accounts), orders=len(stopped))
        return frozenset(order.id for order in stopped)

    def _on_binding(self, unit: Unit, one: Bound, subscriber_id: int, because: str) -> None:
        if not one.id:
            return
        now = self._clock()
        act = end_bound if because == NEW_OWNER else suspend_bound
        act(unit, one.id, one.account, subscriber_id, because, now=now, ids=self._ids)
        outcome = "binding_ended" if because == NEW_OWNER else "binding_suspended"
        record_act(
            unit, "numbers.check", outcome, id=self._ids(), at=now, account=one.account, subscriber_id=subscriber_id,
            detail={"binding": one.id, "because": because},
        )  # fmt: skip

    def _cancel(self, unit: Unit, order: StoredOrder, because: str) -> None:
        # No word to the subscriber: the phone, or the chat, may be somebody else's by now.
        now = self._clock()
        move(
            unit, order, OrderState.CANCELLED,
            actor="platform:", channel="platform", reason=because, now=now, ids=self._ids,
        )  # fmt: skip
        record_act(
            unit, "numbers.check", "order_cancelled", id=self._ids(), at=now, account=order.account,
            subscriber_id=order.subscriber_id, detail={"order": order.id, "because": because},
        )  # fmt: skip

    def _goes_unchecked(self, order: StoredOrder, error: UpstreamError) -> bool:
        """True when the order has waited as long as the operator lets it wait.

        Raises:
            RetryLater: not yet.
        """
        longest = self._rules.unchecked_after
        if longest is not None and self._clock() - order.updated_at >= longest:
            _log.warning("an order goes on unchecked", order=order.id, error=str(error))
            return True
        raise RetryLater(_AGAIN * (0.75 + self._chance() / 2), f"the number is not checked yet: {error}")


def _about_number(refused: UpstreamRefused) -> str:
    """The code of a refusal that is about the number or the day; any other one is raised again."""
    if refused.code not in CANNOT_SAY:
        raise refused
    _log.warning("the network cannot say", code=refused.code)
    return refused.code


def _trusted(stands: Standing, order: StoredOrder | None) -> Sequence[Bound]:
    """What vouches for the number: bindings, or the order of somebody who is unbound by now."""
    live = [one for one in stands.bindings if one.suspended_at is None]
    if not live and order is not None:
        return [Bound("", order.account, order.created_at, None)]
    return live
