"""One turn of a conversation: a message, what is remembered, and the way to the capabilities."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Any

import msgspec

from auth.principal import Principal
from bots import words
from bots.conversation import Choice, Incoming, Intent, Reply, State
from gateway.capabilities.offers import Catalog, Offer
from gateway.capabilities.orders.words import price
from gateway.capabilities.sessions import SESSION_SCOPES
from gateway.invoke import Call

Invoke = Callable[[Call], Awaitable[Any]]


_SCOPES = SESSION_SCOPES | {"grants:read", "grants:end"}
"""A chat is with us. A web session runs on a partner's page, which must not learn of other partners."""


class Turn:
    """What a skill works with. It answers in words, and `remember`s what the next turn needs."""

    __slots__ = ("_invoke", "_principal", "catalog", "incoming", "intent", "locale", "now", "state", "then")

    def __init__(
        self, invoke: Invoke, catalog: Catalog, incoming: Incoming, state: State, intent: Intent, now: datetime
    ) -> None:
        self._invoke = invoke
        self._principal = Principal("account", incoming.account, _SCOPES, account=incoming.account)
        self.catalog = catalog
        self.incoming = incoming
        self.state = state
        self.intent = intent
        self.locale = state.locale or incoming.locale
        self.now = now
        self.then: Intent | None = None
        """What to go on with after this skill, in the same message."""

    async def ask(self, capability: str, request: msgspec.Struct) -> Any:
        """What the capability answers to this person. A repeated message repeats no effect.

        Raises:
            GatewayError: as the capability declares.
        """
        incoming = self.incoming
        return await self._invoke(
            Call(
                capability,
                self._principal,
                request,
                channel=incoming.channel,
                locale=self.locale,
                idempotency_key=f"{incoming.message_id}:{capability}",
            )
        )

    def remember(self, **changes: Any) -> None:
        """Change what is remembered."""
        self.state = msgspec.structs.replace(self.state, **changes)

    def say(self, key: str, **values: object) -> str:
        """One text of `bots.words` in the person's language."""
        return words.say(key, self.locale, **values)

    def reply(self, key: str, *choices: str, **values: object) -> Reply:
        """An answer of one text, with words to tap."""
        return Reply(words.say(key, self.locale, **values), self.choices(*choices))

    def choices(self, *keys: str) -> tuple[Choice, ...]:
        """Words to tap; `order:2` is the word for the second of a list."""
        return words.choices(keys, self.locale)

    def line(self, number: int, name: str, price_fen: int, period: str) -> str:
        """One numbered offer of a list."""
        return words.offer_line(number, name, price_fen, period, self.locale)

    def price(self, fen: int, period: str) -> str:
        """A price in words."""
        return price(fen, period, self.locale)

    def name_of(self, code: str) -> str:
        """An offer's name; the code where the catalog does not know it any more."""
        offer = self.catalog.by_code.get(code)
        return code if offer is None else offer.names.to(self.locale)

    def on_sale(self, text: str) -> list[Offer]:
        """The offers on sale now that a person means by these words, at most five."""
        return [offer for offer in self.catalog.find(text) if offer.on_sale_at(self.now)][:5]
