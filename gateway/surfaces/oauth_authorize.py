"""The authorisation endpoint: the subscriber proves a phone number, sees what a partner asks for, and says yes or no.

Sources: RFC 6749 §4.1.1 and §4.1.2, RFC 9207, RFC 9700, OpenID Connect Core 1.0 §3.1.2.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode

import msgspec
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
from auth.principal import Principal
from gateway.capabilities.grants import GRANTABLE, GRANTS_PAGE, OPENID, not_grantable, visitor
from gateway.capabilities.partners import Partner, Partners
from gateway.errors import GatewayError
from gateway.platform import Platform
from gateway.surfaces.oauth_http import fields
from gateway.surfaces.oauth_number import NumberPage, ShowPage, Visit
from gateway.surfaces.oauth_transaction import Transaction, TransactionRefused
from gateway.surfaces.rest import Server

PATH = "/oauth/authorize"
_CONTINUE = f"{PATH}/continue"
_TO_CLIENT = {"cache-control": "no-store", "referrer-policy": "no-referrer"}
_ANSWER_LASTS = 60


class Asked(msgspec.Struct, frozen=True):
    """What a partner asks the subscriber for."""

    request: AuthorizationRequest
    partner: str
    """The partner's name."""


class SignIn(NumberPage[Asked]):
    """The sign-in page."""

    def __init__(self, platform: Platform, show: ShowPage, language: Callable[[Request[Any, Any]], str]) -> None:
        super().__init__(
            platform, show, language, path=PATH, purpose="tuila.sign-in.v1", template="sign_in.html",
            kind=Transaction[Asked],
        )  # fmt: skip
        self._issuer = platform.settings.public_url
        self._partners = platform.parts.get(Partners)

    def visitor(self, transaction: Transaction[Asked]) -> Principal:
        """Who stands at the page."""
        client_id = transaction.about.request.client_id
        return visitor(transaction.id, client_id, transaction.ends_at, "grants:approve")

    async def begin(self, request: Request[Any, Any]) -> HTTPResponse:
        """Take down a partner's request and ask for a phone number."""
        given = fields(request) if request.method == "POST" else dict(request.get_args(keep_blank_values=True))
        try:
            await self.refuse_hurry(request)
            client_id, redirect = only(given, "client_id"), only(given, "redirect_uri")
            partner = await self._partner(client_id, redirect)
        except Visit as shown:
            return shown.response
        except AddressRefused as error:
            return self.stop(request, str(error), 400)
        try:
            asked = read(given, client_id, redirect)
            beyond = not_grantable(asked.scopes, partner.scopes)
            if beyond:
                raise RequestRefused("invalid_scope", f"not for this client: {' '.join(beyond)}")
        except RequestRefused as error:
            return self._to_client(redirect, state_of(given), error=error.code, error_description=error.description)
        transaction, cookie = self.transactions.begin(Asked(asked, partner.name), request, self.clock())
        query = urlencode([(name, one) for name, values in given.items() if name != "lang" for one in values])
        page = self.page(request, transaction, "phone", query=query if request.method != "POST" else "")
        return self.transactions.set_cookie(page, cookie)

    async def go_on(self, request: Request[Any, Any]) -> HTTPResponse:
        """Take the next step that a form of the page asks for."""
        try:
            transaction = self.transactions.resume(request, self.clock())
            await self._partner(transaction.about.request.client_id, transaction.about.request.redirect_uri)
        except TransactionRefused as error:
            return self.stop(request, str(error), 403)
        except AddressRefused as error:
            return self.stop(request, str(error), 400)
        return await self.take(request, transaction, {"approve": self._approve, "deny": self._deny})

    async def _partner(self, client_id: str, redirect: str) -> Partner:
        partner = await self._partners.get(client_id)
        if partner is None or partner.suspended or not redirect_uri.allows(partner.redirect_uris, redirect):
            raise AddressRefused("client or redirect URI not registered")
        return partner

    async def proved(self, request: Request[Any, Any], transaction: Transaction[Asked], phone: str) -> HTTPResponse:
        """What the partner asks for."""
        return self.page(request, transaction, "consent", sent_to=phone)

    async def _approve(self, request: Request[Any, Any], transaction: Transaction[Asked]) -> HTTPResponse:
        asked = transaction.about.request
        ticked = {OPENID, *fields(request).get("scope", ())}
        granted = [scope for scope in asked.scopes if scope in ticked]
        if not granted:
            return await self._deny(request, transaction)
        said_yes, went_to = f"sign-in:{transaction.id}:yes", f"sign-in:{transaction.id}:answer"
        if not await self.hot.add(said_yes, b"1", _ANSWER_LASTS):  # pressed twice: both get the one answer
            first = await self.hot.wait(went_to, 5)
            if first is None:
                return self.stop(request, "answered before", 409)
            return self._redirect(self.box.open(first, transaction.id.encode()).decode())
        try:
            approved = await self.call(
                request, transaction, "grants.approve", client_id=asked.client_id, redirect_uri=asked.redirect_uri,
                asked=list(asked.scopes), granted=granted, code_challenge=asked.challenge, nonce=asked.nonce,
            )  # fmt: skip
        except GatewayError:
            await self.hot.delete(said_yes)
            raise
        url = answer(asked.redirect_uri, self._issuer, asked.state, code=approved.code)
        await self.hot.put(went_to, self.box.seal(url.encode(), transaction.id.encode()), _ANSWER_LASTS)
        return self._redirect(url)

    async def _deny(self, request: Request[Any, Any], transaction: Transaction[Asked]) -> HTTPResponse:
        await self.leave(request, transaction)
        asked = transaction.about.request
        return self._to_client(
            asked.redirect_uri, asked.state, error="access_denied", error_description="the subscriber said no"
        )

    def page(
        self,
        request: Request[Any, Any],
        transaction: Transaction[Asked],
        step: str,
        *,
        status: int = 200,
        **values: Any,
    ) -> HTTPResponse:
        """The page at a step."""
        asked = transaction.about.request
        shown = {"problem": "", "phone": "", "sent_to": "", "query": ""} | values
        return self.show(
            request, self.template, status=status, form_action=f"'self' {redirect_uri.origin(asked.redirect_uri)}",
            step=step, partner=transaction.about.partner, action=_CONTINUE, grants_page=GRANTS_PAGE,
            transaction=self.transactions.sealed(transaction), scopes=_shown_scopes(asked), **shown,
        )  # fmt: skip

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


def mount(app: Server, platform: Platform, show: ShowPage, language: Callable[[Request[Any, Any]], str]) -> None:
    """Serve the authorisation endpoint and the steps of its page."""
    sign_in = SignIn(platform, show, language)
    app.add_route(sign_in.begin, PATH, methods=["GET", "POST"], name="oauth_authorize")
    app.add_route(sign_in.go_on, _CONTINUE, methods=["POST"], name="oauth_authorize_continue")
