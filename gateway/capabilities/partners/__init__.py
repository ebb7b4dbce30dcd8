"""Partner applications: who they are, what they may, their secrets."""

from gateway.capabilities.partners.capability import (
    CreatePartner,
    Credentials,
    PartnerExists,
    PartnerNotFound,
    PartnerRef,
)
from gateway.capabilities.partners.capability import partners as partner_capabilities
from gateway.capabilities.partners.repository import Partner, Partners
from gateway.capabilities.partners.tables import partners

__all__ = [
    "CreatePartner",
    "Credentials",
    "Partner",
    "PartnerExists",
    "PartnerNotFound",
    "PartnerRef",
    "Partners",
    "partner_capabilities",
    "partners",
]
