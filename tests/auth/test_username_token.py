from __future__ import annotations

import base64
import hashlib
from datetime import UTC, datetime, timedelta

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from auth import client_secret
from auth.username_token import UsernameToken, UsernameTokenRefused, digest, password, verify

NOW = datetime(2026, 11, 24, 4, 0, tzinfo=UTC)
KEY = client_secret.signing_key("tsk_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8")
NONCE = bytes(range(16))


class Nonces:
    def __init__(self) -> None:
        self.spent: dict[tuple[str, str], timedelta] = {}

    async def __call__(self, client: str, nonce: str, life: timedelta) -> bool:
        is_new = (client, nonce) not in self.spent
        self.spent[client, nonce] = life
        return is_new


def token(created: str = "2026-11-24T04:00:00Z", nonce: bytes = NONCE, key: bytes = KEY) -> UsernameToken:
    return UsernameToken(
        "shop", digest(nonce, created, password(key)), base64.b64encode(nonce).decode(), created
    )  # fmt: skip


async def reason(token: UsernameToken, keys: list[bytes] | None = None, nonces: Nonces | None = None) -> str | None:
    try:
        await verify(token, [KEY] if keys is None else keys, now=NOW, spend_nonce=nonces or Nonces())
    except UsernameTokenRefused as refused:
        return refused.reason if all(refused.words.values()) else "no words"
    return None


def test_the_digest_is_that_of_the_profile() -> None:
    by_hand = hashlib.sha1(NONCE + b"2026-11-24T04:00:00Z" + KEY.hex().encode()).digest()
    assert digest(NONCE, "2026-11-24T04:00:00Z", password(KEY)) == base64.b64encode(by_hand).decode()


async def test_a_token_is_good_once_under_either_secret() -> None:
    nonces, other = Nonces(), client_secret.signing_key("tsk_other")
    assert await reason(token(), [other, KEY], nonces) is None
    assert await reason(token(), [other, KEY], nonces) == "nonce_reused"
    assert nonces.spent == {("shop", f"wsse-{NONCE.hex()}"): timedelta(seconds=301)}


@pytest.mark.parametrize(
    "created, expected",
    [
        ("2026-11-24T04:05:00Z", None),
        ("2026-11-24T03:55:00.000Z", None),
        ("2026-11-24T12:00:00+08:00", None),
        ("2026-11-24T04:00:00.123456789Z", None),
        ("2026-11-24T04:05:01Z", "stale_created"),
        ("2026-11-24T03:54:59Z", "stale_created"),
        ("2026-11-24T04:00:00", "malformed_token"),
        (" 2026-11-24T04:00:00Z", "malformed_token"),
        ("2026-11-24T04:00:00Z ", "malformed_token"),
        ("2026-13-24T04:00:00Z", "malformed_token"),
        ("2026-11-24", "malformed_token"),
        ("", "malformed_token"),
    ],
)
async def test_created_is_near_now_and_has_one_form(created: str, expected: str | None) -> None:
    assert await reason(token(created)) == expected


async def test_what_is_not_the_clients_is_refused() -> None:
    assert await reason(token(), []) == "unknown_client"
    assert await reason(token(key=bytes(32))) == "bad_digest"
    assert await reason(msgspec.structs.replace(token(), digest="摘要")) == "bad_digest"
    assert await reason(token(nonce=b"7 bytes")) == "malformed_token"
    assert await reason(token(nonce=bytes(65))) == "malformed_token"
    assert await reason(msgspec.structs.replace(token(), nonce="?" * 16)) == "malformed_token"


async def test_a_refused_token_spends_no_nonce() -> None:
    nonces = Nonces()
    assert await reason(token(key=bytes(32)), None, nonces) == "bad_digest"
    assert not nonces.spent


@given(st.integers(1, 15))
async def test_nothing_moves_between_nonce_and_time(taken: int) -> None:
    whole = token()
    moved = msgspec.structs.replace(
        whole,
        nonce=base64.b64encode(NONCE[:-taken]).decode(),
        created=NONCE[-taken:].decode("latin-1") + whole.created,
    )
    longer = msgspec.structs.replace(
        whole, nonce=base64.b64encode(NONCE + whole.created[:taken].encode()).decode(), created=whole.created[taken:]
    )
    assert await reason(moved) == await reason(longer) == "malformed_token"
