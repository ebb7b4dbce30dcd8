"""Everything the stand-in knows: the account, its people, codes, menu, tokens and chats."""

import secrets
from collections.abc import Awaitable, Callable, Iterable, Iterator
from datetime import datetime, timedelta
from itertools import count
from random import Random
from typing import Any

import msgspec

from adapters.faults import FaultBoard, Faults
from adapters.sandbox_http import Refusal
from adapters.wechat.platform.account import Account
from adapters.wechat.platform.bubbles import Chats
from adapters.wechat.platform.callbacks import Callbacks, Delivery, Fields
from adapters.wechat.platform.menu import Menu
from adapters.wechat.platform.people import Person
from adapters.wechat.platform.tokens import TokenDesk


class AnswerCode(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The next `times` calls (of `path`, if given) are answered with error code `code` and do nothing."""

    code: int
    times: int = 1
    path: str | None = None


class WeChatFaults(Faults, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The switches; `refuse` lists API paths, or odds, which are answered with errcode -1."""

    answers: list[AnswerCode] = []


class WeChatFaultBoard(FaultBoard[WeChatFaults]):
    """The switches with the list of answers counted down."""

    def next_code(self, path: str) -> int | None:
        """The error code to answer this call with, if one is set."""
        for place, planned in enumerate(self._faults.answers):
            if planned.times > 0 and planned.path in {None, path}:
                left = list(self._faults.answers)
                left[place] = msgspec.structs.replace(planned, times=planned.times - 1)
                self._faults = msgspec.structs.replace(self._faults, answers=[item for item in left if item.times > 0])
                return planned.code
        return None


class QrScene(msgspec.Struct, frozen=True):
    """One code to scan. `short` is the end of its address; `expires_at` None: permanent."""

    ticket: str
    short: str
    scene: str
    url: str
    expires_at: datetime | None


class State:
    """The stand-in's world. Time, ids and waiting come from outside."""

    def __init__(
        self,
        account: Account,
        *,
        clock: Callable[[], datetime],
        sleep: Callable[[float], Awaitable[None]],
        rng: Random,
        retry_after: float,
        new_text: Callable[[int], str],
        people: Iterable[tuple[str, str]],
    ) -> None:
        self.clock = clock
        self.sleep = sleep
        self.new_text = new_text
        self.board = WeChatFaultBoard(WeChatFaults(), rng)
        self.tokens = TokenDesk(account, clock, lambda: new_text(48))
        self.chats = Chats(clock)
        self.callbacks = Callbacks(
            account, self.chats, clock=clock, sleep=sleep, retry_after=retry_after, nonces=_texts(new_text)
        )
        self.people = {openid: Person(openid, name) for openid, name in people}
        self.menu: Menu | None = None
        self.codes: dict[str, QrScene] = {}
        self.permanent_codes = 0
        self.template_ids: dict[tuple[str, str], tuple[int, datetime]] = {}
        # Starts from the clock, so that ids go on rising after a restart.
        self.msg_ids = count(int(clock().timestamp() * 1000) * 1_000_000)

    @property
    def account(self) -> Account:
        """The account as its back office holds it now."""
        return self.callbacks.account

    def person(self, openid: str) -> Person:
        """A person by openid; raises Refusal 404."""
        found = self.people.get(openid)
        if found is None:
            raise Refusal(404, "unknown_openid", "nobody here has this openid")
        return found

    def add_person(self) -> Person:
        """One more phone."""
        person = Person(f"o{self.new_text(27)}", f"手机 {len(self.people) + 1}")
        self.people[person.openid] = person
        return person

    def code_for(self, text: str) -> QrScene | None:
        """The live code that `text` names: its ticket, its address, or its scene (the newest such)."""
        now = self.clock()
        live = [code for code in self.codes.values() if code.expires_at is None or now < code.expires_at]
        for code in reversed(live):
            if text in {code.ticket, code.url, code.scene}:
                return code
        return None

    def add_code(self, scene: str, lifetime: timedelta | None, origin: str) -> QrScene:
        """A new code to scan, whose address opens the phone page."""
        ticket, short = f"gQ{self.new_text(92)}==", self.new_text(20)
        expires_at = None if lifetime is None else self.clock() + lifetime
        code = QrScene(ticket, short, scene, f"{origin}/q/{short}", expires_at)
        self.codes[ticket] = code
        self.permanent_codes += lifetime is None
        return code

    async def say(self, openid: str, text: str, menu_id: str | None) -> Delivery:
        """The person sends a text; `menu_id` when they clicked a choice."""
        fields = self._from(openid) | {"MsgType": "text", "Content": text, "MsgId": next(self.msg_ids)}
        if menu_id is not None:
            fields["bizmsgmenuid"] = menu_id
        self.person(openid).contact("message", self.clock())
        await self.chats.add(openid, "person", "text", {"segments": [{"text": text}]})
        return await self.callbacks.deliver(openid, fields, seen=True)

    async def event(self, openid: str, name: str, *, seen: bool, **fields: str | int) -> Delivery:
        """Something happened that the account is told about."""
        return await self.callbacks.deliver(
            openid, self._from(openid) | {"MsgType": "event", "Event": name, **fields}, seen=seen
        )

    def _from(self, openid: str) -> Fields:
        return {
            "ToUserName": self.account.gh_id,
            "FromUserName": openid,
            "CreateTime": int(self.clock().timestamp()),
        }

    def described(self, person: Person) -> dict[str, Any]:
        """A person as the phone page lists them."""
        return {"openid": person.openid, "name": person.name, "following": person.is_following}


def _texts(new_text: Callable[[int], str]) -> Iterator[str]:
    while True:
        yield new_text(10)


def random_text(length: int) -> str:
    """Unguessable text of ASCII letters and digits."""
    alphabet = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
    return "".join(secrets.choice(alphabet) for _ in range(length))
