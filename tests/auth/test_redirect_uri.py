"""Which addresses can be registered, and that an answer goes to those alone."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auth import redirect_uri

GOOD = ["https://shop.example/back", "https://shop.example:8443/a?b=c", "http://127.0.0.1/back", "http://[::1]:9/x",
        "com.example.app:/signed-in"]  # fmt: skip
BAD = ["", "shop.example/back", "http://shop.example/back", "http://localhost/back", "https://", "https://a.example/#x",
       "https://u@a.example/", "https://*.example/", "javascript:alert(1)", "data:text/html,x", "https://a.example/ b",
       "https://a.example\\@evil.example", "https://a.example:port/", "file:///etc/passwd", "https://例.example/",
       "http://127.0.0.1.evil.example/", "https://a.example/\n"]  # fmt: skip


@pytest.mark.parametrize("uri", GOOD)
def test_an_address_that_can_be_registered(uri: str):
    assert redirect_uri.refusal(uri) is None
    assert redirect_uri.allows([uri], uri)


@pytest.mark.parametrize("uri", BAD)
def test_an_address_that_cannot(uri: str):
    assert redirect_uri.refusal(uri)


@given(st.sampled_from(GOOD), st.text(alphabet="/.?#@:%aA0[] \\", min_size=1, max_size=8), st.integers(0, 40))
def test_nothing_but_the_port_of_a_loopback_address_may_differ(uri: str, more: str, at: int):
    changed = uri[: at % (len(uri) + 1)] + more + uri[at % (len(uri) + 1) :]
    if redirect_uri.allows(GOOD, changed) and changed not in GOOD:
        assert changed.startswith("http://127.0.0.1:") and changed.endswith("/back")


@given(st.integers(1, 65535))
def test_any_port_of_a_loopback_address_registered_without_one(port: int):
    assert redirect_uri.allows(["http://127.0.0.1/back"], f"http://127.0.0.1:{port}/back")
    assert not redirect_uri.allows(["http://127.0.0.1:1/back"], f"http://127.0.0.1:{port + 1}/back")
    assert not redirect_uri.allows(["https://shop.example/back"], f"https://shop.example:{port}/back")


def test_the_source_for_a_content_security_policy():
    assert [redirect_uri.origin(uri) for uri in GOOD] == [
        "https://shop.example", "https://shop.example:8443", "http://127.0.0.1", "http://[::1]:9", "com.example.app:",
    ]  # fmt: skip
