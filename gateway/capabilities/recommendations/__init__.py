"""Recommendation: learn what goes together, rank what a subscriber may have, say why."""

from gateway.capabilities.recommendations.items import (
    TRAFFIC_USED,
    content_item,
    profile_items,
    service_item,
    usage_items,
)
from gateway.capabilities.recommendations.ranking import Ranked, Ranker
from gateway.capabilities.recommendations.reasons import Reason, words
from gateway.capabilities.recommendations.training import ItemModel, incidence, train

__all__ = [
    "TRAFFIC_USED",
    "ItemModel",
    "Ranked",
    "Ranker",
    "Reason",
    "content_item",
    "incidence",
    "profile_items",
    "service_item",
    "train",
    "usage_items",
    "words",
]
