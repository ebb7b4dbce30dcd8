"""A partner's secret is shown once, works until it ends, and cannot be had from what is stored."""

import hashlib
import subprocess
from datetime import UTC, datetime, timedelta

import pytest

from auth.client_secret import (
    StoredSecret,
    digest,
    generate,
    live,
    match,
    rotate,
    signing_key,
    signing_key_box,
    store,
    unseal_signing_key,
)
from auth.secret_box import BoxRefused

NOW = datetime(2026, 1, 1, tzinfo=UTC)
DAY = timedelta(days=1)
BOX = signing_key_box({"k1": bytes(32)}, "k1")


def kept(secret: str, id: str, now: datetime = NOW) -> StoredSecret:
    return store(secret, id=id, partner_id="shop", box=BOX, now=now)


def test_a_secret_holds_256_random_bits() -> None:
    assert generate(bytes) == "tsk_" + "A" * 43
    assert len(generate()) == 47
    assert generate() != generate()


def test_only_the_given_secret_matches() -> None:
    first, second = generate(), generate()
    stored = [kept(first, "1"), kept(second, "2")]
    assert match(first, stored, NOW) == stored[0]
    assert match(second, stored, NOW) == stored[1]
    assert match(generate(), stored, NOW) is None
    assert match("", stored, NOW) is None
    assert match("密钥", [], NOW) is None


def test_what_is_stored_shows_neither_secret_nor_signing_key() -> None:
    secret = generate()
    stored = kept(secret, "1")
    assert stored.digest == hashlib.sha256(b"tuila.client-secret.v1\0" + secret.encode()).digest() == digest(secret)
    for hidden in (secret.encode(), signing_key(secret)):
        assert hidden not in stored.digest + stored.sealed_signing_key


def test_the_signing_key_is_unsealed_for_its_own_partner_only() -> None:
    secret = generate()
    stored = kept(secret, "1")
    assert unseal_signing_key(stored, partner_id="shop", box=BOX) == signing_key(secret)
    with pytest.raises(BoxRefused):
        unseal_signing_key(stored, partner_id="other", box=BOX)


def test_openssl_derives_the_same_signing_key() -> None:
    command = ["openssl", "dgst", "-sha256", "-hmac", "tsk_example", "-r"]
    found = subprocess.run(command, input=b"tuila.signing-key.v1", capture_output=True, check=True).stdout
    assert found.split()[0].decode() == signing_key("tsk_example").hex()


def test_after_a_rotation_both_secrets_work_until_the_old_one_ends() -> None:
    old, new = generate(), generate()
    stored = rotate([kept(old, "1")], kept(new, "2", NOW + DAY), NOW + DAY, DAY)
    assert match(old, stored, NOW + DAY) is not None
    assert match(new, stored, NOW + DAY) is not None
    assert match(old, stored, NOW + 2 * DAY) is None
    assert match(new, stored, NOW + 9 * DAY) is not None


def test_a_second_rotation_ends_the_oldest_at_once_and_two_live_at_most() -> None:
    texts = [generate() for _ in range(3)]
    stored: tuple[StoredSecret, ...] = ()
    for number, text in enumerate(texts):
        now = NOW + timedelta(hours=number)
        stored = rotate(stored, kept(text, str(number), now), now, DAY)
    now = NOW + timedelta(hours=2)
    assert match(texts[0], stored, now) is None
    assert [one.id for one in live(stored, now)] == ["2", "1"]
    everything = [kept(text, str(number), NOW) for number, text in enumerate(texts)]
    assert len(live(everything, NOW)) == 2


def test_a_rotation_never_lengthens_a_life() -> None:
    ending = StoredSecret("1", bytes(32), b"", NOW, NOW + timedelta(minutes=1))
    assert rotate([ending], kept(generate(), "2"), NOW, DAY)[1].ends_at == NOW + timedelta(minutes=1)
