"""A partner at work with two gateway processes: it orders, its users confirm, and it is told over two ways at once."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path
from random import Random

from gateway.capabilities.partners import Credentials
from tests.faults.checker import Findings, check_books, check_told, has_been_told, open_matters
from tests.faults.clients import PartnerServer, Visitor
from tests.faults.follower import Follower
from tests.faults.gateway_process import Gateway, Stage, staged
from tests.faults.receiver import WebhookReceiver
from tests.faults.warm_starts import WarmStarts
from tests.waiting import wait_for

PARTNER = "shop"
PEOPLE = 4
OFFERS = (
    "TM-TRAFFIC-10", "TM-SMS-5", "TM-READ-5", "TM-VOICE-10", "TM-NEWS-3", "TM-MAIL-5", "TM-CLOUD-6", "TM-COMIC-5", "TM-MUSIC-6",
)  # fmt: skip
"""Offers that one person can hold together."""


class Shop:
    """The partner's server, its webhook receiver and its followers, and the processes they deal with."""

    def __init__(self, stage: Stage, gateways: list[Gateway], credentials: Credentials, rng: Random) -> None:
        self.stage = stage
        self.gateways = gateways
        self.credentials = credentials
        self.receiver = WebhookReceiver()
        self.webhook = ""
        self.server = PartnerServer(gateways, credentials, rng)
        self.followers = [Follower(self.server, gateways), Follower(self.server, gateways[::-1])]
        self.visitors: dict[str, Visitor] = {}
        self._offers = iter(OFFERS)
        self._following: list[asyncio.Task[None]] = []

    async def open(self) -> None:
        """Let people in, register the webhook and begin to follow."""
        for person in range(1, PEOPLE + 1):
            number = await self.stage.world.subscriber(f"partner:{PARTNER}:user-{person}")
            visitor = await Visitor.enter(self.stage, self.server, self.gateways[0], number)
            self.visitors[f"user-{person}"] = visitor
        await self.receiver.open()
        registered = await self.server.insist(
            "POST", "/v1/webhooks", body={"url": self.receiver.url, "types": ["order.*"]}
        )
        assert registered.status == 200, registered
        self.webhook, self.receiver.secret = registered.body["webhook"]["id"], registered.body["secret"]
        self._following = [asyncio.create_task(follower.follow()) for follower in self.followers]

    async def sell(self) -> None:
        """Order the next offer for everybody, for half of them as a batch, and have them confirm."""
        offer = next(self._offers)
        users = list(self.visitors)
        await asyncio.gather(
            self._sell_many(users[: PEOPLE // 2], offer),
            *(self._sell_one(user, offer) for user in users[PEOPLE // 2 :]),
        )

    async def _sell_many(self, users: list[str], offer: str) -> None:
        placed = await self.server.place_many(users, offer, offer)
        await asyncio.gather(*map(self._confirm, users, placed))

    async def _sell_one(self, user: str, offer: str) -> None:
        order_id = await self.server.place(user, offer, f"{offer}-{user}")
        assert order_id is not None
        await self._confirm(user, order_id)

    async def _confirm(self, user: str, order_id: str) -> None:
        await self.visitors[user].confirm(order_id)

    async def settle(self) -> Findings:
        """Wait until nothing is open and everybody was told of everything, and compare all books."""
        stage = self.stage

        async def is_settled() -> bool:
            if await stage.world.platform.store.read(open_matters) != (0, 0):
                return False
            told = (self.receiver.taken, *(follower.told for follower in self.followers))
            return all([await has_been_told(stage, PARTNER, one) for one in told])

        await wait_for(is_settled, timeout=60, message="everything is settled and told")
        await check_told(stage, PARTNER, self.receiver.taken)
        for follower in self.followers:
            await check_told(stage, PARTNER, follower.told, once=True)
        return await check_books(stage, self.server.promised)

    async def close(self) -> None:
        """Stop."""
        for task in self._following:
            task.cancel()
        ends = await asyncio.gather(*self._following, return_exceptions=True)
        await self.server.close()
        await self.receiver.close()
        failures = [end for end in ends if isinstance(end, Exception)]
        assert not failures, failures


@contextlib.asynccontextmanager
async def open_shop(
    postgresql_url: str, redis_url: str, folder: Path, starts: WarmStarts, seed: int = 0, **environment: str
) -> AsyncIterator[Shop]:
    """A shop over two processes that share one PostgreSQL and one Redis."""
    async with staged(postgresql_url, folder, starts, people=0, redis_url=redis_url, seed=seed) as stage:
        credentials = await stage.partner(PARTNER, "webhooks:*", "events:*")
        gateways = [stage.gateway(**environment), stage.gateway(**environment)]
        await asyncio.gather(*(gateway.start() for gateway in gateways))
        shop = Shop(stage, gateways, credentials, Random(seed))
        try:
            await shop.open()
            yield shop
        finally:
            await shop.close()
