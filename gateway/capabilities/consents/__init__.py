"""Consent: what each subscriber agreed to or refused, when, where, and on which text."""

from gateway.capabilities.consents.capability import (
    CURRENT_TEXT,
    Consent,
    ConsentList,
    ListConsents,
    SetConsent,
    record_answer,
)
from gateway.capabilities.consents.capability import consents as consent_capabilities
from gateway.capabilities.consents.tables import consents

__all__ = [
    "CURRENT_TEXT",
    "Consent",
    "ConsentList",
    "ListConsents",
    "SetConsent",
    "consent_capabilities",
    "consents",
    "record_answer",
]
