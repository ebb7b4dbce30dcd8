"""Tokens prove what was issued, for as long as it was issued, and nothing can be made to look like one."""

import base64
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from joserfc import jwt
from joserfc.jwk import ECKey, OctKey

from auth.principal import ANONYMOUS, Principal
from auth.tokens import (
    EarlyToken,
    ExpiredToken,
    ForeignToken,
    MalformedToken,
    TokenIssuer,
    TokenKind,
    TokenRefused,
    TokenVerifier,
    UntrustedToken,
    generate_signing_key,
    read_signing_keys,
)

NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)
QUARTER = timedelta(minutes=15)
URL = "https://tuila.example.test"
OLD, KEY = generate_signing_key("2025"), generate_signing_key("2026")
ISSUER = TokenIssuer([KEY, OLD], issuer=URL, audience=URL)
PARTNER = Principal("partner", "shop", frozenset({"orders:read", "orders:write"}), None, "shop")
SESSION = Principal("session", "v1", frozenset({"orders:*"}), "web:v1", "shop", None, "b1")
TOKEN = ISSUER.issue(PARTNER, token_id="t1", now=NOW, ttl=QUARTER)
CLAIMS: dict[str, Any] = {
    "iss": URL, "aud": URL, "sub": "shop", "jti": "t", "iat": 1767268800, "nbf": 1767268800, "exp": 1767269700,
}  # fmt: skip


def verifier(remembered: int = 100) -> TokenVerifier:
    return TokenVerifier(ISSUER.jwks(), issuer=URL, audience=URL, remembered=remembered)


def signed(claims: dict[str, Any], key: ECKey = KEY, **header: Any) -> str:
    return jwt.encode({"alg": "ES256", "kid": key.kid, "typ": "at+jwt"} | header, claims, key)


def part(value: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()


@pytest.mark.parametrize("principal", [PARTNER, SESSION], ids=["partner", "session"])
def test_a_token_makes_its_holder_the_principal_it_was_issued_to(principal: Principal) -> None:
    token = ISSUER.issue(principal, token_id="t1", now=NOW, ttl=QUARTER)
    claims = verifier().verify(token, NOW)
    expected = msgspec.structs.replace(principal, token_id="t1", expires_at=NOW + QUARTER)
    assert claims.principal == expected
    assert claims.issued_at == NOW
    assert claims.kind is (TokenKind.PARTNER_ACCESS if principal is PARTNER else TokenKind.WEB_SESSION)


@pytest.mark.parametrize("seen_before", [False, True])
def test_a_token_ends_on_the_second_seen_before_or_not(seen_before: bool) -> None:
    one = verifier()
    if seen_before:
        one.verify(TOKEN, NOW)
    assert one.verify(TOKEN, NOW + QUARTER - timedelta(microseconds=1)).principal.id == "shop"
    other = one if seen_before else verifier()
    for _ in range(2):
        with pytest.raises(ExpiredToken):
            other.verify(TOKEN, NOW + QUARTER)


def test_a_token_of_the_future_is_refused_beyond_a_small_clock_difference() -> None:
    assert verifier().verify(TOKEN, NOW - timedelta(seconds=5)).principal.id == "shop"
    with pytest.raises(EarlyToken):
        verifier().verify(TOKEN, NOW - timedelta(seconds=6))


def test_tokens_of_an_earlier_key_hold_while_it_is_published() -> None:
    earlier = TokenIssuer([OLD], issuer=URL, audience=URL).issue(PARTNER, token_id="t", now=NOW, ttl=QUARTER)
    assert verifier().verify(earlier, NOW).principal.id == "shop"
    newer = TokenVerifier({"keys": ISSUER.jwks()["keys"][:1]}, issuer=URL, audience=URL)
    assert newer.verify(TOKEN, NOW).principal.id == "shop"
    with pytest.raises(UntrustedToken):
        newer.verify(earlier, NOW)


def test_the_published_keys_are_public_only() -> None:
    keys = ISSUER.jwks()["keys"]
    assert [key["kid"] for key in keys] == ["2026", "2025"]
    for key in keys:
        assert set(key) == {"kty", "crv", "x", "y", "kid", "use", "alg"}


@pytest.mark.parametrize("change", [{"iss": "https://other.example.test"}, {"aud": "https://other.example.test"}])
def test_a_token_for_somebody_else_is_refused(change: dict[str, str]) -> None:
    with pytest.raises(ForeignToken):
        verifier().verify(signed(CLAIMS | change), NOW)


@pytest.mark.parametrize("missing", ["iss", "aud", "sub", "jti", "iat", "nbf", "exp"])
def test_a_token_without_a_needed_claim_is_refused(missing: str) -> None:
    with pytest.raises(MalformedToken):
        verifier().verify(signed({name: value for name, value in CLAIMS.items() if name != missing}), NOW)


@pytest.mark.parametrize(
    "change", [{"exp": "never"}, {"exp": None}, {"aud": [URL]}, {"scope": ["orders:*"]}, {"sub": 1}]
)
def test_a_claim_of_another_type_is_refused(change: dict[str, Any]) -> None:
    with pytest.raises(MalformedToken):
        verifier().verify(signed(CLAIMS | change), NOW)


def test_a_stranger_with_our_key_id_is_refused() -> None:
    with pytest.raises(UntrustedToken):
        verifier().verify(signed(CLAIMS, generate_signing_key("2026")), NOW)
    with pytest.raises(UntrustedToken):
        verifier().verify(signed(CLAIMS, generate_signing_key("2027")), NOW)


def test_no_other_algorithm_is_taken() -> None:
    unsigned = f"{part({'alg': 'none', 'typ': 'at+jwt', 'kid': '2026'})}.{part(CLAIMS)}."
    public = json.dumps(ISSUER.jwks()["keys"][0]).encode()
    confused = jwt.encode(
        {"alg": "HS256", "kid": "2026", "typ": "at+jwt"}, CLAIMS, OctKey.import_key(public), algorithms=["HS256"]
    )
    for token in (unsigned, confused):
        with pytest.raises(UntrustedToken):
            verifier().verify(token, NOW)


def test_a_key_brought_along_in_the_header_is_not_used() -> None:
    own = generate_signing_key("2026")
    with pytest.raises(UntrustedToken):
        verifier().verify(signed(CLAIMS, own, jwk=own.as_dict(private=False)), NOW)


def test_one_kind_of_token_is_never_another() -> None:
    head, _, rest = TOKEN.partition(".")
    as_session = part({"alg": "ES256", "kid": "2026", "typ": "session+jwt"}) + "." + rest
    assert head
    with pytest.raises(UntrustedToken):
        verifier().verify(as_session, NOW)
    with pytest.raises(UntrustedToken):
        verifier().verify(signed(CLAIMS, typ="JWT"), NOW)


@given(st.data())
def test_a_changed_token_is_refused(data: st.DataObject) -> None:
    # The last character of a part may hold bits that decoding drops, so it is left alone.
    places = [
        place for place, char in enumerate(TOKEN) if char != "." and TOKEN[place + 1 : place + 2] not in (".", "")
    ]
    place = data.draw(st.sampled_from(places))
    char = data.draw(st.sampled_from("ABCxyz019-_").filter(lambda char: char != TOKEN[place]))
    with pytest.raises(TokenRefused):
        verifier().verify(TOKEN[:place] + char + TOKEN[place + 1 :], NOW)


@given(
    st.text(max_size=60) | st.binary(max_size=60).map(lambda raw: base64.urlsafe_b64encode(raw).decode() + ".e30.AA")
)
def test_any_text_is_refused_quietly(text: str) -> None:
    with pytest.raises(TokenRefused):
        verifier().verify(text, NOW)


@pytest.mark.parametrize(
    "text", ["", "..", "a.b", "e30.e30.e30", "W10.W10.W10", "bnVsbA.e30.", "x" * 100_000, "\ud800"]
)
def test_what_is_no_token_is_called_so(text: str) -> None:
    with pytest.raises((MalformedToken, UntrustedToken)):
        verifier().verify(text, NOW)


def test_a_known_token_is_not_checked_again_and_the_longest_unused_is_forgotten() -> None:
    one = verifier(remembered=2)
    tokens = [ISSUER.issue(PARTNER, token_id=f"t{number}", now=NOW, ttl=QUARTER) for number in range(3)]
    first, second = one.verify(tokens[0], NOW), one.verify(tokens[1], NOW)
    assert one.verify(tokens[0], NOW) is first
    one.verify(tokens[2], NOW)
    assert one.verify(tokens[0], NOW) is first
    again = one.verify(tokens[1], NOW)
    assert again is not second
    assert again == second


def test_no_token_is_made_for_other_principals() -> None:
    with pytest.raises(ValueError, match="anonymous"):
        ISSUER.issue(ANONYMOUS, token_id="t", now=NOW, ttl=QUARTER)


def test_signing_keys_are_read_back_and_odd_ones_refused() -> None:
    private = {"keys": [key.as_dict(private=True) for key in (KEY, OLD)]}
    assert [key.kid for key in read_signing_keys(private)] == ["2026", "2025"]
    double = {"keys": [private["keys"][0]] * 2}
    cases: list[dict[str, Any]] = [{}, {"keys": []}, {"keys": [{"kty": "oct", "k": "AA"}]}, ISSUER.jwks(), double]
    for odd in cases:
        with pytest.raises(ValueError, match="key"):
            read_signing_keys(odd)
