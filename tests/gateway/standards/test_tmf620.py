"""TMF620 over real sockets: the catalog as the published document has it."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from gateway.capabilities.offers import Catalog, Offer
from gateway.importing.offers import OfferImporter, import_catalog
from gateway.importing.run import Import, run_import
from gateway.platform import CATALOG_FILES
from gateway.standards.tmf import yuan
from tests.gateway.standards.client import Client
from tests.gateway.standards.documents import conforms, needed
from tests.gateway.standards.listener import Heard, Listener

BASE = "/tmf-api/productCatalogManagement/v4"
RESOURCES = {
    "productOffering": "ProductOffering",
    "productOfferingPrice": "ProductOfferingPrice",
    "productSpecification": "ProductSpecification",
    "category": "Category",
    "catalog": "Catalog",
}


@needed
async def test_every_resource_of_the_real_catalog_conforms_to_the_document(client: Client) -> None:
    for name, kind in RESOURCES.items():
        listed = await client("GET", f"{BASE}/{name}?limit=100")
        assert listed.status == 200 and listed.body
        assert listed.headers["content-type"] == "application/json;charset=utf-8"
        assert conforms("tmf620", kind, listed.body)
        for resource in listed.body[:5]:
            one = await client("GET", f"{BASE}/{name}/{resource['id']}")
            assert one.status == 200 and one.body == resource
            assert resource["href"].endswith(f"{BASE}/{name}/{resource['id']}")
            assert resource["@type"] == kind


async def test_every_offer_on_sale_is_an_offering(small: Client) -> None:
    on_sale = {offer.code for offer in Catalog.load(CATALOG_FILES) if offer.on_sale_at(small.world.clock())}
    listed = await small("GET", f"{BASE}/productOffering?limit=100")
    assert {one["id"] for one in listed.body} == on_sale
    assert listed.headers["x-total-count"] == listed.headers["x-result-count"] == str(len(on_sale))


async def test_an_offering_tells_its_price_terms_and_rules(small: Client) -> None:
    one = (await small("GET", f"{BASE}/productOffering/TM-MUSIC-10", Accept_Language="en")).body
    assert (one["name"], one["lifecycleStatus"], one["isSellable"], one["isBundle"]) == (
        "Music Plus", "Launched", True, False,
    )  # fmt: skip
    assert one["category"][0]["id"] == "music"
    price = one["productOfferingPrice"][0]
    assert (price["priceType"], price["recurringChargePeriod"]) == ("recurring", "month")
    assert price["price"]["taxIncludedAmount"] == {"unit": "CNY", "value": 10.0}
    assert one["productOfferingTerm"] == [
        {"name": "trial", "description": "the first 30 days are free", "duration": {"amount": 30, "units": "day"}}
    ]
    excluded = {one["id"] for one in one["productOfferingRelationship"] if one["relationshipType"] == "excludes"}
    assert excluded > {"TM-MUSIC-6", "TM-MUSIC-15"}


async def test_a_bundle_names_its_components_and_a_region_its_place(small: Client) -> None:
    listed = (await small("GET", f"{BASE}/productOffering?limit=100")).body
    catalog = Catalog.load(CATALOG_FILES).by_code
    bundles = [one for one in listed if one["isBundle"]]
    assert bundles
    for one in bundles:
        assert [part["id"] for part in one["bundledProductOffering"]] == [*catalog[one["id"]].components]
    regional = [one for one in listed if "place" in one]
    assert regional
    for one in regional:
        assert [place["id"] for place in one["place"]] == [*catalog[one["id"]].eligibility.regions]


async def test_names_come_in_the_language_asked_for(small: Client) -> None:
    chinese = await small("GET", f"{BASE}/productOffering/TM-MUSIC-10", Accept_Language="zh-CN")
    english = await small("GET", f"{BASE}/productOffering/TM-MUSIC-10", Accept_Language="en-GB,en;q=0.9")
    assert (chinese.body["name"], english.body["name"]) == ("音乐畅听会员", "Music Plus")
    assert (chinese.headers["content-language"], english.headers["content-language"]) == ("zh-CN", "en")


def _categories(*codes: str) -> Callable[[Any], bool]:
    return lambda one: one["category"][0]["id"] in codes


FILTERS: dict[str, Callable[[Any], bool]] = {
    "category.id=music": _categories("music"),
    "category.id=music,reading": _categories("music", "reading"),
    "category.id=music&category.id=reading": _categories("music", "reading"),
    "isBundle=true": lambda one: one["isBundle"],
    "productOfferingPrice.price.taxIncludedAmount.value.lt=5": lambda one: (
        one["productOfferingPrice"][0]["price"]["taxIncludedAmount"]["value"] < 5
    ),
    "category.id.ne=music&isBundle=false": lambda one: not _categories("music")(one) and not one["isBundle"],
}


async def test_offerings_are_filtered_by_their_attributes(small: Client) -> None:
    everything = (await small("GET", f"{BASE}/productOffering?limit=100")).body
    for query, matches in FILTERS.items():
        found = await small("GET", f"{BASE}/productOffering?limit=100&{query}")
        expected = [one for one in everything if matches(one)]
        assert 0 < len(expected) < len(everything)
        assert found.body == expected, query
        assert found.headers["x-total-count"] == str(len(expected))


async def test_pages_follow_each_other_by_their_links(small: Client) -> None:
    everything = [one["id"] for one in (await small("GET", f"{BASE}/productOffering?limit=100")).body]
    seen, path = [], f"{BASE}/productOffering?limit=25&fields=none"
    while path:
        page = await small("GET", path)
        seen += [one["id"] for one in page.body]
        assert page.headers["x-result-count"] == str(len(page.body))
        assert page.headers["x-total-count"] == str(len(everything))
        links = dict(reversed(part.split(">; rel=")) for part in page.headers.get("link", "").split(", ") if part)
        path = links.get('"next"', "").lstrip("<")
    assert seen == everything


async def test_only_selected_attributes_come_with_what_identifies(small: Client) -> None:
    listed = await small("GET", f"{BASE}/category?fields=name&limit=2")
    assert all(one.keys() == {"id", "href", "name", "@type"} for one in listed.body)
    offering = (await small("GET", f"{BASE}/productOffering/TM-MUSIC-10?fields=description")).body
    assert "description" in offering and "productOfferingTerm" not in offering
    none = (await small("GET", f"{BASE}/productOffering/TM-MUSIC-10?fields=none")).body
    assert "productOfferingTerm" not in none and none["id"] == "TM-MUSIC-10"


async def test_what_a_query_cannot_mean_is_refused_with_what_it_can(small: Client) -> None:
    wrong = ("nonsense=1", "category.colour=red", "fields=colour", "offset=-1", "limit=0", "limit=abc", "sort=name")
    for query in wrong:
        refused = await small("GET", f"{BASE}/productOffering?{query}", Accept_Language="en")
        assert refused.status == 400, query
        assert (refused.body["code"], refused.body["status"]) == ("malformed-request", "400")
        assert refused.body["@type"] == "Error" and refused.body["message"]


@needed
async def test_errors_have_the_form_of_the_document(small: Client) -> None:
    answers = {
        404: await small("GET", f"{BASE}/productOffering/TM-NOTHING-1"),
        405: await small("POST", f"{BASE}/productOffering", {"name": "new"}),
        401: await small("GET", f"{BASE}/productOffering", Authorization="Bearer nonsense"),
    }
    for status, answer in answers.items():
        assert answer.status == status
        assert conforms("tmf620", "Error", answer.body)
        assert answer.body["status"] == str(status)
    assert answers[405].headers["allow"] == "GET"
    assert (await small("GET", f"{BASE}/nothing")).status == 404
    assert (await small("GET", f"{BASE}/importJob")).body["@type"] == "Error"


@given(st.integers(0, 10**12))
def test_the_fen_of_a_price_come_back_exactly(fen: int) -> None:
    assert round(yuan(fen).value * 100) == fen


def changed(offer: Offer, **fields: Any) -> Offer:
    return msgspec.structs.replace(offer, **fields)


async def imported(listener: Listener, *found: Offer) -> list[Heard]:
    """What is heard of an import of these offers."""
    world = listener.world
    folder = world.settings.data_dir / "brought"
    folder.mkdir(parents=True, exist_ok=True)
    lines = [msgspec.json.encode(offer).decode() for offer in found]
    source = folder / f"{world.platform.ids()}.ndjson"
    source.write_text("\n".join(lines) + "\n")
    importer = OfferImporter(world.platform.store, world.clock, locale=world.settings.locale, whole=True)
    await run_import(world.platform.store, importer, Import(source, again=True), world.clock)
    heard = await listener.hear()
    assert all(conforms("tmf620", one.kind, one.body) for one in heard)
    return heard


@needed
async def test_a_listener_hears_what_an_import_changes(listener: Listener) -> None:
    assert conforms("tmf620", "EventSubscription", await listener.register(BASE))
    known = listener.world.platform.catalog.current.by_code["TM-MUSIC-10"]
    assert await imported(listener, known) == [], "what is the same is no news"
    new = changed(known, code="TM-MUSIC-99")
    draft = changed(known, code="TM-MUSIC-98", lifecycle="draft")
    dearer = changed(known, price_fen=1200, worth_fen=known.worth_fen + 1)
    (created, value) = sorted(
        await imported(listener, new, draft, dearer), key=lambda one: one.resource["id"] != new.code
    )
    assert (created.kind, created.resource["lifecycleStatus"]) == ("ProductOfferingCreateEvent", "Launched")
    assert value.kind == "ProductOfferingAttributeValueChangeEvent"
    assert value.resource["productOfferingPrice"][0]["price"]["taxIncludedAmount"]["value"] == 12.0
    await listener.world.platform.catalog.refresh(listener.world.platform.store)
    read = await listener.client("GET", f"{BASE}/productOffering/{known.code}", Accept_Language="zh-CN")
    assert read.body == value.resource, "it is told as it is read"
    for lifecycle, kind in (
        ("retired", "ProductOfferingStateChangeEvent"), ("on_sale", "ProductOfferingStateChangeEvent"),
        ("draft", "ProductOfferingDeleteEvent"), ("on_sale", "ProductOfferingCreateEvent"),
    ):  # fmt: skip
        (one,) = await imported(listener, changed(dearer, lifecycle=lifecycle))
        assert (one.kind, one.path) == (kind, f"/tmf/listener/{kind[0].lower()}{kind[1:]}")
    assert await imported(listener, changed(dearer, worth_fen=1, keywords=("secret",))) == [], "that is not shown"


async def test_a_catalog_of_files_is_told_to_those_who_want_it(listener: Listener, tmp_path: Path) -> None:
    await listener.register(BASE, "eventType=ProductOfferingAttributeValueChangeEvent")
    await listener.client.log_in("webhooks:*", "events:read", partner="other")
    await listener.register("/tmf-api/productInventory/v4")
    text = (CATALOG_FILES / "news.toml").read_text("utf-8")
    assert "price_fen = 300" in text
    shutil.copytree(CATALOG_FILES, tmp_path / "catalog")
    (tmp_path / "catalog" / "news.toml").write_text(text.replace("price_fen = 300", "price_fen = 400", 1), "utf-8")
    await import_catalog(listener.world.platform.store, tmp_path / "catalog", listener.world.clock, "en")
    (one,) = await listener.hear()
    assert one.kind == "ProductOfferingAttributeValueChangeEvent"
    assert (await listener.client("GET", "/v1/events")).body["items"] == []
