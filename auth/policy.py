"""The one question: may this principal call this capability for this subject, now?"""

from collections.abc import Mapping
from datetime import datetime
from functools import lru_cache

import msgspec

from auth.principal import Principal, Subject, partner_of, signed_in

PUBLIC = "public"
"""The scope of what anybody may call."""


class Need(msgspec.Struct, frozen=True):
    """What a capability asks of its caller."""

    capability: str
    """Its name, `<set>.<verb>`."""
    scope: str
    """The scope a caller must hold, or `public`."""
    subject: str = "none"
    """Whether it is about one subscriber: `none`, `optional` or `required`."""
    effect: str = "read"
    """Whether it changes anything: `read`, `write`, or `remove` for what takes something away."""
    consent: str | None = None
    """The purpose the subscriber must agree to. None: no consent of its own."""
    own_voice: bool = False
    """Whether only the subscriber in person may call it, as for the yes to an order."""
    partner_only: bool = False
    """Whether it is about a partner's own business, so that only the partner's server may call it."""


class Decision(msgspec.Struct, frozen=True):
    """The answer, with a stable reason code and words for people."""

    allowed: bool
    reason: str
    words: Mapping[str, str]
    """The reason in `zh` and `en`."""


ALLOWED = Decision(True, "allowed", {"zh": "允许", "en": "allowed"})
IDENTITY_REQUIRED = Decision(False, "identity_required", {"zh": "请先登录或提供凭证", "en": "credentials are needed"})
CREDENTIALS_EXPIRED = Decision(
    False, "credentials_expired", {"zh": "凭证已过期，请重新获取", "en": "the credentials have expired; get new ones"}
)
CALLER_SUSPENDED = Decision(False, "caller_suspended", {"zh": "调用方已被暂停", "en": "the caller is suspended"})
FOREIGN_ACCOUNT = Decision(
    False, "foreign_account", {"zh": "不能替该账号办理", "en": "the caller may not act for that account"}
)
SCOPE_MISSING = Decision(False, "scope_missing", {"zh": "没有这项能力的权限", "en": "the caller lacks the scope"})
OWN_VOICE_REQUIRED = Decision(
    False,
    "own_voice_required",
    {"zh": "这一步须由用户本人确认", "en": "only the subscriber in person can do this"},
)
PARTNER_REQUIRED = Decision(
    False, "partner_required", {"zh": "只有合作方的服务器可以调用", "en": "only a partner's own server can do this"}
)
BINDING_REQUIRED = Decision(
    False, "binding_required", {"zh": "请先绑定手机号", "en": "the account is not bound to a phone number yet"}
)
BINDING_SUSPENDED = Decision(
    False,
    "binding_suspended",
    {"zh": "绑定已暂停，请重新验证手机号", "en": "the binding is suspended; verify the phone number again"},
)
BINDING_ENDED = Decision(
    False,
    "binding_ended",
    {"zh": "登录时的绑定已解除，请重新登录", "en": "the binding behind these credentials has ended; sign in again"},
)
SANDBOX_MISMATCH = Decision(
    False,
    "sandbox_mismatch",
    {
        "zh": "沙箱合作方只能操作自己的沙箱用户，正式合作方不能操作沙箱用户",
        "en": "a sandbox partner acts for its own sandbox users only, and nobody else does",
    },
)
CONSENT_MISSING = Decision(
    False, "consent_missing", {"zh": "用户未同意此用途", "en": "the subscriber has not agreed to this purpose"}
)


def decide(
    principal: Principal,
    need: Need,
    subject: Subject | None,
    consents: Mapping[str, bool] | None,
    now: datetime,
    *,
    account: str | None = None,
    sandbox: str | None = None,
) -> Decision:
    """Whether the principal may make the call.

    `subject` is the subscriber behind the account, None if it is bound to none; `consents` holds their answers by
    purpose, an absent purpose was never answered; `account` is the account the caller named, None for its own;
    `sandbox` is the sandbox partner that the call is made through, None: the call is live.

    A partner needs the subscriber's stated agreement: what was said about this partner (`recommend:shop`), else what was
    said in general (`recommend`). To the subscriber's own request only a stated refusal is a bar:
    asking for a recommendation is itself the wish to have one.
    """
    if principal.expires_at is not None and principal.expires_at <= now:
        return CREDENTIALS_EXPIRED
    if principal.suspended:
        return CALLER_SUSPENDED
    if need.scope != PUBLIC:
        if principal.kind == "anonymous":
            return IDENTITY_REQUIRED
        if not covers(principal.scopes, need.scope):
            return SCOPE_MISSING
    elif need.effect == "write" and _is_delegated(principal):
        return SCOPE_MISSING  # what anybody may do was not granted: opening a session would widen what was
    if not _acts_for(principal, account, subject):
        return FOREIGN_ACCOUNT
    if need.own_voice and not _is_in_person(principal):
        return OWN_VOICE_REQUIRED
    if need.partner_only and (principal.kind != "partner" or principal.binding_id is not None):
        return PARTNER_REQUIRED
    if need.subject == "none":
        return ALLOWED
    if principal.binding_id is not None and (subject is None or subject.binding_id != principal.binding_id):
        return BINDING_ENDED
    if subject is None:
        return BINDING_REQUIRED if need.subject == "required" else ALLOWED
    if subject.sandbox != sandbox and principal.kind != "operator":
        return SANDBOX_MISMATCH
    if subject.suspended:
        return BINDING_SUSPENDED
    return (
        ALLOWED if need.consent is None else _with_consent(principal, _answer(principal, need.consent, consents or {}))
    )


def covers(granted: frozenset[str], scope: str) -> bool:
    """Whether the granted scopes hold `scope`, by name or by a wildcard over one of its leading parts."""
    return not granted.isdisjoint(_covering(scope))


@lru_cache(maxsize=1024)
def common(one: frozenset[str], other: frozenset[str]) -> frozenset[str]:
    """The scopes that both sets grant: of `orders:*` and `orders:read` the narrower one."""
    return frozenset(
        [scope for scope in one if covers(other, scope)] + [scope for scope in other if covers(one, scope)]
    )


@lru_cache(maxsize=1024)
def _covering(scope: str) -> frozenset[str]:
    parts = scope.split(":")
    return frozenset([scope, "*", *(":".join(parts[:length]) + ":*" for length in range(1, len(parts)))])


def _acts_for(principal: Principal, account: str | None, subject: Subject | None) -> bool:
    """Whether every account that the call touches is one the principal may speak for."""
    return (account is None or _owns(principal, account)) and (
        subject is None or (_owns(principal, subject.account) and account in (None, subject.account))
    )


def _owns(principal: Principal, account: str) -> bool:
    match principal.kind:
        case "operator":
            return True
        case "partner":
            if principal.partner_id is None or partner_of(account) != principal.partner_id:
                return False
            # With its own credentials a partner speaks for the users it brought, not for those who signed in with us:
            # they granted some scopes, and may have refused others.
            return account == principal.account if _is_delegated(principal) else not signed_in(account)
        case "account" | "session":
            return account == principal.account and partner_of(account) in (None, principal.partner_id)
        case _:
            return False


def _is_delegated(principal: Principal) -> bool:
    return principal.kind == "partner" and principal.account is not None


def _is_in_person(principal: Principal) -> bool:
    # A session of a partner's own user was opened by the partner, which holds its token and could answer with it.
    return (
        not principal.by_proxy
        and principal.kind in ("account", "session")
        and principal.account is not None
        and not principal.account.startswith("partner:")
    )


def _answer(principal: Principal, purpose: str, answers: Mapping[str, bool]) -> bool | None:
    return answers.get(f"{purpose}:{principal.partner_id}", answers.get(purpose))


def _with_consent(principal: Principal, answer: bool | None) -> Decision:
    in_person = principal.kind in ("account", "session")
    return ALLOWED if answer or (answer is None and in_person) else CONSENT_MISSING
