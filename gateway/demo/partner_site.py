"""The demo partner's own web site: it signs people in with the operator over HTTP alone, as any partner's site does.

Authorisation code with PKCE, the ID token checked by the published keys, the refresh token used when the access token has
expired (docs/sign-in.md). Who is signed in is remembered in this process.
"""

from __future__ import annotations

import asyncio
import base64
import secrets
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any
from urllib.parse import quote_plus, urlencode

import aiohttp
import msgspec
from aiohttp import web
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet
from joserfc.jwt import JWTClaimsRegistry

from auth import pkce
from gateway.kit.clock import Clock, utc_now

SCOPE = "openid phone:masked recommendations:read orders:read orders:write"
BACK = "/back"
_COOKIE = "partner-site"
_REMEMBERED = 1000
_TIMEOUT = aiohttp.ClientTimeout(total=10)
_ALGORITHMS = ["ES256"]

_templates = Environment(
    loader=FileSystemLoader(Path(__file__).parent / "pages"), autoescape=True, undefined=StrictUndefined,
    trim_blocks=True, lstrip_blocks=True,
)  # fmt: skip


class Visitor(msgspec.Struct):
    """One browser: what it was sent away with, and what it came back with."""

    state: str = ""
    nonce: str = ""
    verifier: str = ""
    tokens: dict[str, Any] | None = None
    refreshing: asyncio.Lock = msgspec.field(default_factory=asyncio.Lock)
    """A refresh token is good once, so two requests at once must not both use it."""


class SignInFailed(Exception):
    """The way back does not belong to the way there, or the operator said no."""


class PartnerSite:
    """The site. `gateway` is the operator's address, which is also the issuer of its tokens."""

    def __init__(
        self, http: aiohttp.ClientSession, gateway: str, own: str, client_id: str, client_secret: str,
        clock: Clock = utc_now,
    ) -> None:  # fmt: skip
        self._clock = clock
        self._http = http
        self._gateway = gateway
        self._own = own
        self._client_id = client_id
        basic = f"{quote_plus(client_id)}:{quote_plus(client_secret)}".encode()
        self._basic = "Basic " + base64.b64encode(basic).decode()
        self._visitors: dict[str, Visitor] = {}

    def app(self) -> web.Application:
        """Its pages."""
        app = web.Application(middlewares=[self._guarded])
        app.router.add_get("/", self._home)
        app.router.add_get("/sign-in", self._go)
        app.router.add_get(BACK, self._come_back)
        app.router.add_post("/order", self._order)
        app.router.add_post("/sign-out", self._sign_out)
        return app

    async def _home(self, request: web.Request) -> web.Response:
        visitor = self._visitor(request)
        if visitor is None or visitor.tokens is None:
            return self._page(request, who=None)
        return await self._inside(request, visitor)

    async def _inside(self, request: web.Request, visitor: Visitor, problem: str = "") -> web.Response:
        status, who = await self._call(visitor, "GET", "/oauth/userinfo")
        if status != 200 or visitor.tokens is None:  # ended by the subscriber, or for want of use
            visitor.tokens = None
            return self._page(request, who=None, problem=problem)
        granted = visitor.tokens["scope"].split()
        offers: list[Any] = []
        orders: list[Any] = []
        if "recommendations:read" in granted:
            status, found = await self._call(visitor, "GET", "/v1/recommendations?limit=3")
            offers = found["items"] if status == 200 else []
        if "orders:read" in granted:
            status, found = await self._call(visitor, "GET", "/v1/orders?limit=5")
            orders = found["items"] if status == 200 else []
        may_order = "orders:write" in granted
        return self._page(
            request, who=who, scopes=granted, offers=offers, orders=orders, may_order=may_order, problem=problem,
            key=secrets.token_urlsafe(12), grants=f"{self._gateway}/oauth/grants",
        )  # fmt: skip

    async def _go(self, request: web.Request) -> web.Response:
        visitor, name = Visitor(), secrets.token_urlsafe(24)
        visitor.state, visitor.nonce, visitor.verifier = (secrets.token_urlsafe(32) for _ in range(3))
        if len(self._visitors) >= _REMEMBERED:
            del self._visitors[next(iter(self._visitors))]
        self._visitors[name] = visitor
        asked = {
            "response_type": "code", "client_id": self._client_id, "redirect_uri": self._own + BACK, "scope": SCOPE,
            "state": visitor.state, "nonce": visitor.nonce, "code_challenge": pkce.challenge_of(visitor.verifier),
            "code_challenge_method": pkce.METHOD, "lang": _language(request),
        }  # fmt: skip
        away = web.Response(status=303, headers={"Location": f"{self._gateway}/oauth/authorize?{urlencode(asked)}"})
        away.set_cookie(_COOKIE, name, httponly=True, samesite="Lax", secure=self._own.startswith("https://"))
        return away

    async def _come_back(self, request: web.Request) -> web.Response:
        visitor = self._visitor(request)
        try:
            if visitor is None or not secrets.compare_digest(request.query.get("state", ""), visitor.state or "-"):
                raise SignInFailed("this answer belongs to no sign-in of this browser")
            visitor.state = ""  # good once
            if request.query.get("iss") != self._gateway:
                raise SignInFailed("this answer comes from another issuer")
            if "error" in request.query:
                raise SignInFailed(request.query.get("error_description", request.query["error"]))
            await self._redeem(visitor, request.query.get("code", ""))
        except SignInFailed as error:
            return self._page(request, who=None, problem=str(error), status=400)
        return _home(request)

    async def _redeem(self, visitor: Visitor, code: str) -> None:
        status, tokens = await self._post(
            "/oauth/token", grant_type="authorization_code", code=code, code_verifier=visitor.verifier,
            redirect_uri=self._own + BACK,
        )  # fmt: skip
        if status != 200:
            raise SignInFailed(tokens.get("error_description", "the code was not redeemed"))
        async with self._http.get(f"{self._gateway}/.well-known/jwks.json", timeout=_TIMEOUT) as response:
            keys = KeySet.import_key_set(await response.json())
        wanted = JWTClaimsRegistry(
            now=int(self._clock().timestamp()), iss={"essential": True, "value": self._gateway}, aud={"essential": True, "value": self._client_id},
            nonce={"essential": True, "value": visitor.nonce}, exp={"essential": True},
        )  # fmt: skip
        try:
            wanted.validate(jwt.decode(tokens["id_token"], keys, algorithms=_ALGORITHMS).claims)
        except JoseError as error:
            raise SignInFailed("the ID token is not good") from error
        visitor.tokens = tokens

    async def _order(self, request: web.Request) -> web.Response:
        visitor, form = self._visitor(request), await request.post()
        if visitor is None or visitor.tokens is None:
            return _home(request)
        wish = {"offer": str(form.get("offer", ""))}
        status, answer = await self._call(visitor, "POST", "/v1/orders", wish, key=str(form.get("key", "")))
        if status != 200:
            return await self._inside(request, visitor, answer.get("detail") or answer.get("title", ""))
        return _home(request)

    async def _sign_out(self, request: web.Request) -> web.Response:
        visitor = self._visitor(request)
        if visitor is not None and visitor.tokens is not None:
            await self._post("/oauth/revoke", token=visitor.tokens["refresh_token"])
            visitor.tokens = None
        return _home(request)

    async def _call(
        self, visitor: Visitor, method: str, path: str, body: Any = None, key: str = ""
    ) -> tuple[int, dict[str, Any]]:
        """What the gateway answers under the visitor's token; one that has expired is refreshed once."""
        tokens = visitor.tokens
        status, answer = await self._send(method, path, body, key, tokens)
        if status != 401 or tokens is None:
            return status, answer
        async with visitor.refreshing:
            if visitor.tokens is tokens:
                refreshed, new = await self._post(
                    "/oauth/token", grant_type="refresh_token", refresh_token=tokens["refresh_token"]
                )
                visitor.tokens = new if refreshed == 200 else None
        return await self._send(method, path, body, key, visitor.tokens) if visitor.tokens else (status, answer)

    async def _send(
        self, method: str, path: str, body: Any, key: str, tokens: dict[str, Any] | None
    ) -> tuple[int, dict[str, Any]]:
        headers = {"Authorization": f"Bearer {tokens['access_token']}"} if tokens else {}
        headers |= {"Idempotency-Key": key} if key else {}
        async with self._http.request(
            method, self._gateway + path, json=body, headers=headers, timeout=_TIMEOUT
        ) as response:  # fmt: skip
            return response.status, await response.json(content_type=None)

    async def _post(self, path: str, **form: str) -> tuple[int, dict[str, Any]]:
        headers = {"Authorization": self._basic}
        async with self._http.post(self._gateway + path, data=form, headers=headers, timeout=_TIMEOUT) as response:
            return response.status, await response.json(content_type=None)

    def _visitor(self, request: web.Request) -> Visitor | None:
        return self._visitors.get(request.cookies.get(_COOKIE, ""))

    @web.middleware
    async def _guarded(
        self, request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
    ) -> web.StreamResponse:
        """Take forms from our own pages only, and say so where the gateway does not answer."""
        if request.method == "POST" and request.headers.get("Origin", self._own) != self._own:
            return self._page(request, who=None, problem="sent by another site", status=403)
        try:
            return await handler(request)
        except (aiohttp.ClientError, TimeoutError):
            return self._page(request, who=None, problem="the operator does not answer", status=502)

    def _page(
        self, request: web.Request, *, who: Any, problem: str = "", status: int = 200, **values: Any
    ) -> web.Response:
        lang = _language(request)

        def t(zh: str, en: str) -> str:
            return en if lang == "en" else zh

        text = _templates.get_template("partner_site.html").render(
            lang=lang, t=t, gateway=self._gateway, who=who, problem=problem, **values
        )
        policy = f"default-src 'none'; style-src {self._gateway}; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
        headers = {"Content-Security-Policy": policy, "Cache-Control": "no-store", "Referrer-Policy": "same-origin"}
        return web.Response(text=text, status=status, content_type="text/html", headers=headers)


def _home(request: web.Request) -> web.Response:
    return web.Response(status=303, headers={"Location": f"/?lang={_language(request)}"})


def _language(request: web.Request) -> str:
    wanted = str(request.query.get("lang") or request.headers.get("Accept-Language", ""))
    return "en" if wanted.strip().lower().startswith("en") else "zh-CN"
