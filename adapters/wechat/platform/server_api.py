"""The server API that accounts call: tokens, messages, menu, codes, people."""

import asyncio
import io
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any, TypeVar
from urllib.parse import quote

import msgspec
import segno
from aiohttp import web

from adapters.sandbox_http import Handler, answer, drop_connection
from adapters.wechat.platform.account import ApiError
from adapters.wechat.platform.bubbles import segments
from adapters.wechat.platform.menu import Menu, check, shown
from adapters.wechat.platform.people import Person
from adapters.wechat.platform.state import QrScene, State

T = TypeVar("T")
Method = Callable[[web.Request], Awaitable[Any]]
_OK = {"errcode": 0, "errmsg": "ok"}
_LONGEST_TEXT_BYTES = 2048
_LONGEST_CODE_SECONDS = 2_592_000
_MOST_PERMANENT_CODES = 100_000
_SAME_TEMPLATE_FOR = timedelta(minutes=10)
_OPEN = {"/cgi-bin/token", "/cgi-bin/stable_token", "/cgi-bin/showqrcode"}


class StableToken(msgspec.Struct):
    """The body of stable_token."""

    grant_type: str
    appid: str
    secret: str
    force_refresh: bool = False


class CustomMessage(msgspec.Struct):
    """The body of message/custom/send; the field named by `msgtype` holds the content."""

    touser: str
    msgtype: str
    text: dict[str, str] = {}
    news: dict[str, list[dict[str, str]]] = {}
    msgmenu: dict[str, Any] = {}
    image: dict[str, str] = {}


class Typing(msgspec.Struct):
    """The body of message/custom/typing."""

    touser: str
    command: str


class TemplateValue(msgspec.Struct):
    """One value of a template message."""

    value: str


class Template(msgspec.Struct):
    """The body of message/template/send."""

    touser: str
    template_id: str
    data: dict[str, TemplateValue]
    url: str = ""
    client_msg_id: str | None = None


class Scene(msgspec.Struct):
    """What a code says, as text or number."""

    scene_str: str = ""
    scene_id: int = 0


class ActionInfo(msgspec.Struct):
    """Where qrcode/create holds its scene."""

    scene: Scene


class CreateCode(msgspec.Struct):
    """The body of qrcode/create."""

    action_name: str
    action_info: ActionInfo
    expire_seconds: int = 60


class CallbackCheck(msgspec.Struct):
    """The body of callback/check."""

    action: str = "all"
    check_operator: str = "DEFAULT"


class ServerApi:
    """The platform's methods. Each answers HTTP 200 with JSON; a refusal is {"errcode", "errmsg"}."""

    def __init__(self, state: State) -> None:
        self._state = state
        self._running: set[asyncio.Task[Any]] = set()

    def mount(self, app: web.Application) -> None:
        """Add the routes."""
        for path, method in {
            "/cgi-bin/stable_token": self.stable_token,
            "/cgi-bin/message/custom/send": self.custom_send,
            "/cgi-bin/message/custom/typing": self.custom_typing,
            "/cgi-bin/message/template/send": self.template_send,
            "/cgi-bin/menu/create": self.menu_create,
            "/cgi-bin/qrcode/create": self.qrcode_create,
            "/cgi-bin/callback/check": self.callback_check,
        }.items():
            app.router.add_post(path, self._served(method))
        for path, method in {
            "/cgi-bin/token": self.token,
            "/cgi-bin/menu/get": self.menu_get,
            "/cgi-bin/menu/delete": self.menu_delete,
            "/cgi-bin/user/info": self.user_info,
            "/cgi-bin/getcallbackip": self.callback_ip,
        }.items():
            app.router.add_get(path, self._served(method))
        app.router.add_get("/cgi-bin/showqrcode", self.show_qrcode)

    async def close(self) -> None:
        """End what still runs behind an answer."""
        for task in self._running:
            task.cancel()
        await asyncio.gather(*self._running, return_exceptions=True)

    async def token(self, request: web.Request) -> Any:
        query = request.query
        if query.get("grant_type") != "client_credential":
            raise ApiError(40002, "invalid grant_type")
        granted = self._state.tokens.ordinary(query.get("appid", ""), query.get("secret", ""))
        return {"access_token": granted.value, "expires_in": granted.expires_in}

    async def stable_token(self, request: web.Request) -> Any:
        asked = await _body(request, StableToken)
        if asked.grant_type != "client_credential":
            raise ApiError(40002, "invalid grant_type")
        granted = self._state.tokens.stable(asked.appid, asked.secret, force=asked.force_refresh)
        return {"access_token": granted.value, "expires_in": granted.expires_in}

    async def custom_send(self, request: web.Request) -> Any:
        message = await _body(request, CustomMessage)
        person = self._person(message.touser)
        content = _custom_content(message)
        person.use_window(self._state.clock())
        await self._state.chats.add(person.openid, "account", message.msgtype, content, late=True)
        return _OK

    async def custom_typing(self, request: web.Request) -> Any:
        typing = await _body(request, Typing)
        self._person(typing.touser).type(typing.command, self._state.clock())
        await self._state.chats.add(typing.touser, "system", "typing", {"on": typing.command == "Typing"})
        return _OK

    async def template_send(self, request: web.Request) -> Any:
        message = await _body(request, Template)
        person = self._person(message.touser)
        if not message.template_id:
            raise ApiError(40037, "invalid template_id")
        empty = [name for name, field in message.data.items() if not field.value]
        if empty or not message.data:
            raise ApiError(47003, f"argument invalid! data.{''.join(empty[:1])}.value is empty")
        person.check_following()
        return {**_OK, "msgid": await self._template_once(person, message)}

    async def menu_create(self, request: web.Request) -> Any:
        menu = await _body(request, Menu)
        check(menu)
        self._state.menu = menu
        return _OK

    async def menu_get(self, request: web.Request) -> Any:
        if self._state.menu is None:
            raise ApiError(46003, "menu no exist")
        return shown(self._state.menu)

    async def menu_delete(self, request: web.Request) -> Any:
        self._state.menu = None
        return _OK

    async def qrcode_create(self, request: web.Request) -> Any:
        asked = await _body(request, CreateCode)
        scene = asked.action_info.scene
        text = scene.scene_str if "STR" in asked.action_name else str(scene.scene_id or "")
        if not 1 <= len(text) <= 64:
            raise ApiError(40053, "invalid action info")
        if asked.action_name not in {"QR_SCENE", "QR_STR_SCENE", "QR_LIMIT_SCENE", "QR_LIMIT_STR_SCENE"}:
            raise ApiError(40052, "invalid action name")
        origin = str(request.url.origin())
        if "LIMIT" in asked.action_name:
            if self._state.permanent_codes >= _MOST_PERMANENT_CODES:
                raise ApiError(45029, "qrcode count out of limit")
            return _code(self._state.add_code(text, None, origin))
        if not 1 <= asked.expire_seconds <= _LONGEST_CODE_SECONDS:
            raise ApiError(40051, "invalid expire seconds")
        made = self._state.add_code(text, timedelta(seconds=asked.expire_seconds), origin)
        return {**_code(made), "expire_seconds": asked.expire_seconds}

    async def user_info(self, request: web.Request) -> Any:
        person = self._person(request.query.get("openid", ""))
        if person.followed_at is None:
            return {"subscribe": 0, "openid": person.openid}
        return {
            "subscribe": 1,
            "openid": person.openid,
            "language": request.query.get("lang", "zh_CN"),
            "subscribe_time": int(person.followed_at.timestamp()),
            "remark": "",
            "groupid": 0,
            "tagid_list": [],
            "subscribe_scene": "ADD_SCENE_QR_CODE" if person.scene else "ADD_SCENE_SEARCH",
            "qr_scene": int(person.scene) if person.scene.isdecimal() and len(person.scene) < 10 else 0,
            "qr_scene_str": person.scene,
        }

    async def callback_check(self, request: web.Request) -> Any:
        asked = await _body(request, CallbackCheck)
        if asked.action not in {"dns", "ping", "all"}:
            raise ApiError(40201, "invalid action")
        dns = [{"ip": "127.0.0.1", "real_operator": "DEFAULT"}]
        ping = [{"ip": "127.0.0.1", "from_operator": "DEFAULT", "package_loss": "0%", "time": "0.1ms"}]
        known = {"dns": dns, "ping": ping}
        return {name: rows for name, rows in known.items() if asked.action in {name, "all"}}

    async def callback_ip(self, request: web.Request) -> Any:
        return {"ip_list": ["127.0.0.1"]}

    async def show_qrcode(self, request: web.Request) -> web.Response:
        """The picture of a code: SVG, or PNG for `&format=png` (which the platform itself does not have)."""
        code = self._state.codes.get(request.query.get("ticket", ""))
        if code is None:
            return web.Response(status=404, text="no such ticket")
        picture, out = segno.make(code.url, micro=False), io.BytesIO()
        if request.query.get("format") == "png":
            picture.save(out, kind="png", scale=8, border=4)
            return web.Response(body=out.getvalue(), content_type="image/png")
        picture.save(out, kind="svg", scale=8, border=4, light="#fff")
        return web.Response(body=out.getvalue(), content_type="image/svg+xml")

    def _served(self, method: Method) -> Handler:
        """The method behind the fault switches, the token check and the platform's form of errors."""

        async def serve(request: web.Request) -> web.StreamResponse:
            board, path = self._state.board, request.path
            faults = board.faults
            if faults.slow_seconds:
                await self._state.sleep(faults.slow_seconds)
            if faults.down:
                return web.Response(status=503, text="Service Unavailable")
            try:
                code = board.next_code(path)
                if code is not None:
                    raise ApiError(code, "set by the fault switches")
                if board.refuses(path):
                    raise ApiError(-1, "system error")
                if path not in _OPEN:
                    self._state.tokens.check(request.query.get("access_token"))
                body = await method(request)
            except ApiError as error:
                body = {"errcode": error.errcode, "errmsg": error.errmsg}
            return drop_connection(request) if board.loses_answer() else answer(body)

        return serve

    def _person(self, openid: str) -> Person:
        person = self._state.people.get(openid)
        if person is None:
            raise ApiError(40003, "invalid openid")
        return person

    async def _template_once(self, person: Person, message: Template) -> int:
        """Send unless the same client_msg_id went to them within ten minutes; the msgid either way."""
        now, key = self._state.clock(), (person.openid, message.client_msg_id or "")
        if message.client_msg_id:
            msgid, sent_at = self._state.template_ids.get(key, (0, now - _SAME_TEMPLATE_FOR))
            if now - sent_at < _SAME_TEMPLATE_FOR:
                return msgid
        msgid = next(self._state.msg_ids)
        if message.client_msg_id:
            self._state.template_ids[key] = (msgid, now)
        content = {
            "template_id": message.template_id,
            "values": [[name, field.value] for name, field in message.data.items()],
            "url": message.url,
        }
        await self._state.chats.add(person.openid, "account", "template", content, late=True)
        task = asyncio.create_task(
            self._state.event(person.openid, "TEMPLATESENDJOBFINISH", seen=False, MsgID=msgid, Status="success")
        )
        self._running.add(task)
        task.add_done_callback(self._running.discard)
        return msgid


def _code(code: QrScene) -> dict[str, Any]:
    return {"ticket": code.ticket, "url": code.url}


def _custom_content(message: CustomMessage) -> dict[str, Any]:
    """The message as its bubble shows it, or the platform's error."""
    if message.msgtype == "text":
        text = message.text.get("content", "")
        if not text:
            raise ApiError(44004, "empty content")
        if len(text.encode()) > _LONGEST_TEXT_BYTES:
            raise ApiError(45002, "content size out of limit")
        return {"segments": segments(text)}
    if message.msgtype == "news":
        articles = message.news.get("articles", [])
        if len(articles) != 1:
            raise ApiError(45008, "article size out of limit")
        return {"articles": [_article(article) for article in articles]}
    if message.msgtype == "msgmenu":
        return _choices(message.msgmenu)
    if message.msgtype == "image":
        if not message.image.get("media_id"):
            raise ApiError(40007, "invalid media_id")
        return {"media_id": message.image["media_id"]}
    raise ApiError(40008, "invalid message type")


def _choices(menu: dict[str, Any]) -> dict[str, Any]:
    items = menu.get("list") or []
    if not items or not all(isinstance(item, dict) and item.get("id") and item.get("content") for item in items):
        raise ApiError(47003, "argument invalid! msgmenu.list")
    return {
        "head": segments(str(menu.get("head_content", ""))),
        "items": [{"id": str(item["id"]), "content": str(item["content"])} for item in items],
        "tail": segments(str(menu.get("tail_content", ""))),
    }


def _article(article: dict[str, str]) -> dict[str, str]:
    return {
        "title": article.get("title", ""),
        "description": article.get("description", ""),
        "picture_url": article.get("picurl", ""),
        "url": article.get("url", ""),
    }


async def _body(request: web.Request, shape: type[T]) -> T:
    """The JSON body; escaped non-ASCII text is taken as the platform takes it, as the characters typed."""
    try:
        return msgspec.json.decode(await request.read(), type=shape)
    except msgspec.ValidationError as exc:
        raise ApiError(47003, f"argument invalid! {exc}") from exc
    except msgspec.DecodeError as exc:
        raise ApiError(47001, "data format error") from exc


def picture_path(ticket: str) -> str:
    """Where the picture of a code is."""
    return f"/cgi-bin/showqrcode?ticket={quote(ticket, safe='')}"
