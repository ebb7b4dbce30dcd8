"""The catalog: what files may say, what they may not, and how people find an offer in it."""

import re
from pathlib import Path

import msgspec
import pytest

from gateway.capabilities.offers import Bilingual, Catalog, CatalogError, Offer, load_catalog
from tests.gateway.capabilities.random_catalogs import offer

DEMO = Path(__file__).parents[4] / "config" / "catalog"

WORDS = """
[[service]]
code = "music"
names = { zh = "音乐", en = "Music" }
users = { zh = "常听的人", en = "regular listeners" }

[[brand]]
code = "lejia"
names = { zh = "乐家", en = "Homely" }
"""


def entry(code: str, *lines: str, names: str = '{ zh = "歌", en = "Songs" }') -> str:
    return "\n".join(
        (
            "[[offer]]",
            f'code = "{code}"',
            f"names = {names}",
            'kind = "service"',
            'service = "music"',
            "price_fen = 600",
            'period = "month"',
            'cancel_rule = { zh = "随时可退", en = "At any time" }',
            'lifecycle = "on_sale"',
            "worth_fen = 300",
            *lines,
            "",
        )
    )


@pytest.fixture
def written(tmp_path: Path):
    """Write a catalog of these entries and give its folder."""

    def write(*entries: str) -> Path:
        (tmp_path / "words.toml").write_text(WORDS, "utf-8")
        (tmp_path / "offers.toml").write_text("\n".join(entries), "utf-8")
        return tmp_path

    return write


@pytest.fixture(scope="module")
def demo() -> Catalog:
    return Catalog.load(DEMO)


@pytest.mark.parametrize(
    ("entries", "code", "field", "problem"),
    [
        ([entry("T-1", names='{ zh = "歌" }')], "T-1", "names", "missing required field `en`"),
        ([entry("T-1", names='{ zh = "歌", en = "" }')], "T-1", "names.en", "length >= 1"),
        ([entry("T-1"), entry("T-1")], "T-1", "code", "already used in offers.toml"),
        ([entry("t1")], "t1", "code", "matching regex"),
        ([entry("T-1", 'eligibility.excludes = ["T-8"]')], "T-1", "eligibility.excludes", "unknown code T-8"),
        ([entry("T-1", 'eligibility.requires = ["T-8"]')], "T-1", "eligibility.requires", "unknown code T-8"),
        ([entry("T-1", 'eligibility.requires = ["T-1"]')], "T-1", "eligibility.requires", "unknown code T-1"),
        ([entry("T-1", 'eligibility.brands = ["nobody"]')], "T-1", "eligibility.brands", "unknown code nobody"),
        ([entry("T-1", 'components = ["T-2"]'), entry("T-2")], "T-1", "components", "a bundle has components"),
        ([entry("T-1", "prise_fen = 2")], "T-1", "entry", "unknown field `prise_fen`"),
        ([entry("T-1", "commission_fen = -2")], "T-1", "commission_fen", ">= 0"),
        (
            [entry("T-1", 'eligibility.requires = ["T-2"]'), entry("T-2", 'eligibility.requires = ["T-1"]')],
            "T-1",
            "eligibility.requires",
            "cycle T-",
        ),
        (
            [entry("T-1", 'eligibility.requires = ["T-2"]'), entry("T-2", 'eligibility.excludes = ["T-1"]')],
            "T-1",
            "eligibility.requires",
            "also excluded: T-2",
        ),
    ],
)
def test_a_mistake_is_told_with_its_file_offer_and_field(written, entries, code, field, problem):
    with pytest.raises(CatalogError, match=re.escape(problem)) as told:
        load_catalog(written(*entries))
    assert (told.value.file, told.value.entry, told.value.field) == ("offers.toml", code, field)
    assert str(told.value).startswith(f"offers.toml: {code}: {field}: ")


def test_a_file_that_is_not_toml_is_named(written):
    with pytest.raises(CatalogError, match=r"offers\.toml: file: syntax"):
        load_catalog(written("[[offer"))


def test_an_unknown_table_is_refused(written):
    with pytest.raises(CatalogError, match=r"offers\.toml: file: ofer"):
        load_catalog(written("[[ofer]]"))


def test_exclusion_named_on_one_side_holds_on_both(written):
    first, second = load_catalog(written(entry("T-1"), entry("T-2", 'eligibility.excludes = ["T-1"]')))
    assert first.eligibility.excludes == ("T-2",)
    assert second.eligibility.excludes == ("T-1",)


def test_a_single_file_is_a_catalog_too(tmp_path):
    file = tmp_path / "all.toml"
    file.write_text(WORDS + entry("T-1"), "utf-8")
    assert [one.code for one in load_catalog(file)] == ["T-1"]


def test_an_offer_survives_json(demo):
    for one in demo:
        assert msgspec.json.decode(msgspec.json.encode(one), type=Offer) == one


def test_a_code_used_twice_makes_no_snapshot():
    with pytest.raises(ValueError, match="twice"):
        Catalog([offer("T-1"), offer("T-1")])


def test_every_lookup_of_a_snapshot_has_the_same_order(demo):
    assert list(demo.codes) == sorted(demo.codes) == [one.code for one in demo]
    assert all(demo.codes[demo.position[code]] == code == demo.by_code[code].code for code in demo.codes)


def test_the_demo_catalog_is_as_wide_as_promised(demo):
    on_sale = [one for one in demo if one.lifecycle == "on_sale"]
    assert len(on_sale) >= 48
    assert len({one.service for one in on_sale if one.kind == "service"}) >= 8
    assert len({one.service for one in on_sale if one.kind == "bundle"}) >= 8
    assert len(demo.brands) == 3
    assert {brand for one in on_sale for brand in one.eligibility.brands} == set(demo.brands)
    assert {one.lifecycle for one in demo} == {"draft", "on_sale", "retired"}
    assert all(one.copy.keys() >= {"wechat", "sms", "hall"} for one in demo)


def test_a_demo_bundle_costs_less_than_its_parts_and_includes_their_allowance(demo):
    for bundle in (one for one in demo if one.kind == "bundle"):
        parts = [demo.by_code[code] for code in bundle.components]
        assert bundle.price_fen < sum(part.price_fen for part in parts), bundle.code
        assert bundle.allowance.traffic_mb == sum(part.allowance.traffic_mb for part in parts), bundle.code
        assert bundle.worth_fen < bundle.price_fen


@pytest.mark.parametrize(
    ("text", "codes"),
    [
        ("TM-MUSIC-10", ["TM-MUSIC-10"]),
        ("tm music 10", ["TM-MUSIC-10"]),
        ("订TM-MUSIC-10", ["TM-MUSIC-10"]),
        ("流量音乐包", ["TB-TRAFFIC-MUSIC-18"]),
        ("我要订流量音乐包，谢谢！", ["TB-TRAFFIC-MUSIC-18"]),
        ("ＭＵＳＩＣ　ｐｌｕｓ", ["TM-MUSIC-10"]),
        ("短信阅读包", ["TB-SMS-READ-8"]),
        ("彩铃", ["TM-MUSIC-RING-3"]),
        ("退订炫铃", ["TM-MUSIC-RING-2"]),
        ("VR视界", []),
        ("今天天气怎么样", []),
        ("？！", []),
        ("", []),
    ],
)
def test_people_find_an_offer_by_what_they_type(demo, text, codes):
    assert [one.code for one in demo.find(text)] == codes


def test_a_word_shared_by_several_offers_finds_them_all_on_sale_first(demo):
    found = demo.find("视频")
    assert {one.service for one in found} == {"video"}
    assert len(found) >= 3
    with_retired = Catalog([offer("T-1", lifecycle="retired", keywords=("歌",)), offer("T-2", keywords=("歌",))])
    assert [one.code for one in with_retired.find("歌")] == ["T-2", "T-1"]


def test_words_follow_the_locale():
    words = Bilingual("流量", "Data")
    assert [words.to(locale) for locale in ("zh-CN", "en", "en-GB", "EN", "fr")] == [
        "流量",
        "Data",
        "Data",
        "Data",
        "流量",
    ]
