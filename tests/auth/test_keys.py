"""An installation keeps its keys to itself, makes them once, and never by accident in production."""

import base64
import json
import multiprocessing
from pathlib import Path

import pytest
from pydantic import SecretStr

from auth.keys import KeyRing, KeysRefused
from auth.tokens import generate_signing_key
from config.settings import KeySettings

KEY = base64.b64encode(bytes(range(32))).decode()
SIGNING = json.dumps({"keys": [generate_signing_key("given").as_dict(private=True)]})
GIVEN = KeySettings(
    phone_encryption=SecretStr(f"new:{KEY}, old:{KEY}"),
    phone_hash=SecretStr(KEY),
    token_signing=SecretStr(SIGNING),
    sealing=SecretStr(f"s1:{KEY}"),
    code_pepper=SecretStr(KEY),
)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "var" / "keys.json"


def same(one: KeyRing, other: KeyRing) -> bool:
    fields = ("phone_encryption", "sealing", "phone_hash", "code_pepper")
    return all(getattr(one, name) == getattr(other, name) for name in fields) and [
        key.as_dict(private=True) for key in one.token_signing
    ] == [key.as_dict(private=True) for key in other.token_signing]


def load(path: Path) -> bytes:
    return KeyRing.load_or_create(path, environment="development").phone_hash


def test_a_first_start_makes_a_file_only_its_owner_can_read_and_the_next_finds_the_same(path: Path) -> None:
    first = KeyRing.load_or_create(path, environment="development")
    assert path.stat().st_mode & 0o777 == 0o600
    assert list(path.parent.iterdir()) == [path]
    assert same(first, KeyRing.load_or_create(path, environment="development"))


def test_processes_that_start_together_agree(path: Path) -> None:
    with multiprocessing.get_context("spawn").Pool(4) as pool:
        assert len(set(pool.map(load, [path] * 8, chunksize=1))) == 1


def test_every_key_is_its_own(path: Path) -> None:
    ring = KeyRing.load_or_create(path, environment="development")
    keys = [ring.phone_hash, ring.code_pepper, *ring.phone_encryption.keys.values(), *ring.sealing.keys.values()]
    assert len(set(keys)) == 4


def test_production_makes_no_keys_and_takes_none_made_for_development(path: Path) -> None:
    with pytest.raises(KeysRefused, match="phone_hash"):
        KeyRing.load_or_create(path, environment="production")
    assert not path.exists()
    KeyRing.load_or_create(path, environment="development")
    with pytest.raises(KeysRefused, match="development"):
        KeyRing.load_or_create(path, environment="production")


def test_keys_made_on_purpose_serve_production_and_are_never_overwritten(path: Path) -> None:
    made = KeyRing.create(path, environment="production")
    assert same(made, KeyRing.load_or_create(path, environment="production"))
    with pytest.raises(KeysRefused, match="exists"):
        KeyRing.create(path, environment="production")
    assert same(made, KeyRing.load_or_create(path, environment="production"))


def test_keys_given_by_the_settings_need_no_file_and_win_over_it(path: Path) -> None:
    ring = KeyRing.load_or_create(path, environment="production", given=GIVEN)
    assert not path.exists()
    assert (ring.phone_encryption.current, [*ring.phone_encryption.keys]) == ("new", ["new", "old"])
    assert [key.kid for key in ring.token_signing] == ["given"]
    partly = KeySettings(phone_hash=SecretStr(KEY))
    ring = KeyRing.load_or_create(path, environment="development", given=partly)
    assert ring.phone_hash == bytes(range(32)) != ring.code_pepper


def test_a_file_open_to_others_or_damaged_is_refused(path: Path) -> None:
    KeyRing.load_or_create(path, environment="development")
    path.chmod(0o644)
    with pytest.raises(KeysRefused, match="0600"):
        KeyRing.load_or_create(path, environment="development")
    path.chmod(0o600)
    path.write_text(path.read_text("utf-8")[:-9], "utf-8")
    with pytest.raises(KeysRefused):
        KeyRing.load_or_create(path, environment="development")


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("phone_encryption", KEY),
        ("phone_encryption", ""),
        ("phone_encryption", f"a:{KEY},a:{KEY}"),
        ("sealing", "a:AAAA"),
        ("phone_hash", "not base64"),
        ("code_pepper", "密"),
        ("token_signing", "{}"),
        ("token_signing", "no json"),
    ],
)
def test_a_malformed_key_is_named_and_not_shown(path: Path, name: str, text: str) -> None:
    with pytest.raises(KeysRefused, match=name) as refused:
        KeyRing.load_or_create(path, environment="production", given=GIVEN.model_copy(update={name: SecretStr(text)}))
    assert KEY not in str(refused.value)


def test_a_ring_shows_ids_and_serves_its_users(path: Path) -> None:
    ring = KeyRing.load_or_create(path, environment="production", given=GIVEN)
    assert repr(ring) == "KeyRing(new, old, s1, given)"
    vault = ring.phone_vault()
    assert vault.decrypt(vault.encrypt("+8613800138000"), vault.digest("+8613800138000")) == "+8613800138000"
    box = ring.signing_key_box()
    assert box.open(box.seal(b"key", b""), b"") == b"key"
