"""The sandbox as its partner meets it: over every surface, with real clients of the outside systems, which hear nothing."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime
from ipaddress import ip_network
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from auth.principal import Principal
from config.settings import WebhookSettings
from gateway.capabilities.sandbox.tables import sandbox_orders
from tests.faults.receiver import Told, WebhookReceiver
from tests.fixtures.stand_ins import WECHAT, StandIns, stand_ins
from tests.fixtures.world import OPERATOR, partner, person
from tests.surfaces.cases import OTHER, PAID
from tests.surfaces.drivers import Driver, Rest
from tests.surfaces.stage import PARTNER, Ask, Stage, staged
from tests.surfaces.test_same_answer import SURFACES

FREE = "TM-NEWS-3"


class Lab:
    """A sandbox partner's server with its users, on a gateway whose outside notes every call."""

    def __init__(self, stage: Stage, outside: StandIns) -> None:
        self.stage = stage
        self.world = stage.world
        self.outside = outside
        self.over: Driver = Rest(stage)
        """The surface that is used."""
        self.user = "u1"

    async def begin(self, over: Driver, user: str) -> None:
        """Go on over that surface, with a new user."""
        self.over, self.user = over, user
        await self.rest("sandbox.create_user", user=user, device_abilities=["apps", "4g", "5g"], brand="changxiang")

    async def __call__(self, capability: str, **fields: Any) -> Any:
        """What a call answers over the surface, or over REST where the surface has no words for it."""
        opened = self.over.capabilities
        if opened is not None and capability not in opened:
            return await self.rest(capability, **fields)
        return await self._ask(self.over, capability, fields)

    async def rest(self, capability: str, **fields: Any) -> Any:
        """What a call answers over REST."""
        return await self._ask(Rest(self.stage), capability, fields)

    async def _ask(self, driver: Driver, capability: str, fields: dict[str, Any]) -> Any:
        told = await driver(Ask(capability, fields, "partner", self.user))
        assert told.ends == "ok", (driver, capability, told)
        return told.answer

    async def faults(self, **switched: Any) -> None:
        await self("sandbox.set_faults", **switched)

    async def confirmed(self, offer: str = PAID) -> str:
        """An order that was placed and to which its user said yes."""
        placed = await self("orders.place", offer=offer)
        await self.world.work()
        answered = await self("sandbox.answer", id=placed["id"], yes=True)
        assert (placed["state"], answered["state"]) == ("awaiting_confirmation", "accepted")
        number: str = placed["id"]
        return number

    async def work(self, **later: float) -> None:
        """Let so much time go by and everything be done that is due then."""
        self.world.clock.advance(**later)
        await self.world.work()
        await self.world.platform.webhooks.run_due()

    async def taken(self) -> dict[str, str]:
        """What the sandbox's back end took: order → outcome."""
        rows = select(sandbox_orders.c.number, sandbox_orders.c.outcome)
        found = await self.world.platform.store.read(lambda connection, /: connection.execute(rows).all())
        return {row.number: row.outcome for row in found}


@contextlib.asynccontextmanager
async def opened(make_world: Callable[..., Any], url: str, folder: Path) -> AsyncIterator[Lab]:
    """A lab whose partner has one user."""
    hooks = WebhookSettings(allowed_networks=(ip_network("127.0.0.0/8"),))
    async with stand_ins(folder) as outside:
        world = await make_world(url, outside=outside.outside, webhooks=hooks)
        world.clock.now = datetime.now(UTC)  # receivers compare with the time of day
        async with staged(world, mode="sandbox") as stage:
            lab = Lab(stage, outside)
            await lab.begin(lab.over, lab.user)
            yield lab


async def test_orders_live_and_die_in_the_sandbox_over_every_surface(
    make_world: Callable[..., Any], database_url: str, tmp_path: Path
) -> None:
    async with opened(make_world, database_url, tmp_path) as lab:
        for surface, driver in SURFACES.items():
            await lab.begin(driver(lab.stage), f"user-of-{surface}")
            await live_and_die(lab)
        assert lab.outside.heard == []
        # Which says something only because a live order beside it is heard of.
        taken = await lab.taken()
        await a_live_order(lab)
        assert lab.outside.who_heard() == {"boss", "sms", "wechat"}
        assert await lab.taken() == taken and len(taken) == 2 * len(SURFACES)


async def live_and_die(lab: Lab) -> None:
    """One order is completed, one refused by the back end, one given up."""
    done = await lab.confirmed()
    await lab.work()
    assert (await lab("orders.get", id=done))["state"] == "completed"
    await lab.faults(refuse_orders=1, refusal_reason="said the sandbox")
    failed = await lab.confirmed(OTHER)
    await lab.work()
    assert (await lab("orders.get", id=failed))["state"] == "failed"
    given_up: str = (await lab("orders.place", offer=FREE))["id"]
    await lab("orders.cancel", id=given_up)
    await lab.work()
    told = [await lab.rest("orders.get", id=number) for number in (done, failed, given_up)]
    assert [(one["state"], one["sandbox"]) for one in told] == [
        ("completed", True), ("failed", True), ("cancelled", True),
    ]  # fmt: skip
    assert told[1]["history"][-1]["reason"] == "refused by the back end: said the sandbox"
    taken = await lab.taken()
    assert [taken.get(number) for number in (done, failed, given_up)] == ["completed", "refused", None]


async def a_live_order(lab: Lab) -> None:
    """Placed by a live partner for somebody whose chat cannot be reached, so that a text message follows."""
    chat = f"wechat:{WECHAT}:oTuilaPhone0000000000000001"
    await lab.world.call(OPERATOR, "partners.create", id="live", name="Live", scopes=["orders:*"])
    number = await lab.world.subscriber(chat, phone="+8613800138000")
    await lab.world.bind("partner:live:u1", number)
    order = await lab.world.call(partner("live"), "orders.place", account="partner:live:u1", offer=PAID)
    await lab.work()
    await lab.world.call(person(chat), "orders.confirm", id=order.id)
    await lab.work()


@pytest.fixture
async def lab(make_world: Callable[..., Any], sqlite_url: str, tmp_path: Path) -> AsyncIterator[Lab]:
    async with opened(make_world, sqlite_url, tmp_path) as at_work:
        yield at_work


@contextlib.asynccontextmanager
async def receiving(lab: Lab) -> AsyncIterator[WebhookReceiver]:
    """The partner's own server, to which webhooks are sent."""
    receiver = WebhookReceiver()
    own = Principal("partner", PARTNER, frozenset({"webhooks:*"}), partner_id=PARTNER)
    made = await lab.world.call(own, "webhooks.create", url=receiver.url, types=["order.*"])
    receiver.secret = made.secret
    await receiver.open()
    yield receiver
    await receiver.close()


def states(taken: list[Told]) -> list[str]:
    return [one.state for one in taken]


WHOLE_WAY = ["acknowledged", "awaiting_confirmation", "accepted", "provisioning", "completed"]


async def test_slow_is_seen_as_an_order_that_stays_provisioning(lab: Lab) -> None:
    async with receiving(lab) as receiver:
        await lab.faults(slow_seconds=60)
        order = await lab.confirmed()
        await lab.work()
        await lab.work(seconds=50)
        assert states(receiver.taken) == WHOLE_WAY[:-1]
        assert (await lab("orders.get", id=order))["state"] == "provisioning"
        await lab.work(seconds=30)
        assert states(receiver.taken) == WHOLE_WAY
        assert (await lab("orders.get", id=order))["state"] == "completed"


async def test_a_lost_answer_is_seen_as_unknown_and_then_as_what_came_of_it(lab: Lab) -> None:
    async with receiving(lab) as receiver:
        await lab.faults(lose_answers=1)
        order = await lab.confirmed()
        await lab.work()
        assert states(receiver.taken) == [*WHOLE_WAY[:-1], "unknown"]
        assert (await lab("orders.get", id=order))["state"] == "unknown"
        await lab.work(seconds=6)
        assert states(receiver.taken) == [*WHOLE_WAY[:-1], "unknown", "completed"]
        assert await lab.taken() == {order: "completed"}


async def test_a_double_callback_is_seen_as_the_same_event_twice(lab: Lab) -> None:
    async with receiving(lab) as receiver:
        await lab.faults(double_callbacks=True)
        await lab.confirmed()
        await lab.work()
        assert states(receiver.taken) == [*WHOLE_WAY, "completed"]
        assert receiver.taken[-1] == receiver.taken[-2]
        assert len({one.id for one in receiver.taken}) == len(WHOLE_WAY)


async def test_reordering_is_seen_as_an_older_version_after_a_newer_one(lab: Lab) -> None:
    async with receiving(lab) as receiver:
        await lab.faults(reorder_deliveries=1)
        await lab.confirmed()
        await lab.work()
        await lab.work(seconds=3)
        versions = [one.version for one in receiver.taken]
        assert sorted(versions) == [1, 2, 3, 4, 5] and versions != sorted(versions)
        assert states(sorted(receiver.taken, key=lambda one: one.version)) == WHOLE_WAY
        assert (await lab("sandbox.get_faults"))["reorder_deliveries"] == 0
