"""The platform put together from its parts, without any surface: what the gateway, a worker and a test all start from."""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import structlog

from adapters.boss.fake import FakeBoss
from adapters.boss.protocol import Boss
from adapters.camara.protocol import NumberWatch
from adapters.sms.fake import FakeSms
from adapters.sms.protocol import Sms
from adapters.webhooks.fake import FakeWebhooks
from adapters.webhooks.protocol import WebhookPost
from auth import one_time_code
from auth.keys import KeyRing
from auth.order_link import OrderLink
from auth.phone_number import PhoneVault
from auth.secret_box import SecretBox
from auth.tokens import TokenIssuer, TokenVerifier
from config.settings import Settings
from gateway import audit, idempotency
from gateway.bulk.bookings import Bookings
from gateway.capabilities import partner_account
from gateway.capabilities.bindings import CodeSender, binding_capabilities
from gateway.capabilities.bindings.capability import CodeRules
from gateway.capabilities.consents import consent_capabilities
from gateway.capabilities.events import EventFeed, Sequencer, event_capabilities
from gateway.capabilities.events import repository as event_records
from gateway.capabilities.exchange import OrderFileFolder, OrderFileRunner, exchange_capabilities
from gateway.capabilities.grants import GrantRules, LiveGrants, SignInEnder, grant_capabilities
from gateway.capabilities.grants.repository import delete_expired as delete_expired_grant_tokens
from gateway.capabilities.greylist import GreyList, greylist_capabilities
from gateway.capabilities.numbers import NumberChecks, NumberSweep
from gateway.capabilities.numbers.sweeping import LOOKS as SWEEP_LOOKS
from gateway.capabilities.offers.capability import offers as offer_capabilities
from gateway.capabilities.offers.live import LiveCatalog
from gateway.capabilities.onboarding import application_capabilities
from gateway.capabilities.orders import Fulfilment, PartnerRefs, order_capabilities, subscription_capabilities
from gateway.capabilities.partner_account import partner_account_capabilities
from gateway.capabilities.partners import Partners, partner_capabilities
from gateway.capabilities.recommendations.capability import recommendations as recommendation_capabilities
from gateway.capabilities.recommendations.live import LiveRanker
from gateway.capabilities.reconciliation import Reconciler, Repairs, reconciliation_capabilities
from gateway.capabilities.sandbox import (
    SandboxBackEnd,
    SandboxChannel,
    SandboxDeliveryFaults,
    SandboxSms,
    delete_old_sandbox_rows,
    sandbox_capabilities,
)
from gateway.capabilities.sessions import session_capabilities
from gateway.capabilities.subjects import Subjects, SubscriberAccounts
from gateway.capabilities.watch import Watch, watch_capabilities
from gateway.capabilities.webhooks import (
    Formats,
    WebhookDispatcher,
    WebhookSecrets,
    delete_old_deliveries,
    standard,
    webhook_capabilities,
)
from gateway.capability import Capability, CapabilitySet, Parts, catalogue
from gateway.invoke import Invoker
from gateway.kit.clock import Clock, utc_now
from gateway.kit.garbage import settle
from gateway.kit.ids import Ids
from gateway.messages import Channel, Sender
from gateway.quota import CountedQuota
from gateway.signing_keys import LiveSigningKeys
from gateway.standards.listeners import listener_formats
from gateway.store import Store, StoreUnavailable, open_store
from gateway.store.hot import HotState, open_hot_state
from gateway.store.outbox import Handler, OutboxWorker, RetryPolicy

CATALOG_FILES = Path(__file__).parent.parent / "config" / "catalog"

SETS: tuple[CapabilitySet, ...] = (
    offer_capabilities,
    recommendation_capabilities,
    order_capabilities,
    subscription_capabilities,
    binding_capabilities,
    consent_capabilities,
    session_capabilities,
    partner_capabilities,
    application_capabilities,
    partner_account_capabilities,
    event_capabilities,
    grant_capabilities,
    watch_capabilities,
    greylist_capabilities,
    exchange_capabilities,
    webhook_capabilities,
    reconciliation_capabilities,
    sandbox_capabilities,
)
"""Everything the platform can do."""

_log = structlog.get_logger("platform")


@dataclass(frozen=True)
class Outside:
    """The outside systems as the platform reaches them."""

    boss: Boss
    sms: Sms
    channels: Mapping[str, Channel] = field(default_factory=dict)
    """Channel name → how to reach an account of it unasked."""
    webhooks: WebhookPost = field(default_factory=FakeWebhooks)
    numbers: NumberWatch | None = None
    """Who knows of numbers that changed hands; None: nothing is checked."""

    @classmethod
    def nowhere(cls) -> Outside:
        """Outside systems in memory, for work that reaches none of them."""
        return cls(FakeBoss(), FakeSms())


class Platform:
    """Store, hot state, capabilities, workers and what keeps them fresh."""

    def __init__(
        self,
        settings: Settings,
        outside: Outside,
        *,
        sets: Iterable[CapabilitySet] = SETS,
        store: Store | None = None,
        hot: HotState | None = None,
        catalog: LiveCatalog | None = None,
        clock: Clock = utc_now,
        ids: Callable[[], str] | None = None,
        generate_code: Callable[[], str] = one_time_code.generate,
        retry: RetryPolicy | None = None,
    ) -> None:
        self.settings = settings
        self.outside = outside
        self.clock = clock
        self.ids = ids or Ids(clock)
        self.store = store or open_store(settings.database_url.get_secret_value())
        redis = settings.redis_url
        self.hot = hot or open_hot_state(None if redis is None else redis.get_secret_value())
        self.keys = KeyRing.load_or_create(settings.key_file, environment=settings.environment, given=settings.keys)
        self.vault: PhoneVault = self.keys.phone_vault()
        self.sandbox_channel = SandboxChannel(self.store, clock)
        self.order_links = self.keys.order_links()
        self.catalog = catalog or LiveCatalog.with_words_of(CATALOG_FILES)
        self.ranker = LiveRanker()
        self.catalog.on_change(self.ranker.use_catalog)
        self.partners = Partners(self.store, self.keys.signing_key_box(), clock)
        self.feed = EventFeed(self.store)
        self.sequencer = Sequencer(self.store, self.feed)
        self.watch = Watch(self.store, settings.watch, clock, self.ids)
        self.capabilities: dict[str, Capability] = catalogue(*sets)
        self.parts = self._parts(generate_code)
        self.signing_keys = LiveSigningKeys(
            settings, self.keys, self.parts.get(TokenIssuer), self.parts.get(TokenVerifier), clock
        )
        self.invoke = Invoker(
            self.capabilities, store=self.store, subjects=Subjects(self.store, clock),
            quota=CountedQuota(self.hot, settings.limits.quotas, self.partners), sandboxes=self.partners, parts=self.parts, clock=clock,
            ids=self.ids,
        )  # fmt: skip
        self.parts.add(self.invoke)  # for capabilities that are many calls of others
        self.handlers: dict[str, Handler] = self._handlers()
        self._exchange()
        self.webhooks = WebhookDispatcher(
            self.store, self.feed, self.outside.webhooks, self.parts.get(Formats), self.parts.get(WebhookSecrets),
            SandboxDeliveryFaults(self.store, self.partners), clock=clock, ids=self.ids, owner=self.ids(),
            lease=settings.webhooks.lease, waits=settings.webhooks.waits,
        )  # fmt: skip
        work = settings.worker
        self._retry = retry or RetryPolicy(work.retry_first, work.retry_longest, work.attempts)
        self._tasks: list[asyncio.Task[None]] = []

    def _parts(self, generate_code: Callable[[], str]) -> Parts:
        url, keys, sealing = self.settings.public_url, self.keys, self.keys.sealing
        issuer = TokenIssuer(keys.signing_keys(self.clock()), issuer=url, audience=url)
        code_box = SecretBox(sealing.keys, sealing.current, purpose="tuila.code-message.v1")
        limits = self.settings.limits.codes
        sms = SandboxSms(self.outside.sms, self.store, self.vault, self.sandbox_channel)
        code_sender = CodeSender(sms, code_box, limits.lifetime, self.clock)
        webhook_box = SecretBox(sealing.keys, sealing.current, purpose="tuila.webhook-secret.v1")
        return Parts(
            self.settings, self.store, self.vault, self.catalog, self.ranker, self.partners, code_sender,
            CodeRules(limits, keys.code_pepper, generate_code), issuer,
            TokenVerifier(issuer.jwks(), issuer=url, audience=url), PartnerRefs(self.store), self.feed,
            LiveGrants(self.store, self.clock),
            GrantRules(keys.phone_hash, self.settings.grant_ttl, self.settings.refresh_idle_ttl),
            self._formats(), WebhookSecrets(webhook_box),
            self.watch, GreyList(self.store),
        )  # fmt: skip

    def _formats(self) -> Formats:
        """What a webhook delivery may look like."""
        url, locale = self.settings.public_url, self.settings.locale
        return Formats({"standard": standard, **listener_formats(self.store, self.catalog, url, locale)})

    def _exchange(self) -> None:
        folder = OrderFileFolder(self.settings.data_dir)
        self.parts.add(folder)
        self.order_files = OrderFileRunner(
            self.store, self.invoke, self.partners, folder, self.settings.exchange, self.clock
        )
        self.handlers.update(self.order_files.handlers())
        self.reconciler = Reconciler(
            self.store, self.outside.boss, self.settings.data_dir, clock=self.clock, ids=self.ids
        )
        self.bookings = Bookings(
            self.store, self.parts.get(Fulfilment), self.settings.data_dir / "bookings", clock=self.clock, ids=self.ids
        )

    def _handlers(self) -> dict[str, Handler]:
        rules = self.settings.number_checks
        checks = NumberChecks(
            self.store, self.outside.numbers, self.vault, rules, clock=self.clock, ids=self.ids, chance=random.random
        )
        self.number_sweep = NumberSweep(self.store, self.hot, checks, rules, self.clock)
        fulfilment = Fulfilment(
            self.store, self.outside.boss, SandboxBackEnd(self.store, self.clock), self.catalog, self.vault,
            clears=checks.clears, clock=self.clock, ids=self.ids,
        )  # fmt: skip
        self.parts.add(fulfilment)
        self.parts.add(Repairs(self.store, self.outside.boss, fulfilment))
        sender = Sender(
            {**self.outside.channels, "sandbox": self.sandbox_channel}, SubscriberAccounts(self.store, self.vault), lambda account: self.settings.locale,
            self._order_page,
        )  # fmt: skip
        code_sender = self.parts.get(CodeSender)
        ender = SignInEnder(self.store, self.clock)
        return {**fulfilment.handlers(), **sender.handlers(), **code_sender.handlers(), **ender.handlers()}

    def _order_page(self, account: str) -> str:
        """Address of the page on which the holder of a link answers an order."""
        return f"{self.settings.public_url.rstrip('/')}/c/{self.order_links.token(OrderLink.of(account))}"

    async def start(self, *, work: bool = True) -> None:
        """Read catalog and model, and keep both fresh; with `work`, also do what the outbox holds, number events,
        send webhooks and seal the audit.
        """
        await self.refresh()
        settle()
        self._tasks.append(asyncio.create_task(self._repeat(self.refresh, seconds=2)))
        if work:
            self._tasks.append(asyncio.create_task(self.worker().run()))
            self._tasks.append(asyncio.create_task(self.sequencer.run()))
            self._tasks.append(asyncio.create_task(self.webhooks.run()))
            self._tasks.append(asyncio.create_task(self._repeat(self.tidy, seconds=2)))
            self._tasks.append(asyncio.create_task(self._repeat(self.watch.look, seconds=5)))
            self._tasks.append(asyncio.create_task(self._repeat(self.order_files.tidy, seconds=60)))
            self._tasks.append(asyncio.create_task(self._repeat(self._hand_bookings_over, seconds=600)))
            if self.settings.boss is not None:  # a fake in memory keeps no books
                self._tasks.append(asyncio.create_task(self._repeat(self.reconciler.run_yesterday, seconds=600)))
            if self.outside.numbers is not None:
                self._tasks.append(asyncio.create_task(self._repeat(self.number_sweep.sweep, seconds=SWEEP_LOOKS)))

    async def _hand_bookings_over(self) -> None:
        await self.bookings.hand_over_daily(self.settings.exchange.booked_form)

    def worker(self) -> OutboxWorker:
        """A worker over every kind of owed work."""
        return OutboxWorker(
            self.store, self.handlers, clock=self.clock, policy=self._retry, lease=self.settings.worker.lease
        )

    async def refresh(self) -> None:
        """Take over a changed catalog, model or signing key."""
        await self.signing_keys.refresh()
        await self.catalog.refresh(self.store)
        await self.ranker.refresh(self.store)

    async def tidy(self) -> None:
        """Seal the audit log; drop answers, events, deliveries, codes, refresh tokens and the sandbox's rows whose
        time is over.
        """
        await self.store.write(audit.seal, partner_account.count_calls)
        now = self.clock()
        await self.store.write(idempotency.delete_expired, now, 1000)
        await self.store.write(event_records.delete_old, now - event_records.KEPT_FOR, 1000)
        await self.store.write(partner_account.delete_old, now - partner_account.KEPT_FOR)
        await self.store.write(delete_expired_grant_tokens, now, 1000)
        await self.store.write(delete_old_deliveries, now - event_records.KEPT_FOR, 1000)
        await self.store.write(delete_old_sandbox_rows, now, 1000)

    async def _repeat(self, act: Callable[[], Awaitable[object]], seconds: float) -> None:
        while True:
            await asyncio.sleep(seconds * random.uniform(0.8, 1.2))  # noqa: S311 - jitter, not a secret
            try:
                await act()
            except StoreUnavailable as error:
                _log.warning("store unavailable", error=str(error))
            except Exception:  # noqa: BLE001 - housekeeping goes on at the next turn
                _log.exception("housekeeping failed", task=act.__name__)

    async def close(self) -> None:
        """Stop working, write what is still to be written, let go of everything."""
        for task in self._tasks:
            task.cancel()
        for task in self._tasks:
            with contextlib.suppress(asyncio.CancelledError):
                await task
        await self.feed.close()
        await self.hot.close()
        await self.store.close()
