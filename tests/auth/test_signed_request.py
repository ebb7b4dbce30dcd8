"""A signed request is taken once, from its partner, as it was signed; the published vectors and examples hold."""

import json
import re
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auth.client_secret import signing_key
from auth.signed_request import (
    SCHEME,
    SignatureRefused,
    canonical_path,
    canonical_query,
    parse_header,
    sign,
    string_to_sign,
    verify,
)

DOCS = Path(__file__).parents[2] / "docs"
PUBLISHED = json.loads((DOCS / "vectors" / "signed-request.json").read_text("utf-8"))
VECTORS = PUBLISHED["vectors"]
NOW = datetime(2026, 1, 1, tzinfo=UTC)
KEY, OTHER = bytes(range(32)), bytes(32)
NONCE = "0123456789abcdef"
each_vector = pytest.mark.parametrize("vector", VECTORS, ids=[vector["name"] for vector in VECTORS])


class Nonces:
    """Remembers what was spent."""

    def __init__(self) -> None:
        self.spent: dict[tuple[str, str], timedelta] = {}

    async def spend(self, client: str, nonce: str, remember: timedelta) -> bool:
        new = (client, nonce) not in self.spent
        self.spent[client, nonce] = remember
        return new


def header(method: str = "POST", target: str = "/v1/orders?a=1", body: bytes = b"{}", key: bytes = KEY) -> str:
    return sign(key, method, target, body, client="shop", nonce=NONCE, now=NOW)


async def outcome(
    text: str,
    method: str = "POST",
    target: str = "/v1/orders?a=1",
    body: bytes = b"{}",
    *,
    keys: tuple[bytes, ...] = (KEY,),
    now: datetime = NOW,
    nonces: Nonces | None = None,
) -> str:
    try:
        await verify(parse_header(text), keys, method, target, body, now=now, spend_nonce=(nonces or Nonces()).spend)
    except SignatureRefused as refused:
        return refused.reason if all(refused.words[language] for language in ("zh", "en")) else "without words"
    return "accepted"


@each_vector
def test_a_published_vector_has_its_string_and_signature(vector: dict[str, Any]) -> None:
    body = vector["body"].encode()
    key = signing_key(PUBLISHED["secret"])
    assert key.hex() == PUBLISHED["signing_key"]
    signed = string_to_sign(vector["method"], vector["target"], str(vector["timestamp"]), vector["nonce"], body)
    assert signed.decode() == vector["string_to_sign"]
    now = datetime.fromtimestamp(vector["timestamp"], UTC)
    made = sign(
        key, vector["method"], vector["target"], body, client=PUBLISHED["client"], nonce=vector["nonce"], now=now
    )
    assert made == vector["authorization"]
    assert made.endswith(vector["signature"])


@each_vector
async def test_a_published_vector_is_accepted_in_its_time(vector: dict[str, Any]) -> None:
    now = datetime.fromtimestamp(vector["timestamp"], UTC)
    keys = (OTHER, signing_key(PUBLISHED["secret"]))
    given = (vector["authorization"], vector["method"], vector["target"], vector["body"].encode())
    assert await outcome(*given, keys=keys, now=now) == "accepted"


def code(language: str) -> str:
    found = re.search(rf"```{language}\n(.*?)```", (DOCS / "signed-requests.md").read_text("utf-8"), re.DOTALL)
    assert found is not None
    return found[1]


def test_the_openssl_example_computes_the_published_signature() -> None:
    run = subprocess.run(["bash", "-euc", code("bash")], capture_output=True, text=True, timeout=30, check=True)
    assert run.stdout == "the signature is right\n"


def test_the_python_example_computes_every_published_signature() -> None:
    check = """
import json, sys
published = json.load(sys.stdin)
for v in published["vectors"]:
    made = authorization(published["client"], published["secret"], v["method"], v["target"], v["body"].encode(),
                         v["timestamp"], v["nonce"])
    assert made == v["authorization"], v["name"]
print(len(published["vectors"]))
"""
    run = subprocess.run(
        [sys.executable, "-c", code("python") + check],
        input=json.dumps(PUBLISHED), capture_output=True, text=True, timeout=30, check=True,
    )  # fmt: skip
    assert run.stdout == f"the signature is right\n{len(VECTORS)}\n"


async def test_any_change_to_the_request_is_refused() -> None:
    text = header()
    assert await outcome(text) == "accepted"
    for changed in (
        outcome(text, "PUT"),
        outcome(text, target="/v1/orders?a=2"),
        outcome(text, target="/v1/orders"),
        outcome(text, target="/v1/orders/?a=1"),
        outcome(text, body=b"{} "),
        outcome(text, keys=(OTHER,)),
        outcome(text.replace("timestamp=17", "timestamp=0017")),
        outcome(text.replace(NONCE, NONCE + "0")),
        outcome(text, "post"),
    ):
        assert await changed == "bad_signature"


async def test_a_request_is_good_for_300_seconds_either_way() -> None:
    for seconds, expected in (
        (300, "accepted"),
        (-300, "accepted"),
        (301, "stale_timestamp"),
        (-301, "stale_timestamp"),
    ):
        assert await outcome(header(), now=NOW + timedelta(seconds=seconds)) == expected


@pytest.mark.parametrize("seconds", [-300, 0, 300])
async def test_a_nonce_is_good_once_and_remembered_while_the_request_is_good(seconds: int) -> None:
    nonces, now = Nonces(), NOW + timedelta(seconds=seconds)
    assert await outcome(header(), nonces=nonces, now=now) == "accepted"
    assert now + nonces.spent["shop", NONCE] > NOW + timedelta(seconds=300)
    assert await outcome(header(), nonces=nonces, now=now) == "nonce_reused"


async def test_nobody_else_can_spend_a_clients_nonces() -> None:
    nonces = Nonces()
    assert await outcome(header(key=OTHER), nonces=nonces) == "bad_signature"
    assert nonces.spent == {}


async def test_an_unknown_client_is_refused_even_with_the_stand_in_key() -> None:
    assert await outcome(header(key=bytes(32)), keys=()) == "unknown_client"


async def test_both_live_secrets_sign() -> None:
    assert await outcome(header(key=OTHER), keys=(KEY, OTHER)) == "accepted"


GOOD = header()


@pytest.mark.parametrize(
    "text",
    ["", "Bearer abc", SCHEME, GOOD + ",", GOOD + ", extra=1", GOOD.replace("client=shop, ", ""),
     GOOD.replace("client=shop", "nonce=0123456789abcdef"), GOOD.replace("client=shop", "client="),
     GOOD.replace("client=shop", "client=商店"), GOOD.replace(NONCE, "short"), GOOD.replace(NONCE, NONCE + "\n"),
     GOOD.replace("timestamp=", "timestamp=-"), GOOD.replace("timestamp=", "timestamp=١"), GOOD.upper(), GOOD[:-1],
     GOOD + " " * 600],
)  # fmt: skip
def test_an_odd_header_is_refused(text: str) -> None:
    with pytest.raises(SignatureRefused, match="malformed_header"):
        parse_header(text)


def test_the_parts_of_a_header_may_stand_in_any_order() -> None:
    scheme, rest = GOOD.split(" ", 1)
    assert parse_header(f"{scheme} {','.join(reversed(rest.split(', ')))}") == parse_header(GOOD)


@given(st.text(max_size=300))
def test_any_text_is_a_header_or_refused(text: str) -> None:
    with pytest.raises(SignatureRefused):
        parse_header(f"{SCHEME} {text}")


texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
pairs = st.lists(st.tuples(texts.filter(bool), texts), max_size=5)


@given(st.lists(texts, min_size=1, max_size=4), pairs, st.randoms())
def test_how_a_client_encodes_and_orders_makes_no_difference(
    segments: list[str], parameters: list[tuple[str, str]], shuffle: Any
) -> None:
    path = "/" + "/".join(quote(segment, safe="") for segment in segments)
    assert canonical_path("/" + "/".join(quote(segment, safe="!$&'()*+,;=:@") for segment in segments)) == path
    assert canonical_path(path) == path
    query = canonical_query("&".join(f"{quote(name, safe='')}={quote(value, safe='')}" for name, value in parameters))
    shuffle.shuffle(parameters)
    assert canonical_query("&".join(f"{quote_plus(name)}={quote_plus(value)}" for name, value in parameters)) == query
    assert canonical_query(query) == query


@given(pairs, pairs)
def test_different_parameters_are_never_one_string(first: list[tuple[str, str]], second: list[tuple[str, str]]) -> None:
    one, other = (
        canonical_query("&".join(f"{quote(name, safe='')}={quote(value, safe='')}" for name, value in parameters))
        for parameters in (first, second)
    )
    assert (one == other) == (sorted(first) == sorted(second))


@given(st.text(max_size=60), st.binary(max_size=60))
def test_no_target_can_add_a_line(target: str, body: bytes) -> None:
    target = target.encode(errors="ignore").decode()
    assert string_to_sign("GET", target, "1767225600", NONCE, body).count(b"\n") == 5


def test_signing_needs_a_documented_client_nonce_and_method() -> None:
    for client, nonce, method in (("a b", NONCE, "GET"), ("shop", "short", "GET"), ("shop", NONCE, "get")):
        with pytest.raises(ValueError, match=r"form|method"):
            sign(KEY, method, "/", b"", client=client, nonce=nonce, now=NOW)
