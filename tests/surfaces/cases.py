"""What is asked over every surface, and what each must answer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple

PAID = "TM-MUSIC-10"
OTHER = "TM-READ-5"
THIRD = "TM-CLOUD-6"
BY_THE_DAY = "TM-TRAFFIC-DAY-2"
NO_ORDER = "00000000-0000-7000-8000-000000000000"

Speaker = Literal["partner", "session", "nobody"]
"""A partner's server about one of its users, that user's own web session, or somebody without credentials."""


class Earlier(NamedTuple):
    """A field of the answer to an earlier step, from 0."""

    step: int
    name: str


@dataclass(frozen=True)
class Step:
    """One call, and how it ends: `ok`, an error's code, or `code/reason`."""

    capability: str
    fields: Mapping[str, Any]
    ends: str = "ok"
    key: str | None = None


@dataclass(frozen=True)
class Case:
    """Calls in a row, about a subscriber who holds `held` and gave `consent`."""

    name: str
    steps: tuple[Step, ...]
    speaker: Speaker = "partner"
    bound: bool = True
    held: tuple[str, ...] = ()
    consent: bool = False
    for_operators: bool = True
    """Whether an operator, who may do everything, gets the same answer."""
    beyond_tmf: bool = False
    """Whether it asks for what TMF622 has no words for."""
    by_proxy: Mapping[int, str] = field(default_factory=dict)
    """Steps that end in another way where a program speaks for the subscriber."""


def place(offer: str = PAID, ends: str = "ok", key: str | None = None, **fields: Any) -> Step:
    return Step("orders.place", {"offer": offer, **fields}, ends, key)


def kind(name: str, *steps: Step, held: tuple[str, ...] = (), for_operators: bool = True) -> Case:
    return Case(name, steps, held=held, for_operators=for_operators, beyond_tmf=True)


KINDS = [
    kind("a change", place(OTHER, action="change", replaces=PAID), held=(PAID,)),
    kind("a change of what is not held", place(OTHER, "not-held", action="change", replaces=PAID)),
    kind(
        "a change of what another order changes", place(OTHER, action="change", replaces=PAID),
        place(THIRD, "order-already-open", action="change", replaces=PAID),
        place(PAID, "order-already-open", action="unsubscribe"), held=(PAID,),
    ),
    kind("a change that names nothing held", place(OTHER, "malformed-request", action="change")),
    kind(
        "gifts", *(place(offer, action="gift", recipient="13912345678") for offer in (PAID, OTHER, THIRD)),
        place(PAID, "order-already-open", action="gift", recipient="13912345679"),
        place("TM-SMS-5", "too-many-gifts", action="gift", recipient="13912345678"),
        place(PAID, action="subscribe"),
    ),
    kind("a gift to no number", place(ends="phone-number-invalid", action="gift", recipient="123")),
    kind("a gift to nobody", place(ends="malformed-request", action="gift")),
    kind(
        "a trial", place(OTHER, action="start_trial"), place(OTHER, "order-already-open", action="start_trial"),
        place("TM-SMS-5", "action-not-offered/no_trial", action="start_trial"),
        for_operators=False,  # an operator's trial is free, and waits for no yes
    ),
    kind("a trial that was not begun", place(ends="action-not-offered/not_in_trial", action="convert_trial")),
    kind("what is renewed", place(BY_THE_DAY, action="renew"), held=(BY_THE_DAY,)),
    kind("what renews itself", place(ends="action-not-offered/not_renewable", action="renew"), held=(PAID,)),
    kind("what needs no booking", place(ends="action-not-offered/not_bookable", action="book")),
    kind("a field of another action", place(ends="malformed-request", replaces=OTHER)),
]  # fmt: skip

CASES = [
    *KINDS,
    Case("an offer", (Step("offers.get", {"code": PAID}),)),
    Case("no such offer", (Step("offers.get", {"code": "TM-NONE"}, "offer-not-found"),)),
    Case("a page of offers", (Step("offers.list", {"service": "music", "limit": 2}),)),
    Case("a limit too high", (Step("offers.list", {"limit": 1000}, "malformed-request"),)),
    Case("recommendations", (Step("recommendations.list", {"limit": 3}),), consent=True),
    Case("no consent", (Step("recommendations.list", {}, "forbidden/consent_missing"),)),
    Case("an order", (place(attribution={"campaign": "spring"}),)),
    Case("the same key again", (place(key="k"), place(key="k"))),
    Case("the same key with another body", (place(key="k"), place(OTHER, "idempotency-key-reused", "k"))),
    Case("a kept refusal", (place("TM-NONE", "offer-unknown", "k"), place("TM-NONE", "offer-unknown", "k"))),
    Case("an order under way", (place(), place(ends="order-already-open"))),
    Case("what is held", (place(ends="not-orderable/already_held"),), held=(PAID,)),
    Case("what is not held", (place(ends="not-held", action="unsubscribe"),)),
    Case("an action there is not", (place(ends="malformed-request", action="steal"),)),
    Case("an order followed", (place(), Step("orders.get", {"id": Earlier(0, "id")}))),
    Case("no such order", (Step("orders.get", {"id": NO_ORDER}, "order-not-found"),)),
    Case("no order's id", (Step("orders.get", {"id": "x"}, "malformed-request"),)),
    Case("orders by pages", (place(), place(OTHER), Step("orders.list", {"limit": 1}))),
    Case("a cancelled order", (place(), *(Step("orders.cancel", {"id": Earlier(0, "id")}),) * 2)),
    Case("what is subscribed", (Step("subscriptions.list_held", {}),), held=(PAID, OTHER)),
    Case("nobody bound", (place(ends="forbidden/binding_required"),), bound=False),
    Case(
        "another's yes", (place(), Step("orders.confirm", {"id": Earlier(0, "id")}, "forbidden/own_voice_required")),
        for_operators=False,
    ),
    Case(
        "one's own yes", (place(), Step("orders.confirm", {"id": Earlier(0, "id")})),
        speaker="session", for_operators=False, by_proxy={1: "forbidden/own_voice_required"},
    ),
    Case(
        "a scope that is missing", (Step("partners.suspend", {"id": "shop"}, "forbidden/scope_missing"),),
        for_operators=False,
    ),
    Case("no credentials", (place(ends="unauthenticated/identity_required"),), speaker="nobody", for_operators=False),
]  # fmt: skip
