"""What subscribers grant to partners: signing in with the operator, and the tokens that follow."""

from gateway.capabilities.grants.capability import (
    Approved,
    ApproveGrant,
    ConsiderGrant,
    Considering,
    Introspection,
    NameToken,
    RedeemToken,
    UserInfo,
    WhoSignedIn,
)
from gateway.capabilities.grants.capability import grants as grant_capabilities
from gateway.capabilities.grants.errors import (
    GrantNotFound,
    GrantRefused,
    RedirectRefused,
    ScopeNotGranted,
    TokenNotRevocable,
)
from gateway.capabilities.grants.given import PAGE as GRANTS_PAGE
from gateway.capabilities.grants.given import GrantList, ListGrants
from gateway.capabilities.grants.issuing import GrantRules, Issued
from gateway.capabilities.grants.live import LiveGrants
from gateway.capabilities.grants.scopes import GRANTABLE, OPENID, not_grantable
from gateway.capabilities.grants.sign_in import LASTS, SignInEnder, visitor

__all__ = [
    "GRANTABLE",
    "GRANTS_PAGE",
    "LASTS",
    "OPENID",
    "ApproveGrant",
    "Approved",
    "ConsiderGrant",
    "Considering",
    "GrantList",
    "GrantNotFound",
    "GrantRefused",
    "GrantRules",
    "Introspection",
    "Issued",
    "ListGrants",
    "LiveGrants",
    "NameToken",
    "RedeemToken",
    "RedirectRefused",
    "ScopeNotGranted",
    "SignInEnder",
    "TokenNotRevocable",
    "UserInfo",
    "WhoSignedIn",
    "grant_capabilities",
    "not_grantable",
    "visitor",
]
