"""A page of ours on which a person first proves a phone number by a one-time code.

Everything that has an effect is a capability, called as the visitor at the page.
"""

from __future__ import annotations

import contextlib
from abc import abstractmethod
from collections.abc import Awaitable, Callable, Iterator
from typing import Any, Generic, Protocol

from sanic import Request
from sanic.response import HTTPResponse

from auth.principal import Principal
from auth.secret_box import SecretBox
from gateway.capabilities.bindings import CodeRefused
from gateway.errors import GatewayError, TooManyRequests
from gateway.invoke import Call
from gateway.platform import Platform
from gateway.surfaces.oauth_http import field
from gateway.surfaces.oauth_transaction import About, Transaction, Transactions

Step = Callable[[Request[Any, Any], Transaction[About]], Awaitable[HTTPResponse]]


class ShowPage(Protocol):
    """Draws a page of ours in the browser's language."""

    def __call__(
        self, request: Request[Any, Any], template: str, *, status: int, form_action: str, **values: Any
    ) -> HTTPResponse:
        """The page; `form_action` is where its forms may lead, redirects among it."""


class Visit(Exception):
    """Ends a step with a page."""

    def __init__(self, response: HTTPResponse) -> None:
        super().__init__()
        self.response = response


class NumberPage(Generic[About]):
    """The steps that such pages share: a code is sent, and answered. What follows is `proved`."""

    def __init__(
        self, platform: Platform, show: ShowPage, language: Callable[[Request[Any, Any]], str], *,
        path: str, purpose: str, template: str, kind: type[Transaction[About]],
    ) -> None:  # fmt: skip
        """`path` is where the page is, `purpose` tells its sealed forms from those of other pages."""
        sealing = platform.keys.sealing
        self.box = SecretBox(sealing.keys, sealing.current, purpose=purpose)
        self.transactions = Transactions(self.box, platform.settings.public_url, platform.ids, path, kind)
        self.clock = platform.clock
        self.hot = platform.hot
        self.language = language
        self.show = show
        self.template = template
        self._starts_a_minute = platform.settings.limits.quotas.anonymous_per_minute
        self._invoke = platform.invoke

    @abstractmethod
    def visitor(self, transaction: Transaction[About]) -> Principal:
        """Who stands at the page."""

    @abstractmethod
    def page(
        self,
        request: Request[Any, Any],
        transaction: Transaction[About],
        step: str,
        *,
        status: int = 200,
        **values: Any,
    ) -> HTTPResponse:
        """The page at a step: `phone`, `code`, or one of its own."""

    @abstractmethod
    async def proved(self, request: Request[Any, Any], transaction: Transaction[About], phone: str) -> HTTPResponse:
        """What follows once the number, shown masked, was proved."""

    async def refuse_hurry(self, request: Request[Any, Any]) -> None:
        """Let an address begin only so many visits a minute.

        Raises:
            Visit: it began more.
        """
        minute = int(self.clock().timestamp()) // 60
        if await self.hot.count(f"sign-in:{request.ip}:{minute}", 61) > self._starts_a_minute:
            raise Visit(self.stop(request, TooManyRequests(), 429))

    async def take(
        self, request: Request[Any, Any], transaction: Transaction[About], steps: dict[str, Step[About]]
    ) -> HTTPResponse:
        """Take the step that the pressed button names."""
        every: dict[str, Step[About]] = {"send": self._send, "verify": self._verify, **steps}
        step = every.get(typed(request, "do"))
        if step is None:
            return self.page(request, transaction, "phone")
        try:
            return await step(request, transaction)
        except Visit as shown:
            return shown.response
        except GatewayError as error:
            return self.stop(request, error, error.status)

    async def _send(self, request: Request[Any, Any], transaction: Transaction[About]) -> HTTPResponse:
        phone = typed(request, "phone")
        with self.shown_on(request, transaction, "phone", phone=phone):
            sent = await self.call(request, transaction, "bindings.request_code", phone=phone)
        return self.page(request, transaction, "code", phone=phone, sent_to=sent.to)

    async def _verify(self, request: Request[Any, Any], transaction: Transaction[About]) -> HTTPResponse:
        phone = typed(request, "phone")
        with self.shown_on(request, transaction, "code", phone=phone, sent_to=typed(request, "sent_to")):
            try:
                await self.call(request, transaction, "bindings.confirm_code", code=typed(request, "code"))
            except CodeRefused as error:
                if error.extra.get("outcome") != "used":  # sent twice: this visit has proved the number already
                    raise
        seen = await self.call(request, transaction, "grants.consider")
        return await self.proved(request, transaction, seen.phone)

    async def leave(self, request: Request[Any, Any], transaction: Transaction[About]) -> None:
        """End the binding that only served the page."""
        with contextlib.suppress(GatewayError):  # nothing to end where no number was proved
            await self.call(request, transaction, "bindings.end")

    async def call(
        self, request: Request[Any, Any], transaction: Transaction[About], capability: str, **fields: Any
    ) -> Any:
        """What a capability answers to the visitor."""
        visitor = self.visitor(transaction)
        return await self._invoke(Call(capability, visitor, fields, channel="sign-in", locale=self.language(request)))

    @contextlib.contextmanager
    def shown_on(
        self, request: Request[Any, Any], transaction: Transaction[About], step: str, **values: Any
    ) -> Iterator[None]:
        """Tell a refusal on the page of that step."""
        try:
            yield
        except GatewayError as error:
            words = error.words(self.language(request))
            raise Visit(self.page(request, transaction, step, status=error.status, problem=words, **values)) from error

    def stop(self, request: Request[Any, Any], reason: str | GatewayError, status: int) -> HTTPResponse:
        """A page that leads nowhere: who asks cannot be told, or must not be."""
        words = reason if isinstance(reason, str) else reason.words(self.language(request))
        return self.show(
            request, self.template, status=status, form_action="'none'", step="stop", problem=words, query=""
        )


def typed(request: Request[Any, Any], name: str) -> str:
    """What stands in a field of the form, the beginning of it."""
    return field(request, name)[:100]
