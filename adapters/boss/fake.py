"""The back end in memory."""

from collections.abc import Callable
from datetime import UTC, datetime

from adapters.boss.protocol import LedgerEntry, LedgerPage, ProvisionOrder, ProvisionResult
from adapters.errors import OutcomeUnknown, UpstreamRefused, UpstreamUnavailable


class FakeBoss:
    """`Boss` in memory. Set and read its world:

    down: nothing is reached. lose_next: so many orders are carried out and their answers lost.
    refused_offers: offer code → reason. processing_polls: so many questions are answered "processing" first.
    orders: number → order. effects: orders carried out, in order. asked: ("post" | "get", number) of every call. taken_at: number → when it was taken.
    """

    def __init__(self, clock: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self._clock = clock
        self.down = False
        self.lose_next = 0
        self.refused_offers: dict[str, str] = {}
        self.processing_polls = 0
        self.orders: dict[str, ProvisionOrder] = {}
        self.effects: list[ProvisionOrder] = []
        self.asked: list[tuple[str, str]] = []
        self.taken_at: dict[str, datetime] = {}
        self._results: dict[str, ProvisionResult] = {}
        self._polls_left: dict[str, int] = {}

    async def provision(self, order: ProvisionOrder) -> ProvisionResult:
        self.asked.append(("post", order.number))
        self._check_reached()
        known = self.orders.setdefault(order.number, order)
        if known != order:
            raise UpstreamRefused("number_reused", "this number names another order")
        if order.number not in self._results:
            self.taken_at[order.number] = self._clock()
            self._take(order)
        if self.lose_next:
            self.lose_next -= 1
            raise OutcomeUnknown("the answer was lost")
        return self._results[order.number]

    async def status(self, order_number: str) -> ProvisionResult | None:
        self.asked.append(("get", order_number))
        self._check_reached()
        result = self._results.get(order_number)
        if result is None or result.status != "processing":
            return result
        if self._polls_left[order_number]:
            self._polls_left[order_number] -= 1
            return result
        self._complete(self.orders[order_number])
        return self._results[order_number]

    async def list_taken(self, begin: datetime, end: datetime, after: str | None, limit: int) -> LedgerPage:
        self._check_reached()
        numbers = sorted(
            number for number, at in self.taken_at.items() if begin <= at < end and (after is None or number > after)
        )
        page = numbers[:limit]
        return LedgerPage([self._entry(number) for number in page], page[-1] if len(numbers) > limit else None)

    def _entry(self, number: str) -> LedgerEntry:
        order = self.orders[number]
        effects = sum(1 for effect in self.effects if effect.number == number)
        return LedgerEntry(
            number, order.subscriber_ref, order.offer_code, order.action, order.price_fen,
            self._results[number].status, effects,
        )  # fmt: skip

    def _check_reached(self) -> None:
        if self.down:
            raise UpstreamUnavailable("the back end is down")

    def _take(self, order: ProvisionOrder) -> None:
        reason = self.refused_offers.get(order.offer_code)
        if reason is not None:
            self._results[order.number] = ProvisionResult(order.number, "refused", reason)
        elif self.processing_polls:
            self._polls_left[order.number] = self.processing_polls
            self._results[order.number] = ProvisionResult(order.number, "processing")
        else:
            self._complete(order)

    def _complete(self, order: ProvisionOrder) -> None:
        self.effects.append(order)
        self._results[order.number] = ProvisionResult(order.number, "completed")
