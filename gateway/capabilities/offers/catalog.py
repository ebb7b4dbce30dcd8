"""The catalog: read from TOML files, checked as a whole, then kept as one immutable snapshot."""

from __future__ import annotations

import tomllib
import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence
from graphlib import CycleError, TopologicalSorter
from pathlib import Path
from types import MappingProxyType
from typing import Any, TypeVar

import msgspec

from gateway.capabilities.offers.schemas import Brand, Offer, Service

T = TypeVar("T", Offer, Service, Brand)


class CatalogError(ValueError):
    """The catalog is wrong; the message names the file, the offer and the field."""

    def __init__(self, file: str, entry: str, field: str, problem: str) -> None:
        super().__init__(f"{file}: {entry}: {field}: {problem}")
        self.file = file
        self.entry = entry
        self.field = field
        self.problem = problem


def load_catalog(path: Path) -> list[Offer]:
    """The offers of a catalog file or of all ``*.toml`` files of a folder, by code.

    Exclusion is mutual: naming it on one side is enough, the other side is completed here.

    Raises:
        CatalogError: malformed entries, double codes, unknown codes, cyclic prerequisites, a missing language.
    """
    return list(Catalog.load(path).offers)


class Catalog:
    """An immutable snapshot of the offers, with what is asked of it in every message worked out beforehand.

    Attributes:
        offers: all offers, every lifecycle, ordered by code; the order of every array about offers.
        codes: their codes in the same order.
        position: code -> place in that order.
        by_code: code -> offer.
        services: service code -> service (empty when the offers came without words for services).
        brands: brand code -> brand.
    """

    def __init__(self, offers: Iterable[Offer], services: Iterable[Service] = (), brands: Iterable[Brand] = ()) -> None:
        self.offers: tuple[Offer, ...] = tuple(sorted(offers, key=lambda offer: offer.code))
        self.codes: tuple[str, ...] = tuple(offer.code for offer in self.offers)
        self.position: Mapping[str, int] = MappingProxyType({code: at for at, code in enumerate(self.codes)})
        if len(self.position) != len(self.offers):
            raise ValueError("an offer code is used twice")
        self.by_code: Mapping[str, Offer] = MappingProxyType(dict(zip(self.codes, self.offers, strict=True)))
        self.services: Mapping[str, Service] = MappingProxyType({service.code: service for service in services})
        self.brands: Mapping[str, Brand] = MappingProxyType({brand.code: brand for brand in brands})
        self._terms = _terms(self.offers)

    @classmethod
    def load(cls, path: Path) -> Catalog:
        """The catalog of a file or folder with its services and brands; see ``load_catalog`` for the errors."""
        offers: list[tuple[str, Offer]] = []
        services: list[tuple[str, Service]] = []
        brands: list[tuple[str, Brand]] = []
        for file in sorted(path.glob("*.toml")) if path.is_dir() else [path]:
            tables = _read(file)
            offers += _decode(file.name, tables.get("offer", []), Offer)
            services += _decode(file.name, tables.get("service", []), Service)
            brands += _decode(file.name, tables.get("brand", []), Brand)
        for entries in (offers, services, brands):
            _refuse_double_codes(entries)
        _refuse_wrong_references(offers, services, brands)
        _refuse_cyclic_requires(offers)
        return cls(
            _with_mutual_exclusion([offer for _, offer in offers]),
            (service for _, service in services),
            (brand for _, brand in brands),
        )

    def __len__(self) -> int:
        return len(self.offers)

    def __iter__(self) -> Iterator[Offer]:
        return iter(self.offers)

    def find(self, text: str) -> list[Offer]:
        """The offers a person means by these words; empty when none is recognised.

        A code, name or keyword that is the whole text wins; then the longest one inside the text ("我要订流量音乐包");
        then those the text is a part of. Offers on sale come first, drafts are never found; retired ones are, since
        people still hold them and give them up by name.
        """
        wanted = _plain(text)
        if not wanted:
            return []
        places = self._terms.get(wanted) or self._longest_inside(wanted) or self._containing(wanted)
        found = sorted(places, key=lambda at: (self.offers[at].lifecycle != "on_sale", at))
        return [self.offers[at] for at in found]

    def _longest_inside(self, wanted: str) -> set[int]:
        inside = [term for term in self._terms if len(term) > 1 and term in wanted]
        longest = max(map(len, inside), default=0)
        return {at for term in inside if len(term) == longest for at in self._terms[term]}

    def _containing(self, wanted: str) -> set[int]:
        if len(wanted) < 2:
            return set()
        return {at for term, places in self._terms.items() if wanted in term for at in places}


def _plain(text: str) -> str:
    """Width, case, blanks and punctuation make no difference to what a person means."""
    folded = unicodedata.normalize("NFKC", text).casefold()
    return "".join(letter for letter in folded if letter.isalnum())


def _terms(offers: Sequence[Offer]) -> dict[str, set[int]]:
    terms: dict[str, set[int]] = {}
    for at, offer in enumerate(offers):
        if offer.lifecycle == "draft":
            continue
        for term in (offer.code, offer.names.zh, offer.names.en, *offer.keywords):
            if plain := _plain(term):
                terms.setdefault(plain, set()).add(at)
    return terms


def _read(file: Path) -> dict[str, Any]:
    try:
        tables = tomllib.loads(file.read_text("utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise CatalogError(file.name, "file", "syntax", str(error)) from error
    for name in tables.keys() - {"offer", "service", "brand"}:
        raise CatalogError(file.name, "file", name, "unknown table; known are offer, service, brand")
    return tables


def _decode(file: str, entries: list[Any], kind: type[T]) -> list[tuple[str, T]]:
    decoded: list[tuple[str, T]] = []
    for number, entry in enumerate(entries, start=1):
        code = entry.get("code", f"entry {number}") if isinstance(entry, dict) else f"entry {number}"
        try:
            decoded.append((file, msgspec.convert(entry, kind)))
        except msgspec.ValidationError as error:
            problem, _, place = str(error).partition(" - at ")
            raise CatalogError(file, code, place.strip("`$.") or "entry", problem) from error
    return decoded


def _refuse_double_codes(entries: Sequence[tuple[str, Offer | Service | Brand]]) -> None:
    seen: dict[str, str] = {}
    for file, entry in entries:
        if entry.code in seen:
            raise CatalogError(file, entry.code, "code", f"already used in {seen[entry.code]}")
        seen[entry.code] = file


def _refuse_wrong_references(
    offers: Sequence[tuple[str, Offer]], services: Sequence[tuple[str, Service]], brands: Sequence[tuple[str, Brand]]
) -> None:
    codes = {offer.code for _, offer in offers}
    known_services = {service.code for _, service in services}
    known_brands = {brand.code for _, brand in brands}
    excluded = _mutual_exclusion([offer for _, offer in offers])
    for file, offer in offers:
        for field, named, known in (
            ("eligibility.excludes", offer.eligibility.excludes, codes - {offer.code}),
            ("eligibility.requires", offer.eligibility.requires, codes - {offer.code}),
            ("components", offer.components, codes - {offer.code}),
            ("eligibility.brands", offer.eligibility.brands, known_brands),
            ("service", (offer.service,), known_services),
        ):
            if unknown := sorted(set(named) - known):
                raise CatalogError(file, offer.code, field, f"unknown code {', '.join(unknown)}")
        if both := sorted(excluded[offer.code] & set(offer.eligibility.requires)):
            raise CatalogError(file, offer.code, "eligibility.requires", f"also excluded: {', '.join(both)}")
        if (offer.kind == "bundle") != bool(offer.components):
            raise CatalogError(file, offer.code, "components", "a bundle has components, other offers have none")


def _refuse_cyclic_requires(offers: Sequence[tuple[str, Offer]]) -> None:
    files = {offer.code: file for file, offer in offers}
    order = TopologicalSorter({offer.code: offer.eligibility.requires for _, offer in offers})
    try:
        order.prepare()
    except CycleError as error:
        cycle = error.args[1]
        raise CatalogError(files[cycle[0]], cycle[0], "eligibility.requires", f"cycle {' -> '.join(cycle)}") from error


def _mutual_exclusion(offers: Sequence[Offer]) -> dict[str, set[str]]:
    excluded: dict[str, set[str]] = {offer.code: set(offer.eligibility.excludes) for offer in offers}
    for offer in offers:
        for other in offer.eligibility.excludes:
            excluded.setdefault(other, set()).add(offer.code)
    return excluded


def _with_mutual_exclusion(offers: Sequence[Offer]) -> list[Offer]:
    excluded = _mutual_exclusion(offers)
    replace = msgspec.structs.replace
    return [
        replace(offer, eligibility=replace(offer.eligibility, excludes=tuple(sorted(excluded[offer.code]))))
        for offer in offers
    ]
