"""Writing cases: opening, adding evidence, moving. The one place that does, and tells the partner."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, NamedTuple

import msgspec
from msgspec import Struct

from gateway.capabilities.events import emit
from gateway.capabilities.watch.case_states import CaseState, Course, Outcome, take
from gateway.capabilities.watch.tables import watch_case_steps, watch_cases, watch_evidence
from gateway.store import Unit

MOST_PIECES = 1000
"""Pieces of evidence one case can hold."""
MOST_NAMED = 100
"""Orders or complaints one piece can name."""


class Evidence(Struct, frozen=True, omit_defaults=True):
    """One piece of evidence, as it was when it was added."""

    figures: Mapping[str, Any] = {}
    orders: list[str] = []
    complaints: list[str] = []
    note: str = ""


class StoredCase(NamedTuple):
    """One row of `watch_cases`."""

    id: str
    cause: str
    topic: str
    partner_id: str | None
    phone_hash: bytes | None
    reason: str
    state: str
    owed_fen: int | None
    month: str | None
    outcome: str | None
    grey_entry: str | None
    steps: int
    pieces: int
    digest: bytes
    opened_at: datetime
    judged_until: datetime
    closed_at: datetime | None

    @property
    def course(self) -> Course:
        """How far it is."""
        return Course(CaseState(self.state), self.owed_fen, self.month, self.outcome)


class Writing(NamedTuple):
    """Who writes, when, and on which unit."""

    unit: Unit
    actor: str
    now: datetime
    ids: Callable[[], str]


def open_case(
    writing: Writing, *, cause: str, topic: str | None, partner_id: str | None, phone_hash: bytes | None, reason: str,
    grey_entry: str | None = None,
) -> StoredCase:  # fmt: skip
    """Record a case. Two who open one on the same `topic` clash; with None it has a topic of its own."""
    case_id = writing.ids()
    case = StoredCase(
        case_id, cause, topic or case_id, partner_id, phone_hash, reason, CaseState.OPEN.value, None, None, None,
        grey_entry, 1, 0, bytes(32), writing.now, writing.now, None,
    )  # fmt: skip
    writing.unit.insert(watch_cases, **case._asdict())
    _record_step(writing, case, 0, None, reason)
    return case


def add_evidence(writing: Writing, case: StoredCase, evidence: Evidence) -> StoredCase:
    """Add a piece to the case. Two who add the same piece at once clash."""
    body = msgspec.json.encode(evidence, order="deterministic").decode()
    digest = digest_of(case.digest, case.id, case.pieces, body, writing.actor, writing.now)
    writing.unit.insert(
        watch_evidence,
        case_id=case.id, seq=case.pieces, body=body, actor=writing.actor, at=writing.now, digest=digest,
    )  # fmt: skip
    return _changed(writing, case, pieces=case.pieces + 1, digest=digest)


def judged(writing: Writing, case: StoredCase, grey_entry: str | None) -> StoredCase:
    """Note that everything up to now was judged, and that the number is on the grey list by that entry."""
    return _changed(writing, case, judged_until=writing.now, grey_entry=grey_entry or case.grey_entry)


def move_case(
    writing: Writing, case: StoredCase, to: CaseState, *, owed_fen: int | None, month: str | None,
    outcome: Outcome | None, reason: str,
) -> StoredCase:  # fmt: skip
    """Take a step. Two who take the same step at once clash.

    Raises:
        StepRefused: the case cannot take it.
    """
    has_partner = case.partner_id is not None
    course = take(case.course, to, owed_fen=owed_fen, month=month, outcome=outcome, has_partner=has_partner)
    closing = {"closed_at": writing.now, "judged_until": writing.now} if to is CaseState.CLOSED else {}
    changes = {**course._asdict(), "state": course.state.value, "steps": case.steps + 1, **closing}
    moved = _changed(writing, case, **changes)
    _record_step(writing, moved, case.steps, case.state, reason)
    return moved


def digest_of(before: bytes, case_id: str, seq: int, body: str, actor: str, at: datetime) -> bytes:
    """SHA-256 over a piece of evidence and the digest of the piece before."""
    text = msgspec.json.encode([before.hex(), case_id, seq, body, actor, at])
    return hashlib.sha256(text).digest()


def _changed(writing: Writing, case: StoredCase, **changes: Any) -> StoredCase:
    writing.unit.update(watch_cases, {"id": case.id}, **changes)
    return case._replace(**changes)


def _record_step(writing: Writing, case: StoredCase, seq: int, before: str | None, reason: str) -> None:
    writing.unit.insert(
        watch_case_steps,
        case_id=case.id, seq=seq, from_state=before, to_state=case.state, actor=writing.actor, reason=reason,
        at=writing.now,
    )  # fmt: skip
    told = {name: getattr(case, name) for name in ("cause", "state", "owed_fen", "month", "outcome")}
    emit(
        writing.unit, "case.opened" if before is None else "case.moved", {"case": case.id, **told}, id=writing.ids(),
        at=writing.now, key=f"case:{case.id}", step=seq, partner_id=case.partner_id, account=None,
    )  # fmt: skip
