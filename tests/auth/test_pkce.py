"""Who redeems a code is who asked for it."""

from hypothesis import given
from hypothesis import strategies as st

from auth import pkce

VERIFIERS = st.text("ABCXYZabcxyz0189-._~", min_size=43, max_size=128)


def test_the_published_example():
    """RFC 7636, appendix B."""
    verifier, challenge = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk", "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"
    assert pkce.challenge_of(verifier) == challenge and pkce.matches(verifier, challenge)


@given(VERIFIERS, VERIFIERS)
def test_only_the_verifier_behind_a_challenge_matches(first: str, second: str):
    challenge = pkce.challenge_of(first)
    assert pkce.is_challenge(challenge)
    assert pkce.matches(second, challenge) == (first == second)


@given(st.text(max_size=200), st.text(max_size=60))
def test_any_text_is_refused_or_matches_by_its_hash(verifier: str, challenge: str):
    assert not pkce.matches(verifier, challenge) or pkce.challenge_of(verifier) == challenge
