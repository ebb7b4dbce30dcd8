"""Reasons in words: short, in two languages, with the counted figures and no others."""

from pathlib import Path

import pytest

from gateway.capabilities.offers import Catalog
from gateway.capabilities.recommendations import Reason, words
from gateway.capabilities.recommendations.reasons import code_of

DEMO = Path(__file__).parents[4] / "config" / "catalog"


@pytest.fixture(scope="module")
def catalog() -> Catalog:
    return Catalog.load(DEMO)


@pytest.mark.parametrize(
    ("reason", "zh", "en"),
    [
        (
            Reason("uses_service", "service:music", 0.38, 2.0),
            "您在用音乐服务，常听的人里 38% 也订了它",
            "You use Music: 38% of regular listeners have it",
        ),
        (
            Reason("likes_content", "content:music/pop", 0.04, 2.26),
            "您喜欢流行乐，同好里订它的是平均的 2.3 倍",
            "You like pop: 2.3 times the usual share of those who do have it",
        ),
        (
            Reason("likes_content", "content:films/The Longest Film Title", 0.5, 2.0),
            "您喜欢The Lon…，同好里 50% 也订了它",
            "You like The Longest Film Title: 50% of those who do have it",
        ),
        (
            Reason("holds_offer", "TM-READ-10", 0.25, 2.0),
            "您订了书海阅读会员，同订者里 25% 也订了它",
            "You have Reading Plus: 25% of its holders have it",
        ),
        (
            Reason("allowance_used", "allowance:traffic", 0.2, 3.0, 82),
            "您本月流量已用 82%",
            "You have used 82% of this month's data",
        ),
        (Reason("same_brand", "brand:qingning", 0.17), "青柠用户里 17% 也订了它", "Among Lime subscribers 17% have it"),
        (Reason("same_province", "province:GD", 0.1), "同省用户里 10% 也订了它", "In your province 10% have it"),
        (
            Reason("viewing", "service:music", 0.15, 1.5),
            "您正在看音乐，用户里 15% 也订了它",
            "You are looking at Music: 15% of its users have it",
        ),
        (Reason("popular", share=0.09), "大家都在订", "Popular with everyone"),
        (Reason("available"), "您现在就可以订", "You can order it now"),
    ],
)
def test_a_reason_reads_as_its_evidence(catalog, reason, zh, en):
    said = words(reason, catalog)
    assert (said.zh, said.en) == (zh, en)


def test_every_reason_about_the_demo_catalog_fits_into_thirty_characters(catalog):
    items = [
        *catalog.codes,
        *(f"service:{code}" for code in catalog.services),
        *(f"content:{code}/{one.code}" for code, service in catalog.services.items() for one in service.contents),
        *(f"brand:{code}" for code in catalog.brands),
        "province:GD",
        "service:unheard_of_service",
        "allowance:traffic",
    ]
    for item in items:
        for code in {code_of(item), "viewing"}:
            for share in (0.05, 1.0):
                said = words(Reason(code, item, share, 123.4, 100), catalog)
                assert len(said.zh) <= 30, said.zh
                assert said.en


def test_the_code_follows_the_kind_of_item():
    items = (
        "TM-READ-10",
        "service:music",
        "content:music/pop",
        "brand:lejia",
        "province:GD",
        "allowance:traffic",
        "a:b",
    )
    assert [code_of(item) for item in items] == [
        "holds_offer",
        "uses_service",
        "likes_content",
        "same_brand",
        "same_province",
        "allowance_used",
        "likes_content",
    ]
