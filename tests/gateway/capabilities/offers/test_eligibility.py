"""One rule, two forms: for one offer in words, for all offers in bits."""

from datetime import UTC, datetime

import pytest
from hypothesis import given

from gateway.capabilities.offers import VISITOR, Catalog, EligibilityIndex, SubscriberFacts, why_not
from gateway.capabilities.offers.eligibility import lies_in
from gateway.capabilities.offers.schemas import Eligibility
from tests.gateway.capabilities.random_catalogs import catalogs, facts, moments, offer

NOON = datetime(2026, 3, 1, 4, tzinfo=UTC)
ANNE = SubscriberFacts(1, "qingning", "GD/440100/440106", frozenset({"apps"}), frozenset({"T-1"}), frozenset({"T-2"}))


@given(catalogs(), facts, moments)
def test_the_index_says_of_all_offers_what_the_rule_says_of_each(catalog, who, at):
    mask = EligibilityIndex(catalog).mask(who, at)
    assert mask.dtype == bool
    assert mask.tolist() == [why_not(one, who, at) is None for one in catalog]


@pytest.mark.parametrize(
    ("refused", "reason", "evidence"),
    [
        (offer("T-9", lifecycle="draft"), "not_on_sale", ()),
        (offer("T-9", lifecycle="retired"), "not_on_sale", ()),
        (offer("T-9", on_sale_from=datetime(2026, 3, 2, tzinfo=UTC)), "not_on_sale", ()),
        (offer("T-9", on_sale_until=NOON), "not_on_sale", ()),
        (offer("T-9", eligibility=Eligibility(brands=("lejia",))), "brand", ("lejia",)),
        (offer("T-9", eligibility=Eligibility(regions=("SC", "GD/4401"))), "region", ("SC", "GD/4401")),
        (offer("T-9", eligibility=Eligibility(device_abilities=("apps", "5g"))), "device", ("5g",)),
        (offer("T-1"), "already_held", ("T-1",)),
        (offer("T-2"), "open_order", ("T-2",)),
        (offer("T-9", eligibility=Eligibility(excludes=("T-0", "T-1"))), "excluded_by", ("T-1",)),
        (offer("T-9", eligibility=Eligibility(requires=("T-1", "T-3"))), "missing_prerequisite", ("T-3",)),
    ],
)
def test_a_refusal_names_its_reason_and_what_stands_in_the_way(refused, reason, evidence):
    refusal = why_not(refused, ANNE, NOON)
    assert refusal is not None
    assert (refusal.reason, refusal.offer, refusal.evidence) == (reason, refused.code, evidence)
    assert refusal.words.zh and refusal.words.en


def test_an_offer_that_asks_for_what_the_subscriber_has_is_open():
    asks = Eligibility(brands=("qingning",), regions=("GD/440100",), device_abilities=("apps",), requires=("T-1",))
    assert why_not(offer("T-9", eligibility=asks), ANNE, NOON) is None


def test_a_visitor_may_have_what_asks_for_nothing():
    catalog = Catalog([offer("T-1"), offer("T-2", eligibility=Eligibility(brands=("lejia",)))])
    assert EligibilityIndex(catalog).mask(VISITOR, NOON).tolist() == [True, False]


def test_a_region_is_compared_by_whole_steps_of_its_path():
    assert lies_in("GD/440100/440106", "GD/440100")
    assert lies_in("GD", "GD")
    assert not lies_in("GD/440100", "GD/4401")
    assert not lies_in("GD", "GD/440100")
