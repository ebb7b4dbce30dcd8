"""By chance: events, failures, replays of ranges, and the endpoint going from process to process; then the order is looked at.

What is held at once is made small, so that most of what waits is in the store only.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from random import Random
from typing import Any

import pytest

from adapters.webhooks.protocol import Reply
from gateway.capabilities.webhooks import dispatcher
from tests.fixtures.world import World
from tests.gateway.capabilities.webhooks.test_webhooks import SHOP, create, happen, send

KEYS = "abc"
TURNS = 40


class Replayed:
    """A replay, and how many posts there were before it."""

    def __init__(self, events: list[Any], after_posts: int) -> None:
        self.events, self.after_posts = events, after_posts


class Run:
    """One run by chance."""

    def __init__(self, world: World, hook: str, rng: Random) -> None:
        self.world, self.hook, self.rng = world, hook, rng
        self.taken: list[str] = []
        self.replays: list[Replayed] = []
        self.fails = 0.0
        world.webhooks.answer = self._answer
        self.processes = [world.platform, world.another(store=world.platform.store)]
        for process in self.processes:
            process.webhooks._chance = lambda: 0.5

    def _answer(self, received: Any) -> Reply:
        if self.rng.random() < self.fails:
            return Reply(503)
        self.taken.append(received.headers["webhook-id"])
        return Reply(204)

    async def events(self) -> list[Any]:
        found: list[Any] = []
        while True:
            page = await self.world.call(SHOP, "events.list", limit=500, after=found[-1].id if found else None)
            found += page.items
            if page.next is None:
                return found

    async def turn(self) -> None:
        match self.rng.choice(["happens", "happens", "sends", "sends", "waits", "replays", "moves"]):
            case "happens":
                for key in KEYS:
                    await happen(self.world, *["order.completed"] * self.rng.randint(0, 4), key=key)
            case "sends":
                self.fails = self.rng.choice([0.0, 0.5, 1.0])
                await send(self.world, self.processes[0])
            case "waits":
                self.world.clock.advance(seconds=self.rng.randint(1, 600))
            case "replays":
                await self.replay()
            case "moves":  # the other process takes the endpoint over
                self.processes.reverse()
                self.world.clock.advance(minutes=2)

    async def replay(self) -> None:
        happened = await self.events()
        if not happened:
            return
        after = self.rng.randrange(len(happened))
        answer = await self.world.call(SHOP, "webhooks.replay", id=self.hook, after=happened[after].id)
        assert answer.events == len(happened) - after - 1
        self.replays.append(Replayed(happened[after + 1 :], len(self.taken)))

    async def finish(self) -> None:
        self.fails = 0.0
        for _ in range(4):
            self.world.clock.advance(hours=24)
            await send(self.world)


def by_key(ids: Iterable[str], keys: dict[str, str]) -> dict[str, list[str]]:
    """The first time of each, for each key."""
    found: defaultdict[str, list[str]] = defaultdict(list)
    for one in dict.fromkeys(ids):
        if one in keys:
            found[keys[one]].append(one)
    return found


@pytest.mark.parametrize("seed", [1, 2])
async def test_first_and_repeated_deliveries_of_a_key_are_in_order(
    world: World, monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    monkeypatch.setattr(dispatcher, "WINDOW", 6)
    hook, _ = await create(world)
    run = Run(world, hook, Random(seed))
    for _ in range(TURNS):
        await run.turn()
    await run.finish()

    happened = await run.events()
    keys = {event.id: event.key for event in happened}
    assert len(happened) > 30 and len(run.replays) > 3
    assert by_key(run.taken, keys) == by_key(keys, keys), "each event came, those of a key in order"
    for replayed in run.replays:  # what was sent for the first time is above
        taken_before = {*run.taken[: replayed.after_posts]}
        again = {event.id: event.key for event in replayed.events if event.id in taken_before}
        assert by_key(run.taken[replayed.after_posts :], again) == by_key(again, again)
