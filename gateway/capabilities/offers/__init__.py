"""The catalog of offers and who may have which."""

from gateway.capabilities.offers.catalog import Catalog, CatalogError, load_catalog
from gateway.capabilities.offers.eligibility import EligibilityIndex, Refusal, why_not
from gateway.capabilities.offers.facts import VISITOR, SubscriberFacts
from gateway.capabilities.offers.schemas import Bilingual, Brand, Content, Offer, Service

__all__ = [
    "VISITOR",
    "Bilingual",
    "Brand",
    "Catalog",
    "CatalogError",
    "Content",
    "EligibilityIndex",
    "Offer",
    "Refusal",
    "Service",
    "SubscriberFacts",
    "load_catalog",
    "why_not",
]
