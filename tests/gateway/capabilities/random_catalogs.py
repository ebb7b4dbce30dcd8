"""Random small catalogs and subscribers, made to collide often."""

from datetime import UTC, datetime

from hypothesis import strategies as st

from gateway.capabilities.offers import Bilingual, Catalog, Offer, SubscriberFacts
from gateway.capabilities.offers.schemas import CancelRule, Eligibility

CODES = [f"T-{number}" for number in range(9)]
BRANDS = ["changxiang", "qingning", "lejia"]
REGIONS = ["GD", "GD/440100", "GD/440100/440106", "GD/4401", "SC", "SC/510100"]
ABILITIES = ["apps", "4g", "5g"]
MOMENTS = [datetime(2026, month, 1, tzinfo=UTC) for month in range(1, 7)]


def offer(code: str, **fields) -> Offer:
    """An offer on sale to everyone, except for what is said otherwise."""
    plain = {
        "names": Bilingual(code, code),
        "kind": "service",
        "service": "music",
        "price_fen": 1000,
        "period": "month",
        "cancel_rule": CancelRule("随时可退", "At any time"),
        "lifecycle": "on_sale",
        "worth_fen": 500,
    }
    return Offer(code=code, **{**plain, **fields})


def some(choices: list[str], most: int = 3):
    return st.lists(st.sampled_from(choices), max_size=most, unique=True).map(tuple)


@st.composite
def offers(draw, code: str) -> Offer:
    others = [other for other in CODES if other != code]
    return offer(
        code,
        kind=draw(st.sampled_from(["service", "allowance", "bundle"])),
        service=draw(st.sampled_from(["music", "reading", "games"])),
        lifecycle=draw(st.sampled_from(["on_sale", "on_sale", "on_sale", "draft", "retired"])),
        on_sale_from=draw(st.none() | st.sampled_from(MOMENTS)),
        on_sale_until=draw(st.none() | st.sampled_from(MOMENTS)),
        worth_fen=draw(st.integers(0, 3000)),
        eligibility=Eligibility(
            brands=draw(some(BRANDS, 2)),
            regions=draw(some(REGIONS, 2)),
            device_abilities=draw(some(ABILITIES, 2)),
            excludes=draw(some(others, 2)),
            requires=draw(some(others, 1)),
        ),
    )


@st.composite
def catalogs(draw) -> Catalog:
    codes = draw(st.lists(st.sampled_from(CODES), unique=True))
    return Catalog([draw(offers(code)) for code in codes])


facts = st.builds(
    SubscriberFacts,
    id=st.integers(0, 5),
    brand=st.sampled_from([*BRANDS, "", "unheard_of"]),
    region=st.sampled_from([*REGIONS, "", "GD/440300/440304"]),
    device_abilities=st.frozensets(st.sampled_from(ABILITIES)),
    held=st.frozensets(st.sampled_from([*CODES, "T-GONE"]), max_size=4),
    open_orders=st.frozensets(st.sampled_from(CODES), max_size=2),
)

moments = st.sampled_from([datetime(2025, 12, 31, tzinfo=UTC), *MOMENTS, datetime(2026, 3, 15, tzinfo=UTC)])
