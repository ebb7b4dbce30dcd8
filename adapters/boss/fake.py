"""The back end in memory."""

from adapters.boss.protocol import ProvisionOrder, ProvisionResult
from adapters.errors import OutcomeUnknown, UpstreamRefused, UpstreamUnavailable


class FakeBoss:
    """`Boss` in memory. Set and read its world:

    down: nothing is reached. lose_next: so many orders are carried out and their answers lost.
    refused_offers: offer code → reason. processing_polls: so many questions are answered "processing" first.
    orders: number → order. effects: orders carried out, in order. asked: ("post" | "get", number) of every call.
    """

    def __init__(self) -> None:
        self.down = False
        self.lose_next = 0
        self.refused_offers: dict[str, str] = {}
        self.processing_polls = 0
        self.orders: dict[str, ProvisionOrder] = {}
        self.effects: list[ProvisionOrder] = []
        self.asked: list[tuple[str, str]] = []
        self._results: dict[str, ProvisionResult] = {}
        self._polls_left: dict[str, int] = {}

    async def provision(self, order: ProvisionOrder) -> ProvisionResult:
        self.asked.append(("post", order.number))
        self._check_reached()
        known = self.orders.setdefault(order.number, order)
        if known != order:
            raise UpstreamRefused("number_reused", "this number names another order")
        if order.number not in self._results:
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
