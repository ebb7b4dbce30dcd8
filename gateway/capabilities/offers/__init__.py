"""The catalog of offers and who may have which."""

from gateway.capabilities.offers.catalog import Catalog, CatalogError, load_catalog
from gateway.capabilities.offers.eligibility import EligibilityIndex, Refusal, why_not
from gateway.capabilities.offers.facts import VISITOR, SubscriberFacts
from gateway.capabilities.offers.live import LiveCatalog, offers, put_offers
from gateway.capabilities.offers.schemas import Bilingual, Brand, Content, Offer, Service

__all__ = [
    "VISITOR",
    "Bilingual",
    "Brand",
    "Catalog",
    "CatalogError",
    "Content",
    "EligibilityIndex",
    "LiveCatalog",
    "Offer",
    "Refusal",
    "Service",
    "SubscriberFacts",
    "load_catalog",
    "offers",
    "put_offers",
    "why_not",
]
