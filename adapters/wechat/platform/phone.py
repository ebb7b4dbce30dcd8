"""The phone page's routes, and the same for programs: do what a person does, see what the account did."""

import re
from typing import Annotated, Any, Literal

import msgspec
from aiohttp import web
from msgspec import Meta
from yarl import URL

from adapters.sandbox_http import Refusal, answer, received, whole_number
from adapters.wechat.platform.account import Mode
from adapters.wechat.platform.callbacks import Delivery
from adapters.wechat.platform.menu import shown
from adapters.wechat.platform.people import Person
from adapters.wechat.platform.server_api import picture_path
from adapters.wechat.platform.state import State

_NOT_IN_XML = re.compile(r"[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_LONGEST_WAIT = 25


class Say(msgspec.Struct):
    """A person sends `text`; `menu_id` when it is a choice they clicked."""

    openid: str
    text: Annotated[str, Meta(min_length=1, max_length=4000)]
    menu_id: str | None = None


class Event(msgspec.Struct):
    """A person follows, unfollows, scans a code (`scene`: its scene, ticket or address), or uses the menu (`key`: key or URL)."""

    openid: str
    event: Literal["subscribe", "unsubscribe", "scan", "click", "view"]
    scene: Annotated[str, Meta(max_length=300)] = ""
    key: Annotated[str, Meta(max_length=1024)] = ""


class AccountChange(msgspec.Struct):
    """What may change while the stand-in runs; None stays as it is."""

    callback_url: str | None = None
    mode: Mode | None = None


class Phone:
    """The routes under /control, /chats and the rest of what the page reads."""

    def __init__(self, state: State) -> None:
        self._state = state

    def mount(self, app: web.Application) -> None:
        """Add the routes."""
        router = app.router
        router.add_post("/control/send", self.send)
        router.add_post("/control/event", self.event)
        router.add_post("/control/people", self.add_person)
        router.add_post("/control/verify", self.verify)
        router.add_put("/control/account", self.change_account)
        router.add_get("/people", self.people)
        router.add_get("/chats/{openid}", self.chat)
        router.add_get("/menu", self.menu)
        router.add_get("/codes", self.codes)
        router.add_get("/deliveries", self.deliveries)
        router.add_get("/violations", self.violations)
        router.add_get("/q/{short}", self.scanned_address)

    async def send(self, request: web.Request) -> web.Response:
        said = await received(request, Say)
        person = self._follower(said.openid)
        return answer(await self._state.say(person.openid, _NOT_IN_XML.sub("", said.text), said.menu_id))

    async def event(self, request: web.Request) -> web.Response:
        wanted = await received(request, Event)
        person = self._state.person(wanted.openid)
        if wanted.event == "subscribe":
            return answer(await self._follow(person, wanted.scene))
        if wanted.event == "scan":
            return answer(await self._scan(person, wanted.scene))
        self._follower(wanted.openid)
        if wanted.event == "unsubscribe":
            person.unfollow()
            await self._state.chats.add(
                person.openid, "system", "notice", {"zh": "已取消关注", "en": "No longer following"}
            )
            return answer(await self._state.event(person.openid, "unsubscribe", seen=False, EventKey=""))
        if wanted.event == "click":
            person.contact("click", self._state.clock())
            return answer(await self._state.event(person.openid, "CLICK", seen=True, EventKey=wanted.key))
        return answer(await self._state.event(person.openid, "VIEW", seen=False, EventKey=wanted.key, MenuId=1))

    async def add_person(self, request: web.Request) -> web.Response:
        return answer(self._state.described(self._state.add_person()), 201)

    async def verify(self, request: web.Request) -> web.Response:
        return answer({"verified": await self._state.callbacks.verify()})

    async def change_account(self, request: web.Request) -> web.Response:
        change = await received(request, AccountChange)
        account = self._state.account
        self._state.callbacks.account = msgspec.structs.replace(
            account, callback_url=change.callback_url or account.callback_url, mode=change.mode or account.mode
        )
        return answer({"callback_url": self._state.account.callback_url, "mode": self._state.account.mode})

    async def people(self, request: web.Request) -> web.Response:
        people = [self._state.described(person) for person in self._state.people.values()]
        return answer({"account": self._state.account.name, "people": people})

    async def chat(self, request: web.Request) -> web.Response:
        person = self._state.person(request.match_info["openid"])
        after = whole_number(request, "after", 0, 2**62)
        wait = whole_number(request, "wait", 0, _LONGEST_WAIT)
        bubbles = await self._state.chats.after(person.openid, after, wait)
        return answer({**self._state.described(person), "bubbles": bubbles})

    async def menu(self, request: web.Request) -> web.Response:
        menu = self._state.menu
        return answer({"menu": {"button": []}} if menu is None else shown(menu))

    async def codes(self, request: web.Request) -> web.Response:
        codes = [
            {"scene": code.scene, "url": code.url, "ticket": code.ticket, "picture": picture_path(code.ticket)}
            for code in self._state.codes.values()
        ]
        return answer({"codes": codes[-100:]})

    async def deliveries(self, request: web.Request) -> web.Response:
        openid = request.query.get("openid", "")
        found = [one for one in self._state.callbacks.deliveries if openid in {"", one.openid}]
        return answer({"deliveries": found[-whole_number(request, "limit", 100, 1000) or None :]})

    async def violations(self, request: web.Request) -> web.Response:
        return answer({"violations": list(self._state.callbacks.violations)})

    async def scanned_address(self, request: web.Request) -> web.Response:
        """What a scanned code opens: the phone page with the code filled in, to be confirmed by hand."""
        short = request.match_info["short"]
        found: dict[str, Any] = {code.short: code.scene for code in self._state.codes.values()}
        if short not in found:
            raise Refusal(404, "unknown_code", "there is no such code")
        raise web.HTTPFound(URL("/").with_query(scene=found[short]))

    async def _follow(self, person: Person, scene: str) -> Delivery:
        code = self._state.code_for(scene) if scene else None
        known = code.scene if code else scene
        now = self._state.clock()
        person.follow(now, known)
        person.contact("subscribe", now)
        await self._state.chats.add(person.openid, "system", "notice", {"zh": "已关注", "en": "Now following"})
        fields = {"EventKey": f"qrscene_{known}", "Ticket": self._ticket(scene)} if known else {"EventKey": ""}
        return await self._state.event(person.openid, "subscribe", seen=True, **fields)

    async def _scan(self, person: Person, scene: str) -> Delivery:
        if not scene:
            raise Refusal(400, "malformed", "scene says which code was scanned")
        if not person.is_following:
            return await self._follow(person, scene)
        code = self._state.code_for(scene)
        person.contact("scan", self._state.clock())
        await self._state.chats.add(
            person.openid, "system", "notice", {"zh": "扫描了二维码", "en": "Scanned a QR code"}
        )
        return await self._state.event(
            person.openid, "SCAN", seen=True, EventKey=code.scene if code else scene, Ticket=self._ticket(scene)
        )

    def _ticket(self, scene: str) -> str:
        code = self._state.code_for(scene)
        return code.ticket if code else f"gQ{self._state.new_text(92)}=="

    def _follower(self, openid: str) -> Person:
        person = self._state.person(openid)
        if not person.is_following:
            raise Refusal(409, "not_following", "this person does not follow the account")
        return person
