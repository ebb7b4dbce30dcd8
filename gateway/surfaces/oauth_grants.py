"""The page on which a subscriber sees what was granted to which partner, and ends it: for whoever has a phone and no chat."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import Any

from sanic import Request
from sanic.response import HTTPResponse

from auth.principal import Principal
from gateway.capabilities.grants import GRANTS_PAGE, GrantNotFound, visitor
from gateway.platform import Platform
from gateway.surfaces.oauth_number import NumberPage, ShowPage, Visit, typed
from gateway.surfaces.oauth_transaction import Transaction, TransactionRefused
from gateway.surfaces.rest import Server

_CONTINUE = f"{GRANTS_PAGE}/continue"


class GrantsPage(NumberPage[None]):
    """The page, from a phone number to the list."""

    def __init__(self, platform: Platform, show: ShowPage, language: Callable[[Request[Any, Any]], str]) -> None:
        super().__init__(
            platform, show, language, path=GRANTS_PAGE, purpose="tuila.grants-page.v1", template="grants.html",
            kind=Transaction[None],
        )  # fmt: skip

    def visitor(self, transaction: Transaction[None]) -> Principal:
        """Who stands at the page."""
        return visitor(transaction.id, None, transaction.ends_at, "grants:read", "grants:end")

    async def begin(self, request: Request[Any, Any]) -> HTTPResponse:
        """Ask for a phone number."""
        try:
            await self.refuse_hurry(request)
        except Visit as shown:
            return shown.response
        transaction, cookie = self.transactions.begin(None, request, self.clock())
        return self.transactions.set_cookie(self.page(request, transaction, "phone"), cookie)

    async def go_on(self, request: Request[Any, Any]) -> HTTPResponse:
        """Take the next step that a form of the page asks for."""
        try:
            transaction = self.transactions.resume(request, self.clock())
        except TransactionRefused as error:
            return self.stop(request, str(error), 403)
        return await self.take(request, transaction, {"end": self._end, "leave": self._leave})

    async def proved(self, request: Request[Any, Any], transaction: Transaction[None], phone: str) -> HTTPResponse:
        """The list."""
        given = await self.call(request, transaction, "grants.list_given")
        return self.page(request, transaction, "list", given=given.items)

    async def _end(self, request: Request[Any, Any], transaction: Transaction[None]) -> HTTPResponse:
        client_id = typed(request, "client_id")
        given = (await self.call(request, transaction, "grants.list_given")).items
        with contextlib.suppress(GrantNotFound):  # pressed twice: it has ended
            await self.call(request, transaction, "grants.end_given", client_id=client_id)
        ended = "".join(one.name for one in given if one.client_id == client_id)
        left = [one for one in given if one.client_id != client_id]
        return self.page(request, transaction, "list", given=left, ended=ended)

    async def _leave(self, request: Request[Any, Any], transaction: Transaction[None]) -> HTTPResponse:
        await self.leave(request, transaction)
        return self.page(request, transaction, "left")

    def page(
        self, request: Request[Any, Any], transaction: Transaction[None], step: str, *, status: int = 200, **values: Any
    ) -> HTTPResponse:
        """The page at a step."""
        shown = {"problem": "", "phone": "", "sent_to": "", "given": [], "ended": ""} | values
        response = self.show(
            request, self.template, status=status, form_action="'self'", step=step, action=_CONTINUE,
            transaction=self.transactions.sealed(transaction), **shown,
        )  # fmt: skip
        response.headers["cache-control"] = "no-store"
        return response


def mount(app: Server, platform: Platform, show: ShowPage, language: Callable[[Request[Any, Any]], str]) -> None:
    """Serve the page and its steps."""
    grants = GrantsPage(platform, show, language)
    app.add_route(grants.begin, GRANTS_PAGE, methods=["GET", "HEAD"], name="oauth_grants")
    app.add_route(grants.go_on, _CONTINUE, methods=["POST"], name="oauth_grants_continue")
