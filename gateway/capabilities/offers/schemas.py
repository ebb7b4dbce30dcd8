"""What an operator sells: services, allowances and bundles, in the words of the catalog."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from msgspec import Meta, Struct

OfferCode = Annotated[str, Meta(pattern=r"^[A-Z][A-Z0-9]*(-[A-Z0-9]+)+$", max_length=40, examples=["TM-MUSIC-10"])]
Filled = Annotated[str, Meta(min_length=1)]
Moment = Annotated[datetime, Meta(tz=True)]

Kind = Literal["service", "allowance", "bundle"]
Period = Literal["month", "once", "day"]
Effective = Literal["now", "next_cycle"]
Lifecycle = Literal["draft", "on_sale", "retired"]


class Bilingual(Struct, frozen=True, forbid_unknown_fields=True):
    """The same words in Chinese and in English; neither is empty."""

    zh: Filled
    en: Filled

    def to(self, locale: str) -> str:
        """The words for a locale such as ``zh-CN`` or ``en``; every other language reads Chinese."""
        return self.en if locale[:2].lower() == "en" else self.zh


class Allowance(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """What one period of an offer includes; zero means none of it."""

    traffic_mb: Annotated[int, Meta(ge=0, description="Mobile data, megabytes.")] = 0
    sms: Annotated[int, Meta(ge=0, description="Text messages, pieces.")] = 0
    minutes: Annotated[int, Meta(ge=0, description="Voice calls, minutes.")] = 0


class Eligibility(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """Who may have an offer; an empty field asks for nothing."""

    brands: Annotated[tuple[str, ...], Meta(description="Brand codes; the subscriber's is one of them.")] = ()
    regions: Annotated[tuple[str, ...], Meta(description="Paths such as GD/440100; the subscriber lives in one.")] = ()
    device_abilities: Annotated[tuple[str, ...], Meta(description="The device has all of them.")] = ()
    excludes: Annotated[tuple[str, ...], Meta(description="Offer codes of which none is held.")] = ()
    requires: Annotated[tuple[str, ...], Meta(description="Offer codes which are all held.")] = ()


class Trial(Struct, frozen=True, forbid_unknown_fields=True):
    """A free beginning."""

    days: Annotated[int, Meta(ge=1, le=365, description="Length, days.")]


class CancelRule(Struct, frozen=True, forbid_unknown_fields=True):
    """How an offer is given up, in words, and how long it is kept at least."""

    zh: Filled
    en: Filled
    min_term_days: Annotated[int, Meta(ge=0, description="Days before a cancellation is taken; 0 = at any time.")] = 0


class Offer(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """One thing a subscriber can order at one price."""

    code: OfferCode
    names: Bilingual
    kind: Kind
    service: Annotated[str, Meta(pattern=r"^[a-z][a-z0-9_]*$", description="Code of the service it belongs to.")]
    price_fen: Annotated[int, Meta(ge=0, description="Price of one period, fen.")]
    period: Annotated[Period, Meta(description="Charged every month, once, or for one day.")]
    allowance: Allowance = Allowance()
    eligibility: Eligibility = Eligibility()
    trial: Annotated[Trial | None, Meta(description="None: the first period is already paid.")] = None
    effective: Annotated[Effective, Meta(description="Begins at once or with the next billing cycle.")] = "now"
    cancel_rule: CancelRule
    bookable: Annotated[bool, Meta(description="Cannot be set up online: booked, and done by the back office.")] = False
    lifecycle: Lifecycle
    on_sale_from: Annotated[Moment | None, Meta(description="First moment of sale; None: no limit.")] = None
    on_sale_until: Annotated[Moment | None, Meta(description="Sale ends before it; None: no limit.")] = None
    commission_fen: Annotated[int, Meta(ge=0, description="Paid to the seller for one completed order, fen.")] = 0
    worth_fen: Annotated[int, Meta(ge=0, description="Margin of one period, fen; weighs in the ranking.")]
    copy: Annotated[dict[str, Bilingual], Meta(description="Marketing words by channel: wechat, sms, hall.")] = {}
    keywords: Annotated[tuple[str, ...], Meta(description="What people type when they mean it.")] = ()
    components: Annotated[tuple[str, ...], Meta(description="Codes of the offers a bundle is made of.")] = ()

    def on_sale_at(self, at: datetime) -> bool:
        """Whether it can be ordered at this moment (``at`` carries a time zone)."""
        if self.lifecycle != "on_sale":
            return False
        begun = self.on_sale_from is None or at >= self.on_sale_from
        return begun and (self.on_sale_until is None or at < self.on_sale_until)


class Content(Struct, frozen=True, forbid_unknown_fields=True):
    """A subject inside a service that habits are told by; used as item ``content:<service>/<code>``."""

    code: Annotated[str, Meta(pattern=r"^[a-z0-9_]+$")]
    names: Bilingual


class Service(Struct, frozen=True, forbid_unknown_fields=True):
    """A service of the operator and the words for those who use it."""

    code: Annotated[str, Meta(pattern=r"^[a-z][a-z0-9_]*$")]
    names: Bilingual
    users: Annotated[Bilingual, Meta(description="What its regular users are called: 常听的人, regular listeners.")]
    contents: tuple[Content, ...] = ()


class Brand(Struct, frozen=True, forbid_unknown_fields=True):
    """A brand of contracts of the operator."""

    code: Annotated[str, Meta(pattern=r"^[a-z][a-z0-9_]*$")]
    names: Bilingual
