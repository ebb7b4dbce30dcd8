"""The authorisation endpoint: the subscriber proves a phone number, sees what a partner asks for, and says yes or no.

Everything that has an effect is a capability, called as the visitor at the page.
Sources: RFC 6749 §4.1.1 and §4.1.2, RFC 9207, RFC 9700, OpenID Connect Core 1.0 §3.1.2.
"""

from __future__ import annotations

import contextlib
from collections.abc import Awaitable, Callable
from typing import Any, Protocol
from urllib.parse import urlencode

from sanic import Request
from sanic.response import HTTPResponse

from auth import redirect_uri
from auth.authorization_request import (
    AddressRefused,
    AuthorizationRequest,
    RequestRefused,
    answer,
    only,
    read,
    state_of,
)
from auth.secret_box import SecretBox
from gateway.capabilities.bindings import CodeRefused
from gateway.capabilities.grants import GRANTABLE, OPENID, not_grantable
from gateway.capabilities.partners import Partner, Partners
from gateway.errors import GatewayError, TooManyRequests
from gateway.invoke import Call
from gateway.platform import Platform
from gateway.surfaces.oauth_http import field, fields
from gateway.surfaces.oauth_transaction import PATH, Transaction, TransactionRefused, Transactions
from gateway.surfaces.rest import Server

_CONTINUE = f"{PATH}/continue"
_TEMPLATE = "sign_in.html"
_TO_CLIENT = {"cache-control": "no-store", "referrer-policy": "no-referrer"}
_ANSWER_LASTS = 60


class ShowPage(Protocol):
    """Draws a page of ours in the browser's language."""

    def __call__(
        self, request: Request[Any, Any], template: str, *, status: int, form_action: str, **values: Any
    ) -> HTTPResponse:
        """The page; `form_action` is where its forms may lead, redirects among it."""


class _Visit(Exception):
    """Ends a step with a page."""

    def __init__(self, response: HTTPResponse) -> None:
        super().__init__()
        self.response = response


class SignIn:
    """The sign-in page."""

    def __init__(self, platform: Platform, show: ShowPage, language: Callable[[Request[Any, Any]], str]) -> None:
        sealing = platform.keys.sealing
        self._box = SecretBox(sealing.keys, sealing.current, purpose="tuila.sign-in.v1")
        self._issuer = platform.settings.public_url
        self._transactions = Transactions(self._box, self._issuer, platform.ids)
        self._partners = platform.parts.get(Partners)
        self._starts_a_minute = platform.settings.limits.quotas.anonymous_per_minute
        self._invoke = platform.invoke
        self._hot = platform.hot
        self._clock = platform.clock
        self._show = show
        self._language = language

    async def begin(self, request: Request[Any, Any]) -> HTTPResponse:
        """Take down a partner's request and ask for a phone number."""
        given = fields(request) if request.method == "POST" else dict(request.get_args(keep_blank_values=True))
        minute = int(self._clock().timestamp()) // 60
        if await self._hot.count(f"sign-in:{request.ip}:{minute}", 61) > self._starts_a_minute:
            return self._stop(request, TooManyRequests(), 429)
        try:
            client_id, redirect = only(given, "client_id"), only(given, "redirect_uri")
            partner = await self._partner(client_id, redirect)
        except AddressRefused as error:
            return self._stop(request, str(error), 400)
        try:
            asked = read(given, client_id, redirect)
            beyond = not_grantable(asked.scopes, partner.scopes)
            if beyond:
                raise RequestRefused("invalid_scope", f"not for this client: {' '.join(beyond)}")
        except RequestRefused as error:
            return self._to_client(redirect, state_of(given), error=error.code, error_description=error.description)
        transaction, cookie = self._transactions.begin(asked, request, self._clock())
        query = urlencode([(name, one) for name, values in given.items() if name != "lang" for one in values])
        page = self._page(request, transaction, partner, "phone", query=query if request.method != "POST" else "")
        return self._transactions.set_cookie(page, cookie)

    async def go_on(self, request: Request[Any, Any]) -> HTTPResponse:
        """Take the next step that a form of the page asks for."""
        try:
            transaction = self._transactions.resume(request, self._clock())
            partner = await self._partner(transaction.request.client_id, transaction.request.redirect_uri)
        except TransactionRefused as error:
            return self._stop(request, str(error), 403)
        except AddressRefused as error:
            return self._stop(request, str(error), 400)
        steps: dict[str, Callable[..., Awaitable[HTTPResponse]]] = {
            "send": self._send, "verify": self._verify, "approve": self._approve, "deny": self._deny,
        }  # fmt: skip
        step = steps.get(_field(request, "do"))
        if step is None:
            return self._page(request, transaction, partner, "phone")
        try:
            return await step(request, transaction, partner)
        except _Visit as shown:
            return shown.response
        except GatewayError as error:
            return self._stop(request, error, error.status)

    async def _partner(self, client_id: str, redirect: str) -> Partner:
        partner = await self._partners.get(client_id)
        if partner is None or partner.suspended or not redirect_uri.allows(partner.redirect_uris, redirect):
            raise AddressRefused("client or redirect URI not registered")
        return partner

    async def _send(self, request: Request[Any, Any], transaction: Transaction, partner: Partner) -> HTTPResponse:
        phone = _field(request, "phone")
        with self._shown_on(request, transaction, partner, "phone", phone=phone):
            sent = await self._call(request, transaction, "bindings.request_code", phone=phone)
        return self._page(request, transaction, partner, "code", phone=phone, sent_to=sent.to)

    async def _verify(self, request: Request[Any, Any], transaction: Transaction, partner: Partner) -> HTTPResponse:
        phone = _field(request, "phone")
        with self._shown_on(request, transaction, partner, "code", phone=phone, sent_to=_field(request, "sent_to")):
            try:
                await self._call(request, transaction, "bindings.confirm_code", code=_field(request, "code"))
            except CodeRefused as error:
                if error.extra.get("outcome") != "used":  # sent twice: this visit has proved the number already
                    raise
        seen = await self._call(request, transaction, "grants.consider")
        return self._page(request, transaction, partner, "consent", sent_to=seen.phone)

    async def _approve(self, request: Request[Any, Any], transaction: Transaction, partner: Partner) -> HTTPResponse:
        asked = transaction.request
        ticked = {OPENID, *fields(request).get("scope", ())}
        granted = [scope for scope in asked.scopes if scope in ticked]
        if not granted:
            return await self._deny(request, transaction, partner)
        said_yes, went_to = f"sign-in:{transaction.id}:yes", f"sign-in:{transaction.id}:answer"
        if not await self._hot.add(said_yes, b"1", _ANSWER_LASTS):  # pressed twice: both get the one answer
            first = await self._hot.wait(went_to, 5)
            if first is None:
                return self._stop(request, "answered before", 409)
            return self._redirect(self._box.open(first, transaction.id.encode()).decode())
        try:
            approved = await self._call(
                request, transaction, "grants.approve", client_id=asked.client_id, redirect_uri=asked.redirect_uri,
                asked=list(asked.scopes), granted=granted, code_challenge=asked.challenge, nonce=asked.nonce,
            )  # fmt: skip
        except GatewayError:
            await self._hot.delete(said_yes)
            raise
        url = answer(asked.redirect_uri, self._issuer, asked.state, code=approved.code)
        await self._hot.put(went_to, self._box.seal(url.encode(), transaction.id.encode()), _ANSWER_LASTS)
        return self._redirect(url)

    async def _deny(self, request: Request[Any, Any], transaction: Transaction, partner: Partner) -> HTTPResponse:
        with contextlib.suppress(GatewayError):  # nothing to end where no number was proved
            await self._call(request, transaction, "bindings.end")
        asked = transaction.request
        return self._to_client(
            asked.redirect_uri, asked.state, error="access_denied", error_description="the subscriber said no"
        )

    async def _call(self, request: Request[Any, Any], transaction: Transaction, capability: str, **fields: Any) -> Any:
        return await self._invoke(
            Call(capability, transaction.visitor, fields, channel="sign-in", locale=self._language(request))
        )

    @contextlib.contextmanager
    def _shown_on(
        self, request: Request[Any, Any], transaction: Transaction, partner: Partner, step: str, **values: Any
    ) -> Any:
        try:
            yield
        except GatewayError as error:
            words = error.words(self._language(request))
            page = self._page(request, transaction, partner, step, status=error.status, problem=words, **values)
            raise _Visit(page) from error

    def _page(
        self, request: Request[Any, Any], transaction: Transaction, partner: Partner, step: str, *, status: int = 200,
        **values: Any,
    ) -> HTTPResponse:  # fmt: skip
        asked = transaction.request
        shown = {"problem": "", "phone": "", "sent_to": "", "query": ""} | values
        return self._show(
            request, _TEMPLATE, status=status, form_action=f"'self' {redirect_uri.origin(asked.redirect_uri)}",
            step=step, partner=partner.name, action=_CONTINUE, transaction=self._transactions.sealed(transaction),
            scopes=_shown_scopes(asked), **shown,
        )  # fmt: skip

    def _stop(self, request: Request[Any, Any], reason: str | GatewayError, status: int) -> HTTPResponse:
        """A page that leads nowhere: who asks cannot be told, or must not be."""
        words = reason if isinstance(reason, str) else reason.words(self._language(request))
        return self._show(request, _TEMPLATE, status=status, form_action="'none'", step="stop", problem=words, query="")

    def _to_client(self, redirect: str, state: str | None, **parameters: str) -> HTTPResponse:
        return self._redirect(answer(redirect, self._issuer, state, **parameters))

    def _redirect(self, url: str) -> HTTPResponse:
        # 303: the browser goes on with GET, and sends nothing of what was typed here (RFC 9700 §4.12).
        return HTTPResponse(b"", 303, {**_TO_CLIENT, "location": url})


def _shown_scopes(asked: AuthorizationRequest) -> list[dict[str, Any]]:
    return [
        {"name": name, "zh": one.words["zh"], "en": one.words["en"], "needed": name == OPENID}
        for name, one in GRANTABLE.items()
        if name in asked.scopes
    ]


def _field(request: Request[Any, Any], name: str) -> str:
    return field(request, name)[:100]


def mount(app: Server, platform: Platform, show: ShowPage, language: Callable[[Request[Any, Any]], str]) -> None:
    """Serve the authorisation endpoint and the steps of its page."""
    sign_in = SignIn(platform, show, language)
    app.add_route(sign_in.begin, PATH, methods=["GET", "POST"], name="oauth_authorize")
    app.add_route(sign_in.go_on, _CONTINUE, methods=["POST"], name="oauth_authorize_continue")
