"""The network's word on numbers, in memory."""

from datetime import date, datetime

from adapters.camara.protocol import OUT_OF_RANGE
from adapters.errors import UpstreamRefused, UpstreamUnavailable


class FakeNumberWatch:
    """`NumberWatch` in memory. Set and read its world:

    down: nothing is reached. refused: number → code it is refused with.
    recycled: number → the day of the newest owner's contract. sim_changes: number → time of the newest SIM card.
    looks_back_to: number → the first day that can be asked about.
    asked: numbers, one entry for each question.
    """

    def __init__(self) -> None:
        self.down = False
        self.refused: dict[str, str] = {}
        self.recycled: dict[str, date] = {}
        self.sim_changes: dict[str, datetime] = {}
        self.looks_back_to: dict[str, date] = {}
        self.asked: list[str] = []

    async def recycled_since(self, number: str, day: date) -> bool:
        self._ask(number)
        if day < self.looks_back_to.get(number, day):
            raise UpstreamRefused(OUT_OF_RANGE, "the day is too long ago")
        newest = self.recycled.get(number)
        return newest is not None and newest > day

    async def sim_changed_at(self, number: str) -> datetime | None:
        self._ask(number)
        return self.sim_changes.get(number)

    def _ask(self, number: str) -> None:
        if self.down:
            raise UpstreamUnavailable("the network is down")
        self.asked.append(number)
        if number in self.refused:
            raise UpstreamRefused(self.refused[number], "the network cannot say")
