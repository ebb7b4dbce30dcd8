"""The page behind the link of a text message: one order, yes or no. It works without a script.

To open it changes nothing, so that programs which look at links order nothing. The answer is a POST that carries a seal
from the page, and comes from the page's own origin. Who answers is the holder of the link (`auth.order_link`), with the
scope to say yes or no to that one order and to read it.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from typing import Any
from urllib.parse import urlsplit

from sanic import Request, Sanic
from sanic.response import HTTPResponse, redirect

from auth.order_link import OrderLink, OrderLinks
from auth.principal import Principal
from config.settings import Settings
from gateway.capabilities.offers import LiveCatalog, Offer
from gateway.capabilities.orders import Gift, GiftPage, Order, words
from gateway.errors import GatewayError, TooManyRequests
from gateway.invoke import Call, Invoker
from gateway.store.hot import HotState
from widgets.pages import language, page

SCOPES = frozenset({"orders:confirm", "orders:read"})
_CHINA = timezone(timedelta(hours=8), "Asia/Shanghai")
_PER_MINUTE = 30
"""Requests one network address may make here in a minute: who guesses tokens does not get far."""

_STATES = {
    "awaiting_recipient": (
        "已确认，等待对方接受，24小时内可被拒绝。",
        "Confirmed. The recipient may refuse within 24 hours.",
    ),
    "accepted": (
        "已确认，正在办理，完成后短信通知您。",
        "Confirmed. It is being set up; you will hear when it is done.",
    ),
    "booked": ("已确认并预约，办妥后通知您。", "Confirmed and booked; you will hear when it is done."),
    "completed": ("已办理完成。", "Done."),
    "failed": ("办理未成功，未扣费。", "It did not succeed; nothing was charged."),
    "cancelled": ("已取消，不会扣费。", "Cancelled; nothing will be charged."),
    "expired": ("确认已超时，未办理，未扣费。", "The confirmation ran out; nothing was charged."),
}
_BEING_DONE = ("已确认，正在办理。", "Confirmed; it is being set up.")
_ANSWERED = ("该赠送已处理。", "This gift has been dealt with.")


@dataclass(frozen=True, slots=True)
class Shown:
    """What the page tells of an order."""

    open: bool
    name: str
    state: str
    question: str = ""
    price: str = ""
    how_to_cancel: str = ""
    version: int = 0
    seal: str = ""
    until: datetime | None = None
    until_words: str = ""


def mount(
    app: Sanic[Any, Any], settings: Settings, invoke: Invoker, links: OrderLinks, catalog: LiveCatalog, hot: HotState
) -> None:
    """Serve the page at /c/TOKEN."""
    own_origin = "{0.scheme}://{0.netloc}".format(urlsplit(settings.public_url))
    pages = _Pages(invoke, links, catalog)

    async def show(request: Request[Any, Any], token: str) -> HTTPResponse:
        if (problem := await _too_many(request, hot)) is not None:
            return page(request, "order.html", status=429, shown=None, problem=problem)
        link = links.read(token)
        shown = None if link is None else await pages.shown(link, token, language(request))
        return page(request, "order.html", status=404 if shown is None else 200, shown=shown, problem=None)

    async def answer(request: Request[Any, Any], token: str) -> HTTPResponse:
        lang = language(request)
        if (problem := await _too_many(request, hot)) is not None:
            return page(request, "order.html", status=429, shown=None, problem=problem)
        link = links.read(token)
        if link is None:
            return page(request, "order.html", status=404, shown=None, problem=None)
        version, chosen = _form(request, "version"), _form(request, "answer")
        sealed = (
            version.isdigit() and len(version) < 6 and links.is_form_seal(token, int(version), _form(request, "seal"))
        )
        if not sealed or chosen not in ("yes", "no") or not _is_own_page(request, own_origin):
            problem = _say(("请在本页上重新选择。", "Please choose again on this page."), lang)
            shown = await pages.shown(link, token, lang)
            return page(request, "order.html", status=403, shown=shown, problem=problem)
        try:
            await pages.answer(link, int(version), chosen == "yes", lang)
        except GatewayError as error:
            shown = await pages.shown(link, token, lang)
            return page(request, "order.html", status=error.status, shown=shown, problem=error.words(lang))
        return redirect(f"/c/{token}?lang={lang}", status=303, headers={"cache-control": "no-store"})

    app.add_route(show, "/c/<token:str>", methods=["GET", "HEAD"], name="order_page")
    app.add_route(answer, "/c/<token:str>", methods=["POST"], name="order_page_answer")


class _Pages:
    def __init__(self, invoke: Invoker, links: OrderLinks, catalog: LiveCatalog) -> None:
        self._invoke = invoke
        self._links = links
        self._catalog = catalog

    async def shown(self, link: OrderLink, token: str, lang: str) -> Shown | None:
        """What the page tells; None if there is nothing to tell."""
        try:
            if link.purpose == "gift":
                return await self._gift(link, token, lang)
            order: Order = await self._call(link, "orders.get", {"id": link.order_id}, lang)
        except GatewayError:
            return None
        offer = self._catalog.current.by_code.get(order.offer)
        if order.state != "awaiting_confirmation" or offer is None:
            return Shown(False, order.name, _say(_STATES.get(order.state, _BEING_DONE), lang))
        replaces = None if order.replaces is None else self._catalog.current.by_code.get(order.replaces)
        question = words.question(offer, order.action, replaces, order.recipient)
        price = words.price(order.price_fen, order.period, lang)
        return self._open(
            token, order.version, order.name, question, price, _how_to_cancel(offer, lang), order.confirm_by, lang
        )

    async def answer(self, link: OrderLink, version: int, yes: bool, lang: str) -> None:
        """Give the answer of the link's holder, to the version that the page showed."""
        if link.purpose == "gift":
            await self._call(link, "orders.answer_gift", {"id": link.order_id, "accept": yes}, lang, version)
        else:
            verb = "confirm" if yes else "refuse"
            await self._call(link, f"orders.{verb}", {"id": link.order_id}, lang, version)

    async def _gift(self, link: OrderLink, token: str, lang: str) -> Shown:
        found: GiftPage = await self._call(link, "orders.list_gifts", {}, lang)
        for gift in found.items:
            return self._open_gift(gift, token, lang)
        return Shown(False, _say(("赠送", "A gift"), lang), _say(_ANSWERED, lang))

    def _open_gift(self, gift: Gift, token: str, lang: str) -> Shown:
        question = {
            "zh": f"有人送您「{gift.name}」，费用由对方支付。要接受吗？",
            "en": f"Somebody gives you {gift.name} and pays for it. Do you want it?",
        }
        free = _say(("您无需付费", "You pay nothing"), lang)
        offer = self._catalog.current.by_code[gift.offer]
        return self._open(
            token, gift.version, gift.name, question, free, _how_to_cancel(offer, lang), gift.refuse_by, lang
        )

    def _open(
        self, token: str, version: int, name: str, question: dict[str, str], price: str, how_to_cancel: str,
        until: datetime | None, lang: str,
    ) -> Shown:  # fmt: skip
        return Shown(
            True, name, "", question["en" if lang == "en" else "zh"], price, how_to_cancel, version,
            self._links.form_seal(token, version), until,
            "" if until is None else f"{until.astimezone(_CHINA):%Y-%m-%d %H:%M}",
        )  # fmt: skip

    async def _call(
        self, link: OrderLink, capability: str, fields: dict[str, Any], lang: str, version: int | None = None
    ) -> Any:
        principal = Principal("session", link.account, SCOPES, account=link.account, order_id=link.order_id)
        expected = None if version is None else frozenset([version])
        return await self._invoke(Call(capability, principal, fields, channel="page", locale=lang, expected=expected))


async def _too_many(request: Request[Any, Any], hot: HotState) -> str | None:
    if await hot.count(f"order-page:{request.ip}", 60) <= _PER_MINUTE:
        return None
    return TooManyRequests().words(language(request))


def _is_own_page(request: Request[Any, Any], own_origin: str) -> bool:
    """Whether the form was sent by a page of ours, as far as the browser says."""
    site = request.headers.get("sec-fetch-site", "same-origin")
    origin = request.headers.get("origin")
    return site == "same-origin" and (origin is None or origin in (own_origin, f"{request.scheme}://{request.host}"))


def _how_to_cancel(offer: Offer, lang: str) -> str:
    return offer.cancel_rule.en if lang == "en" else offer.cancel_rule.zh


def _form(request: Request[Any, Any], name: str) -> str:
    form = request.form
    return "" if form is None else str(form.get(name, ""))


def _say(texts: tuple[str, str], lang: str) -> str:
    return texts[lang == "en"]
