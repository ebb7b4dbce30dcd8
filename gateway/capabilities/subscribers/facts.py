"""The subject in the words of the catalog's rules."""

from __future__ import annotations

from gateway.capabilities.offers import VISITOR, SubscriberFacts
from gateway.subject import SubjectRecord


def facts_of(subject: SubjectRecord | None) -> SubscriberFacts:
    """What decides which offers the subject may have; an unbound visitor has none of it."""
    if subject is None:
        return VISITOR
    return SubscriberFacts(
        subject.id, subject.brand, subject.region, subject.device_abilities, subject.held, subject.open_orders
    )
