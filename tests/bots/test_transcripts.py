"""Conversations as they are read: `> person`, `< bot`, `<< message that comes later`, `@ what happens meanwhile`."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from adapters.boss.protocol import ProvisionOrder
from auth.principal import partner_account
from gateway.capabilities.bindings import live_binding
from gateway.capabilities.grants.repository import add_grant
from gateway.store import Unit
from tests.bots.wechat_phone import WeChatPhone
from tests.fixtures.world import OPERATOR, World, partner

TRANSCRIPTS = sorted((Path(__file__).parent / "transcripts").glob("*.txt"))


def steps(path: Path) -> Iterator[tuple[int, str, str]]:
    """(line, mark, text); lines of one answer are joined."""
    pending: tuple[int, str, str] | None = None
    for number, line in enumerate(path.read_text("utf-8").splitlines(), 1):
        mark, _, text = line.partition(" ")
        if mark not in (">", "<", "<<", "@"):
            assert not line or line.startswith("#"), f"{path.name}:{number}: {line}"
            continue
        if pending is not None and pending[1] == mark == "<":
            pending = (pending[0], mark, f"{pending[2]}\n{text}")
            continue
        if pending is not None:
            yield pending
        pending = (number, mark, text)
    assert pending is not None
    yield pending


def agrees(expected: str, heard: str) -> bool:
    """Whether the answer is as written, `*` standing for anything."""
    return re.fullmatch(".*".join(re.escape(part) for part in expected.split("*")), heard, re.DOTALL) is not None


@pytest.mark.parametrize("path", TRANSCRIPTS, ids=lambda path: path.stem)
async def test_the_conversation_goes_as_written(path: Path, world: World, phone: WeChatPhone) -> None:
    stage = Stage(world, phone)
    heard: str | None = None
    for number, mark, text in steps(path):
        place = f"{path.name}:{number}"
        world.clock.advance(seconds=2)
        if mark == ">":
            assert not heard, f"{place}: nobody reads {heard!r}"
            heard = await phone.say(text)
        elif mark == "@":
            heard = await stage.directive(text) or heard
        elif mark == "<":
            assert heard is not None and agrees(text, heard), f"{place}: heard\n{heard}"
            heard = None
        else:
            await world.work()
            assert world.chat.sent, f"{place}: no message came"
            account, message = world.chat.sent.pop(0)
            assert account == phone.account and agrees(text, message), f"{place}: got\n{message}"
    assert not heard and not world.chat.sent


class Stage:
    """What can happen beside the conversation."""

    def __init__(self, world: World, phone: WeChatPhone) -> None:
        self._world = world
        self._phone = phone
        self._number = 0

    async def directive(self, text: str) -> str | None:
        verb, *words = text.split()
        return await getattr(self, verb)(*words)  # type: ignore[no-any-return] # one of the methods below

    async def subscriber(self, phone: str, *held: str) -> None:
        """There is a subscriber with this number."""
        self._number = await self._world.subscriber(phone=f"+86{phone}", held=held, usage={"service:music": 5.0})

    async def bound(self, phone: str, *held: str) -> None:
        """… and this chat is bound to them."""
        await self.subscriber(phone, *held)
        await self._world.bind(self._phone.account, self._number)

    async def push(self, code: str) -> None:
        """A partner places an order for them."""
        account = "partner:shop:u1"
        if not self._pushes_before():
            await self._world.bind(account, self._number)
        await self._world.call(partner(), "orders.place", offer=code, account=account)
        await self._world.work()

    async def signed_in(self, partner_id: str) -> None:
        """They signed in at a partner with us."""
        world, account = self._world, partner_account(partner_id, "ppid_" + "x" * 43)
        fields: dict[str, Any] = {"id": partner_id, "name": partner_id.title(), "scopes": ["orders:read"]}
        await world.call(OPERATOR, "partners.create", **fields)
        await world.bind(account, self._number)
        unit, ends = Unit(), world.clock() + timedelta(days=90)
        live = await world.platform.store.read(live_binding, account)
        assert live is not None
        add_grant(
            unit, partner_id, account, live.id, ["openid"], id=world.platform.ids(), now=world.clock(), expires_at=ends
        )
        await world.platform.store.commit(unit)

    def _pushes_before(self) -> bool:
        had, self._pushed = getattr(self, "_pushed", False), True
        return had

    async def minutes(self, number: str) -> None:
        """Time goes by."""
        self._world.clock.advance(minutes=int(number))
        await self._world.work()

    async def event(self, event: str, key: str = "") -> str | None:
        """Follow, click, scan."""
        return await self._phone.event(event, key)

    async def refuses(self, code: str, reason: str) -> None:
        """The back end will not carry out this offer."""
        self._world.boss.refused_offers[code] = reason

    async def provisioned(self, *codes: str) -> None:
        """The back end has carried out exactly these orders."""
        await self._world.work()
        orders: list[ProvisionOrder] = self._world.boss.effects
        assert [order.offer_code for order in orders] == list(codes)
