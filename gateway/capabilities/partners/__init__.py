"""Partner applications: who they are, what they may, their secrets."""

from gateway.capabilities.partners.capability import (
    CreatePartner,
    Credentials,
    PartnerExists,
    PartnerId,
    PartnerNotFound,
    PartnerRef,
)
from gateway.capabilities.partners.capability import partners as partner_capabilities
from gateway.capabilities.partners.repository import Partner, Partners, standing_of
from gateway.capabilities.partners.tables import out_of_normal, partners

__all__ = [
    "CreatePartner",
    "Credentials",
    "Partner",
    "PartnerExists",
    "PartnerId",
    "PartnerNotFound",
    "PartnerRef",
    "Partners",
    "out_of_normal",
    "partner_capabilities",
    "partners",
    "standing_of",
]
