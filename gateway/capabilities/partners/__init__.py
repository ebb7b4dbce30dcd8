"""Partner applications: who they are, what they may, their secrets."""

from gateway.capabilities.partners.capability import (
    CreatePartner,
    Credentials,
    Origin,
    PartnerExists,
    PartnerId,
    PartnerIsPublic,
    PartnerNotFound,
    PartnerRef,
    RedirectUriInvalid,
    Scope,
    add_partner,
    give_secret,
    refuse_bad_redirects,
    renew_secret,
    texts,
)
from gateway.capabilities.partners.capability import partners as partner_capabilities
from gateway.capabilities.partners.repository import Partner, Partners, standing_of
from gateway.capabilities.partners.tables import out_of_normal, partners

__all__ = [
    "CreatePartner",
    "Credentials",
    "Origin",
    "Partner",
    "PartnerExists",
    "PartnerId",
    "PartnerIsPublic",
    "PartnerNotFound",
    "PartnerRef",
    "Partners",
    "RedirectUriInvalid",
    "Scope",
    "add_partner",
    "give_secret",
    "out_of_normal",
    "partner_capabilities",
    "partners",
    "refuse_bad_redirects",
    "renew_secret",
    "standing_of",
    "texts",
]
