"""The installation's keys: from the settings, else from one file that only its owner can read.

A development start makes the file by itself. Production never does: keys that appear by accident would encrypt what
nobody backed up. There the keys are given, or `KeyRing.create` is run on purpose.
"""

import base64
import binascii
import contextlib
import fcntl
import json
import os
import secrets
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
from joserfc.jwk import ECKey
from pydantic import SecretStr

from auth.client_secret import signing_key_box
from auth.key_rotation import KeyTimes, RotationUnderWay, in_use, replaced, rotated
from auth.order_link import OrderLinks
from auth.phone_number import PhoneVault
from auth.secret_box import Entropy, SecretBox
from auth.tokens import generate_signing_key, read_signing_keys
from config.settings import KeySettings

_SINGLE = ("phone_hash", "code_pepper")
_ROTATED = ("phone_encryption", "sealing")


class KeysRefused(Exception):
    """The installation's keys are missing, malformed, readable by others, or not fit for production."""


class RotatedKeys(msgspec.Struct, frozen=True):
    """Keys of one use by id; new things are sealed under the current one."""

    current: str
    keys: Mapping[str, bytes]


class _KeyFile(msgspec.Struct, forbid_unknown_fields=True):
    """The file: texts in the forms that `config.settings.KeySettings` documents."""

    environment: str
    """The environment it was made for."""
    phone_encryption: str
    phone_hash: str
    token_signing: dict[str, Any]
    sealing: str
    code_pepper: str


class KeyRing:
    """Every key of an installation. Its text form shows none of them."""

    def __init__(self, texts: Mapping[str, str]) -> None:
        """`texts` holds each field of `KeySettings` in its documented form.

        Raises:
            KeysRefused: one is malformed.
        """
        self.phone_encryption: RotatedKeys = _rotated(texts, "phone_encryption")
        self.sealing: RotatedKeys = _rotated(texts, "sealing")
        self.phone_hash: bytes = _single("phone_hash", texts["phone_hash"])
        self.code_pepper: bytes = _single("code_pepper", texts["code_pepper"])
        try:
            key_set = json.loads(texts["token_signing"])
            self.token_signing: tuple[ECKey, ...] = read_signing_keys(key_set)
            self._times = msgspec.convert(key_set.get("times", {}), dict[str, KeyTimes])
        except ValueError as error:
            raise KeysRefused(f"token_signing: {error}") from None

    @classmethod
    def load_or_create(
        cls,
        path: Path,
        *,
        environment: str,
        given: KeySettings | None = None,
        entropy: Entropy = secrets.token_bytes,
    ) -> "KeyRing":
        """The keys given by the settings, and the others from the file, which a development start makes if it is missing.

        Processes that start together agree on one file.

        Raises:
            KeysRefused: the file is missing or made for development in production, readable by others, or malformed.
        """
        texts = _given(given)
        if texts.keys() >= set(KeySettings.model_fields):
            return cls(texts)
        if not path.exists():
            if environment == "production":
                missing = ", ".join(sorted(set(KeySettings.model_fields) - texts.keys()))
                raise KeysRefused(f"production makes no keys by itself: give {missing}, or create {path}")
            _write_once(path, _fresh("development", entropy))
        kept = _read(path)
        if environment == "production" and kept.environment != "production":
            raise KeysRefused(f"{path} was made for {kept.environment}; production needs keys of its own")
        file_texts = {name: getattr(kept, name) for name in (*_SINGLE, *_ROTATED)}
        return cls(file_texts | {"token_signing": json.dumps(kept.token_signing)} | texts)

    @classmethod
    def create(cls, path: Path, *, environment: str, entropy: Entropy = secrets.token_bytes) -> "KeyRing":
        """A new key file, made on purpose.

        Raises:
            KeysRefused: there is a file already; nothing is overwritten.
        """
        if not _write_once(path, _fresh(environment, entropy)):
            raise KeysRefused(f"{path} exists; a lost key is lost data, so it is not overwritten")
        return cls.load_or_create(path, environment=environment)

    @classmethod
    def rotate_token_signing(
        cls, path: Path, now: datetime, *, tokens_last: timedelta, compromised: bool = False,
        entropy: Entropy = secrets.token_bytes,
    ) -> Mapping[str, KeyTimes]:  # fmt: skip
        """Write a new token signing key into the key file, and when each is used; the timetable by key id.

        With `compromised` the new key is the only one at once.

        Raises:
            KeysRefused: there is no file, it cannot be read, or the last rotation is still under way.
        """
        if not path.exists():
            raise KeysRefused(f"{path} does not exist: keys given by the settings are changed there")
        with _alone(path.parent):
            kept = _read(path)
            keys = read_signing_keys(kept.token_signing)
            times = msgspec.convert(kept.token_signing.get("times", {}), dict[str, KeyTimes])
            new = generate_signing_key(f"sig-{entropy(4).hex()}")
            try:
                keys, later = replaced(new, now) if compromised else rotated(keys, times, new, now, tokens_last)
            except RotationUnderWay:
                raise KeysRefused("the last new key does not sign yet: try again in ten minutes") from None
            texts = {"keys": [key.as_dict(private=True) for key in keys], "times": msgspec.to_builtins(later)}
            draft = _draft(path, msgspec.structs.replace(kept, token_signing=texts))
            draft.rename(path)
        return later

    def signing_keys(self, now: datetime) -> tuple[ECKey, ...]:
        """The token signing keys in use, the one that signs first."""
        return in_use(self.token_signing, self._times, now)

    def phone_vault(self, entropy: Entropy = secrets.token_bytes) -> PhoneVault:
        """What encrypts and hashes phone numbers."""
        keys = self.phone_encryption
        return PhoneVault(keys.keys, keys.current, self.phone_hash, entropy=entropy)

    def order_links(self) -> OrderLinks:
        """What makes and reads the links by which orders are confirmed. Changing the sealing key keeps those sent before."""
        keys = self.sealing
        older = [key for key_id, key in keys.keys.items() if key_id != keys.current]
        return OrderLinks([keys.keys[keys.current], *older])

    def signing_key_box(self, entropy: Entropy = secrets.token_bytes) -> SecretBox:
        """What seals partners' signing keys."""
        return signing_key_box(self.sealing.keys, self.sealing.current, entropy)

    def __repr__(self) -> str:
        ids = [*self.phone_encryption.keys, *self.sealing.keys, *(str(key.kid) for key in self.token_signing)]
        return f"KeyRing({', '.join(ids)})"


def _given(given: KeySettings | None) -> dict[str, str]:
    fields = {} if given is None else {name: getattr(given, name) for name in KeySettings.model_fields}
    return {name: value.get_secret_value() for name, value in fields.items() if isinstance(value, SecretStr)}


def _fresh(environment: str, entropy: Entropy) -> _KeyFile:
    def one() -> str:
        return base64.b64encode(entropy(32)).decode()

    signing = generate_signing_key(f"sig-{entropy(4).hex()}").as_dict(private=True)
    return _KeyFile(
        environment=environment,
        phone_encryption=f"phone-{entropy(4).hex()}:{one()}",
        phone_hash=one(),
        token_signing={"keys": [signing]},
        sealing=f"seal-{entropy(4).hex()}:{one()}",
        code_pepper=one(),
    )


def _write_once(path: Path, content: _KeyFile) -> bool:
    """Write the whole file or, if somebody was first, nothing; whether it was written."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = _draft(path, content)
    try:
        os.link(draft, path)  # fails if the file is there, so a reader finds a whole file or none
    except FileExistsError:
        return False
    finally:
        draft.unlink()
    return True


def _draft(path: Path, content: _KeyFile) -> Path:
    """The whole file, safely on the disk, beside the place where it will be."""
    draft = path.with_name(f".{path.name}.{os.getpid()}.{secrets.token_hex(4)}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(msgspec.json.format(msgspec.json.encode(content), indent=2) + b"\n")
        file.flush()
        os.fsync(file.fileno())
    return draft


@contextlib.contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Whoever changes keys in this folder waits for the other."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _read(path: Path) -> _KeyFile:
    if path.stat().st_mode & 0o077:
        raise KeysRefused(f"{path} is open to others; set its mode to 0600")
    try:
        return msgspec.json.decode(path.read_bytes(), type=_KeyFile)
    except msgspec.DecodeError as error:
        raise KeysRefused(f"{path}: {error}") from None


def _single(name: str, text: str) -> bytes:
    try:
        key = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        key = b""
    if len(key) != 32:
        raise KeysRefused(f"{name} must be base64 of 32 bytes")
    return key


def _rotated(texts: Mapping[str, str], name: str) -> RotatedKeys:
    keys: dict[str, bytes] = {}
    for item in texts[name].split(","):
        key_id, _, key = item.strip().partition(":")
        if not key_id or key_id in keys:
            raise KeysRefused(f"{name} must be id:base64 pairs, each id once")
        keys[key_id] = _single(name, key)
    return RotatedKeys(next(iter(keys)), keys)
