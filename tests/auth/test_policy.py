"""The one question, asked of every kind of caller."""

from datetime import UTC, datetime, timedelta

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from auth.policy import Need, common, covers, decide
from auth.principal import ANONYMOUS, Principal, Subject, partner_account, partner_of

NOW = datetime(2026, 1, 1, tzinfo=UTC)
READ = Need("orders.list", "orders:read", "required", "read", None, False)
CONFIRM = Need("orders.confirm", "orders:write", "required", "write", None, True)
PUBLIC = Need("offers.list", "public", "none", "read", None, False)
PROFILE = Need("preferences.show", "preferences:read", "required", "read", "profile", False)

CHAT = Principal("account", "wechat:gh:o1", frozenset({"orders:*", "preferences:*"}), "wechat:gh:o1")
VISITOR = Principal("session", "web:v1", frozenset({"orders:*"}), "web:v1", None, "t1")
PARTNER = Principal("partner", "shop", frozenset({"orders:*", "preferences:read"}), None, "shop", "t2")
OPERATOR = Principal("operator", "cli", frozenset({"*"}))
OF_CHAT = Subject(1, "wechat:gh:o1", "b1")
OF_SHOP = Subject(1, "partner:shop:u1", "b2")

ids = st.sampled_from(["shop", "shop2", "sho", "a", "a:b", ""])
users = st.sampled_from(["u1", "u2", "b:u1", ""])
accounts = st.one_of(
    st.builds(lambda partner, user: f"partner:{partner}:{user}", ids, users),
    st.sampled_from(["wechat:gh:o1", "wechat:gh:o2", "web:v1", "sms:+8613800138000", "partner", "partner:", ""]),
)
scopes = st.frozensets(
    st.sampled_from(["orders:read", "orders:write", "orders:*", "order:*", "*", "preferences:read", "public"])
)
maybe_text = st.none() | st.sampled_from(["shop", "a", "b1", "b2"])
principals = st.builds(
    Principal,
    kind=st.sampled_from(["anonymous", "account", "session", "partner", "operator"]),
    id=ids,
    scopes=scopes,
    account=st.none() | accounts,
    partner_id=st.none() | ids,
    token_id=st.none(),
    binding_id=maybe_text,
    expires_at=st.none() | st.sampled_from([NOW - timedelta(seconds=1), NOW, NOW + timedelta(seconds=1)]),
    suspended=st.booleans(),
)
subjects = st.builds(Subject, st.integers(1, 3), accounts, st.sampled_from(["b1", "b2"]), st.booleans())
needs = st.builds(
    Need,
    st.just("x.y"),
    st.sampled_from(["public", "orders:read", "orders:write", "preferences:read"]),
    st.sampled_from(["none", "optional", "required"]),
    st.sampled_from(["read", "write"]),
    st.none() | st.just("profile"),
    st.booleans(),
)
consents = st.none() | st.dictionaries(st.sampled_from(["profile", "order"]), st.booleans())


def reason(
    principal: Principal, need: Need, subject: Subject | None = None, answers: dict[str, bool] | None = None
) -> str:
    return decide(principal, need, subject, answers, NOW).reason


@given(principals, needs, st.none() | subjects, consents, st.none() | accounts)
def test_nobody_acts_for_an_account_that_is_not_theirs(
    principal: Principal, need: Need, subject: Subject | None, answers: dict[str, bool] | None, account: str | None
) -> None:
    if not decide(principal, need, subject, answers, NOW, account=account).allowed or principal.kind == "operator":
        return
    for touched in {account, subject.account if subject else None} - {None}:
        assert touched is not None
        if principal.kind == "partner":
            assert principal.partner_id
            assert touched.startswith(f"partner:{principal.partner_id}:")
            assert partner_of(touched) == principal.partner_id
        else:
            assert principal.kind != "anonymous"
            assert touched == principal.account


@given(principals, needs, st.none() | subjects, consents, st.none() | accounts, scopes)
def test_more_scopes_never_take_a_right_away(
    principal: Principal,
    need: Need,
    subject: Subject | None,
    answers: dict[str, bool] | None,
    account: str | None,
    more: frozenset[str],
) -> None:
    if decide(principal, need, subject, answers, NOW, account=account).allowed:
        richer = msgspec.structs.replace(principal, scopes=principal.scopes | more)
        assert decide(richer, need, subject, answers, NOW, account=account).allowed


@given(principals, needs, st.none() | subjects, consents, st.none() | accounts)
def test_what_is_allowed_broke_no_rule(
    principal: Principal, need: Need, subject: Subject | None, answers: dict[str, bool] | None, account: str | None
) -> None:
    decision = decide(principal, need, subject, answers, NOW, account=account)
    assert decision.words["zh"] and decision.words["en"]
    if not decision.allowed:
        return
    assert not principal.suspended
    assert principal.expires_at is None or principal.expires_at > NOW
    if principal.kind == "anonymous":
        assert need.scope == "public" and subject is None and account is None
    if need.own_voice:
        assert principal.kind in ("account", "session") and partner_of(principal.account or "") is None
    if need.subject == "required":
        assert subject is not None
    if need.subject != "none" and subject is not None:
        assert not subject.suspended
        assert principal.binding_id in (None, subject.binding_id)
        if need.consent:
            assert (answers or {}).get(need.consent, principal.kind in ("account", "session"))


@given(principals, needs, st.none() | subjects, consents)
def test_withdrawing_a_consent_never_gives_a_right(
    principal: Principal, need: Need, subject: Subject | None, answers: dict[str, bool] | None
) -> None:
    withdrawn = dict.fromkeys(("profile", "order"), False)
    if decide(principal, need, subject, withdrawn, NOW).allowed:
        assert decide(principal, need, subject, answers, NOW).allowed or need.consent is not None
        assert need.consent is None or subject is None or need.subject == "none"


def test_anybody_may_call_what_is_public_and_nothing_else() -> None:
    assert reason(ANONYMOUS, PUBLIC) == "allowed"
    assert reason(ANONYMOUS, READ) == "identity_required"


def test_a_chat_account_and_a_session_act_for_themselves_only() -> None:
    assert reason(CHAT, READ, OF_CHAT) == "allowed"
    assert reason(CHAT, CONFIRM, OF_CHAT) == "allowed"
    assert reason(VISITOR, CONFIRM, Subject(1, "web:v1", "b")) == "allowed"
    assert reason(VISITOR, READ, OF_CHAT) == "foreign_account"
    assert reason(CHAT, READ, OF_SHOP) == "foreign_account"


def test_an_unbound_account_is_asked_to_bind_where_a_subscriber_is_needed() -> None:
    assert reason(CHAT, READ) == "binding_required"
    assert reason(CHAT, msgspec.structs.replace(READ, subject="optional")) == "allowed"


def test_a_partner_acts_for_its_own_users_within_its_scopes() -> None:
    assert reason(PARTNER, READ, OF_SHOP) == "allowed"
    assert reason(PARTNER, READ, OF_CHAT) == "foreign_account"
    assert reason(PARTNER, READ, Subject(1, "partner:shop2:u1", "b")) == "foreign_account"
    assert reason(PARTNER, Need("members.list", "members:read")) == "scope_missing"
    assert decide(PARTNER, READ, None, None, NOW, account="wechat:gh:o1").reason == "foreign_account"


def test_a_subject_found_by_another_account_than_the_named_one_is_refused() -> None:
    assert decide(OPERATOR, READ, OF_CHAT, None, NOW, account="wechat:gh:o1").allowed
    assert decide(OPERATOR, READ, OF_CHAT, None, NOW, account="wechat:gh:o2").reason == "foreign_account"


def test_a_partner_cannot_say_yes_for_a_subscriber_not_even_with_a_session_it_opened() -> None:
    assert reason(PARTNER, CONFIRM, OF_SHOP) == "own_voice_required"
    session = Principal("session", "s", frozenset({"orders:*"}), "partner:shop:u1", "shop")
    assert reason(session, READ, OF_SHOP) == "allowed"
    assert reason(session, CONFIRM, OF_SHOP) == "own_voice_required"
    assert reason(OPERATOR, CONFIRM, OF_CHAT) == "own_voice_required"


def test_a_session_of_one_partner_is_no_use_for_the_users_of_another() -> None:
    session = Principal("session", "s", frozenset({"orders:*"}), "partner:shop:u1", "other")
    assert reason(session, READ, OF_SHOP) == "foreign_account"


def test_a_partner_needs_agreement_and_the_subscriber_only_no_refusal() -> None:
    assert reason(PARTNER, PROFILE, OF_SHOP) == "consent_missing"
    assert reason(PARTNER, PROFILE, OF_SHOP, {"profile": False}) == "consent_missing"
    assert reason(PARTNER, PROFILE, OF_SHOP, {"profile": True}) == "allowed"
    assert reason(CHAT, PROFILE, OF_CHAT) == "allowed"
    assert reason(CHAT, PROFILE, OF_CHAT, {"profile": False}) == "consent_missing"


def test_suspension_and_expiry_end_every_right() -> None:
    assert reason(msgspec.structs.replace(PARTNER, suspended=True), PUBLIC) == "caller_suspended"
    assert reason(msgspec.structs.replace(PARTNER, expires_at=NOW), PUBLIC) == "credentials_expired"
    assert reason(CHAT, READ, msgspec.structs.replace(OF_CHAT, suspended=True)) == "binding_suspended"


def test_a_token_ends_with_the_binding_it_was_issued_under() -> None:
    tied = msgspec.structs.replace(CHAT, binding_id="b1")
    assert reason(tied, READ, OF_CHAT) == "allowed"
    assert reason(tied, READ, msgspec.structs.replace(OF_CHAT, binding_id="b9")) == "binding_ended"
    assert reason(tied, READ) == "binding_ended"


@pytest.mark.parametrize(
    ("granted", "scope", "held"),
    [
        ("orders:*", "orders:read", True),
        ("orders:*", "orders", False),
        ("orders:*", "ordersx:read", False),
        ("orders:*", "orders:gift:write", True),
        ("orders:gift:*", "orders:read", False),
        ("orders", "orders:read", False),
        ("*", "anything:read", True),
    ],
)
def test_a_wildcard_covers_whole_parts(granted: str, scope: str, held: bool) -> None:
    assert covers(frozenset({granted}), scope) is held


def test_a_partner_id_with_a_colon_cannot_name_an_account() -> None:
    assert partner_account("shop", "u:1") == "partner:shop:u:1"
    assert partner_of("partner:shop:u:1") == "shop"
    with pytest.raises(ValueError, match="not a partner account"):
        partner_account("a:b", "u")


SCOPES = st.frozensets(st.sampled_from(["*", "orders:*", "orders:read", "orders:write", "offers:read", "offers:*"]))


@given(SCOPES, SCOPES, st.sampled_from(["orders:read", "orders:write", "offers:read", "offers:write"]))
def test_what_two_sets_have_in_common_is_what_both_cover(
    one: frozenset[str], other: frozenset[str], scope: str
) -> None:
    assert covers(common(one, other), scope) == (covers(one, scope) and covers(other, scope))
