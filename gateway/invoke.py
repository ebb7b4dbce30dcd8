"""The one way in: authorise → quota → decode → idempotency → run → commit → encode → audit.

Every surface ends here, so that each of these is written once and cannot be forgotten. A capability reads, decides and
records changes on its unit; this module commits them together with the idempotency row and the audit row. When a
unique constraint says that somebody else was first, the capability runs again from its reads.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, NamedTuple, Protocol

import msgspec
import prometheus_client
import structlog
from sqlalchemy import Connection

from auth.policy import decide
from auth.principal import Principal
from gateway.audit import record_call
from gateway.capability import Capability, Context, Parts
from gateway.errors import (
    Conflict,
    Forbidden,
    GatewayError,
    Internal,
    KeyReused,
    MalformedRequest,
    NotFound,
    PreconditionFailed,
    TooManyRequests,
    Unauthenticated,
    Unavailable,
)
from gateway.idempotency import IdempotencyRecord, IdempotencyRecords, Key, keep
from gateway.kit.clock import Clock
from gateway.kit.ids import ids_of
from gateway.quota import Window
from gateway.store import Clash, Store, StoreUnavailable, Unit
from gateway.subject import SubjectRecord, SubjectResolver

_TRIES = 6
_log = structlog.get_logger("invoke")

_CALLS = prometheus_client.Counter("tuila_calls", "Calls by capability and outcome.", ("capability", "outcome"))


@dataclass(slots=True)
class Call:
    """One request to run a capability, as a surface hands it over."""

    capability: str
    principal: Principal
    payload: bytes | Mapping[str, Any] | msgspec.Struct
    """JSON bytes, a mapping of texts (query and path), or the request itself."""
    account: str | None = None
    """The account of the subject; None for the caller's own."""
    channel: str = "api"
    locale: str = "zh-CN"
    idempotency_key: str | None = None
    origin: str | None = None
    trace_id: str | None = None
    deadline: timedelta = timedelta(seconds=30)
    expected: frozenset[int] | None = None
    """Versions that the caller saw of what it means to change (If-Match); None: any."""
    is_part: bool = False
    """Whether it is one of many that a counted call makes: then it counts in the longest window alone."""
    windows: Sequence[Window] = ()
    """Set by the invoker: the windows of the quota that the call was counted in."""


class Quota(Protocol):
    """Counts calls against what the principal may make."""

    async def take(
        self, principal: Principal, now: datetime, *, is_part: bool = False, calls: int = 1
    ) -> Sequence[Window]:
        """The windows the call was counted in, as so many. If the last one is over, so is the quota."""


class Sandboxes(Protocol):
    """Knows which partners are sandboxes."""

    async def sandbox_of(self, partner_id: str | None) -> str | None:
        """The same id if it is a sandbox partner's; None for live ones and nobody."""


class Invoker:
    """Runs capabilities for principals."""

    def __init__(
        self,
        capabilities: Mapping[str, Capability],
        *,
        store: Store,
        subjects: SubjectResolver,
        quota: Quota,
        sandboxes: Sandboxes,
        parts: Parts,
        clock: Clock,
        ids: Callable[[], str],
    ) -> None:
        self.capabilities = capabilities
        self._store = store
        self._subjects = subjects
        self._quota = quota
        self._sandboxes = sandboxes
        self._parts = parts
        self._clock = clock
        self._ids = ids
        self._idempotency = IdempotencyRecords(store)
        self._answered = {name: _CALLS.labels(name, "ok") for name in capabilities}

    async def __call__(self, call: Call) -> Any:
        """The capability's answer.

        Raises:
            GatewayError: what the capability declared, or one of this module's own refusals.
        """
        capability = self.capabilities.get(call.capability)
        if capability is None:
            raise NotFound({"zh": f"没有名为 {call.capability} 的能力", "en": f"no capability {call.capability}"})
        context = self._context(call, self._clock())
        try:
            await self._authorise(capability, call, context)
            await self._take_quota(call, context)
            request = _decode(capability, call.payload)
            await self._take_parts(capability.parts(request), call, context)
            if call.expected is not None and not capability.checks_version:
                raise MalformedRequest({"zh": "这个请求不支持 If-Match", "en": "this call takes no If-Match"})
            key = self._key(capability, call, context.account)
            return await self._run(capability, request, key, context)
        except GatewayError as error:
            self._audit_refusal(capability, context, error)
            raise
        except StoreUnavailable as error:
            _log.error("store unavailable", capability=capability.name, trace=context.trace_id, error=str(error))
            raise Unavailable from error
        except Exception as error:
            _log.exception("capability failed", capability=capability.name, trace=context.trace_id)
            failure = Internal(trace=context.trace_id)
            self._audit_refusal(capability, context, failure)
            raise failure from error

    def _context(self, call: Call, now: datetime) -> Context:
        return Context(
            call.principal, call.account or call.principal.account, None, call.channel, call.locale, now, now + call.deadline,
            call.trace_id or self._ids(), call.idempotency_key, call.origin, Unit(), self._ids, self._parts, call.expected,
        )  # fmt: skip

    async def refusal(self, call: Call) -> GatewayError | None:
        """Why the principal may not make the call now, without making it; None if it may.

        For what is sent to somebody later, on the strength of a call made before.
        """
        try:
            await self._authorise(self.capabilities[call.capability], call, self._context(call, self._clock()))
        except GatewayError as error:
            return error
        return None

    async def _authorise(self, capability: Capability, call: Call, context: Context) -> None:
        context.sandbox = await self._sandbox_of(call)
        context.subject = await self._subject(capability, context.account)
        _refuse_forbidden(capability, call, context)

    async def _sandbox_of(self, call: Call) -> str | None:
        return await self._sandboxes.sandbox_of(call.principal.partner_id)

    async def _subject(self, capability: Capability, account: str | None) -> SubjectRecord | None:
        if capability.need.subject == "none" or account is None:
            return None
        return await self._subjects.resolve(account)

    async def _take_quota(self, call: Call, context: Context) -> None:
        windows = call.windows = await self._quota.take(context.principal, context.now, is_part=call.is_part)
        if windows and windows[-1].is_over:
            raise TooManyRequests(retry_after=windows[-1].resets_in)

    async def _take_parts(self, parts: int, call: Call, context: Context) -> None:
        """Count the other parts of a call that is several in one; it was counted as the first of them."""
        if parts < 2:
            return
        windows = await self._quota.take(context.principal, context.now, is_part=True, calls=parts - 1)
        if windows:
            call.windows = (*call.windows[:-1], *windows)
            if windows[-1].is_over:
                raise TooManyRequests(retry_after=windows[-1].resets_in)

    def _key(self, capability: Capability, call: Call, account: str | None) -> Key | None:
        if call.idempotency_key is None or not capability.keeps_answers:
            return None
        owner = f"{call.principal.kind}:{call.principal.id}"
        return Key.of(owner, capability.name, account or "", call.idempotency_key)

    async def _run(self, capability: Capability, request: msgspec.Struct, key: Key | None, context: Context) -> Any:
        fingerprint = hashlib.sha256(msgspec.json.encode(request)).digest() if key else b""
        for attempt in range(_TRIES):
            if key and (record := await self._idempotency.get(key, context.now)) is not None:
                return _replay(capability, record, fingerprint)
            if attempt:  # what clashed was decided on old facts
                context.unit = Unit()
                await self._refresh_subject(context)
            try:
                return await self._attempt(capability, request, key, fingerprint, context)
            except Clash:
                continue
        raise Conflict({"zh": "同时有其他请求在处理，请稍后重试", "en": "other requests are changing this; try again"})

    async def _refresh_subject(self, context: Context) -> None:
        if context.subject is not None:
            context.subject = await self._subjects.resolve(context.subject.identity.account)
            if context.subject is None:
                raise Conflict({"zh": "绑定刚刚解除", "en": "the binding has just ended"})

    async def _attempt(
        self, capability: Capability, request: msgspec.Struct, key: Key | None, fingerprint: bytes, context: Context
    ) -> Any:
        unit = context.unit
        try:
            answer = await capability.run(request, context)
        except GatewayError as error:
            if key is None or error.status >= 500:
                raise
            # The refusal is this key's answer too. What the capability recorded before refusing is dropped.
            refused = Unit()
            keep(refused, key, fingerprint, error.status, _refusal_bytes(error), context.now)
            await self._store.commit(refused)
            raise
        if key:
            keep(unit, key, fingerprint, 200, msgspec.json.encode(answer), context.now)
        record_call(unit, capability.name, context, "ok")
        self._answered[capability.name].inc()
        if capability.writes:
            await self._store.commit(unit)
        else:
            self._store.commit_soon(unit)  # a reader need not wait for the record that it read
        return answer

    async def together(self, calls: Sequence[Call], read: ReadFacts) -> Together:
        """Decide calls of one capability and one principal, in order, on facts read at once. The caller commits the unit.

        It is what as many single calls would come to, apart from quota and audit, which are the caller's for the whole.
        When the unit clashes, somebody else was first: decide again.
        """
        now, capability = self._clock(), self.capabilities[calls[0].capability]
        context = self._context(calls[0], now)
        context.sandbox = await self._sandbox_of(calls[0])
        subjects = await self._subjects.resolve_all({call.account for call in calls if call.account is not None})
        keys = [self._key(capability, one, one.account) for one in calls]
        kept = await self._idempotency.get_all([key for key in keys if key is not None], now)
        requests = [_decoded(capability, one.payload) for one in calls]
        well_formed = [request for request in requests if not isinstance(request, GatewayError)]
        numbers = {subject.id for subject in subjects.values()}
        decide_one = await self._store.read(read, numbers, well_formed, context)
        batch = _Batch(capability, context, subjects, kept, decide_one)
        outcomes = await asyncio.to_thread(
            batch.decide, calls, keys, requests
        )  # seconds of computing must not hold the loop
        return Together(context, outcomes)

    def _audit_refusal(self, capability: Capability, context: Context, error: GatewayError) -> None:
        unit = Unit()
        record_call(unit, capability.name, context, error.code)
        _CALLS.labels(capability.name, error.code).inc()
        self._store.commit_soon(unit)


class Outcome(NamedTuple):
    """What became of one call of many: an answer or a refusal."""

    answer: Any = None
    refusal: GatewayError | None = None


class Together(NamedTuple):
    """What many calls came to. The context's unit holds all they change."""

    context: Context
    outcomes: list[Outcome]


Decide = Callable[[Any, Context], Any]
"""Decides one request on facts that were read before: records on `ctx.unit`, leaves in `ctx.subject` what the next call
about the same subscriber is to be decided on, and answers or raises what its capability declares."""

ReadFacts = Callable[[Connection, Collection[int], Sequence[Any], Context], Decide]
"""Reads, for these subscribers and these requests, what decisions need besides the subjects."""


class _Batch:
    """Calls decided one after another, each on what those before it left."""

    def __init__(
        self, capability: Capability, context: Context, subjects: Mapping[str, SubjectRecord],
        kept: dict[bytes, IdempotencyRecord], decide_one: Decide,
    ) -> None:  # fmt: skip
        self._capability = capability
        self._context = context
        self._subjects = subjects
        self._kept = kept
        self._decide_one = decide_one
        self._latest: dict[int, SubjectRecord] = {}

    def decide(
        self, calls: Sequence[Call], keys: Sequence[Key | None], requests: Sequence[msgspec.Struct | GatewayError]
    ) -> list[Outcome]:
        # The loop goes on making ids meanwhile; a maker is not to be shared between threads.
        context = replace(self._context, ids=ids_of(self._context.now).__next__)
        return [self._one(*one, context) for one in zip(calls, keys, requests, strict=True)]

    def _one(self, call: Call, key: Key | None, request: msgspec.Struct | GatewayError, context: Context) -> Outcome:
        context.account, context.subject = call.account, self._subject(call.account)
        context.idempotency_key, context.audit_detail = call.idempotency_key, {}
        try:
            _refuse_forbidden(self._capability, call, context)
            if isinstance(request, GatewayError):
                raise request
            return Outcome(self._run(request, context) if key is None else self._keyed(key, request, context))
        except GatewayError as error:
            if error.status >= 500:
                raise
            return Outcome(refusal=error)

    def _keyed(self, key: Key, request: msgspec.Struct, context: Context) -> Any:
        fingerprint = hashlib.sha256(msgspec.json.encode(request)).digest()
        if (record := self._kept.get(key.digest)) is not None:
            return _replay(self._capability, record, fingerprint)
        try:
            answer = self._run(request, context)
        except GatewayError as error:
            if error.status < 500:
                self._keep(context, key, fingerprint, error.status, _refusal_bytes(error))
            raise
        self._keep(context, key, fingerprint, 200, msgspec.json.encode(answer))
        return answer

    def _keep(self, context: Context, key: Key, fingerprint: bytes, status: int, answer: bytes) -> None:
        self._kept[key.digest] = keep(context.unit, key, fingerprint, status, answer, context.now)

    def _run(self, request: msgspec.Struct, context: Context) -> Any:
        before = context.unit.mark()
        try:
            answer = self._decide_one(request, context)
        except GatewayError:  # what was recorded before refusing is dropped
            context.unit.back_to(before)
            raise
        if context.subject is not None:
            self._latest[context.subject.id] = context.subject
        return answer

    def _subject(self, account: str | None) -> SubjectRecord | None:
        subject = None if account is None else self._subjects.get(account)
        latest = None if subject is None else self._latest.get(subject.id)
        if subject is None or latest is None:
            return subject
        return msgspec.structs.replace(latest, identity=subject.identity)


def _refuse_forbidden(capability: Capability, call: Call, context: Context) -> None:
    subject = context.subject
    decision = decide(
        context.principal,
        capability.need,
        None if subject is None else subject.identity,
        None if subject is None else subject.consents,
        context.now,
        account=call.account,
        sandbox=context.sandbox,
    )
    if not decision.allowed:
        unproved = call.principal.kind == "anonymous" or decision.reason == "credentials_expired"
        refusal = Unauthenticated if unproved else Forbidden
        raise refusal(dict(decision.words), reason=decision.reason)


class _Refusal(msgspec.Struct):
    code: str
    status: int
    detail: str | dict[str, str]
    extra: dict[str, Any]


def _refusal_bytes(error: GatewayError) -> bytes:
    detail = error.detail if isinstance(error.detail, str) else dict(error.detail)
    return msgspec.json.encode(_Refusal(error.code, error.status, detail, error.extra))


def _replay(capability: Capability, record: IdempotencyRecord, fingerprint: bytes) -> Any:
    if record.fingerprint != fingerprint:
        raise KeyReused
    if record.status == 200:
        return msgspec.json.decode(record.answer, type=capability.answer)
    kept = msgspec.json.decode(record.answer, type=_Refusal)
    known = (*capability.errors, *_OWN_REFUSALS)
    refusal = next((error for error in known if error.code == kept.code), Conflict)
    raise refusal(kept.detail, **kept.extra)


_OWN_REFUSALS: tuple[type[GatewayError], ...] = (
    MalformedRequest, NotFound, Conflict, Forbidden, PreconditionFailed, TooManyRequests,
)  # fmt: skip


def _decoded(
    capability: Capability, payload: bytes | Mapping[str, Any] | msgspec.Struct
) -> msgspec.Struct | GatewayError:
    try:
        return _decode(capability, payload)
    except MalformedRequest as error:
        return error


def _decode(capability: Capability, payload: bytes | Mapping[str, Any] | msgspec.Struct) -> msgspec.Struct:
    try:
        if isinstance(payload, bytes):
            return msgspec.json.decode(payload or b"{}", type=capability.request)
        if isinstance(payload, capability.request):
            return payload
        return msgspec.convert(payload, capability.request, strict=False)
    except (msgspec.ValidationError, msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise MalformedRequest({"zh": f"请求内容有误：{error}", "en": str(error)}) from error
