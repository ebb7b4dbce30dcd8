"""Phone numbers: read as people type them, kept encrypted, found by a keyed hash, shown masked."""

import hmac
import re
import secrets
import unicodedata
from collections.abc import Mapping

import phonenumbers

from auth.secret_box import Entropy, SecretBox

_PUNCTUATION = re.compile(r"[\s().\-\u2010-\u2015\u2212]+")
_CHINESE_MOBILE = re.compile(r"(?:\+86|0086|86)?(1[3-9][0-9]{9})")
_SANDBOX = re.compile(r"\+999[0-9]{8}")
_DIALLED = re.compile(r"\+?[0-9]{3,20}")
_REACHED_BY_SMS = (phonenumbers.PhoneNumberType.MOBILE, phonenumbers.PhoneNumberType.FIXED_LINE_OR_MOBILE)


class NotAPhoneNumber(ValueError):
    """The text is no number that an SMS can reach."""


def normalise(text: str, region: str = "CN") -> str:
    """The number in E.164, `+8613800138000`, from what a person typed: spaces, dashes, full-width digits, +86, 0086.

    `region` is the country meant when none is typed (ISO 3166-1, two letters).

    Raises:
        NotAPhoneNumber: other characters, a wrong length, or a kind of number that takes no SMS.
    """
    plain = _PUNCTUATION.sub("", unicodedata.normalize("NFKC", text[:64]))
    # A number copied from an address book carries invisible direction marks.
    plain = "".join(char for char in plain if unicodedata.category(char) != "Cf")
    if not _DIALLED.fullmatch(plain) or len(text) > 64:
        raise NotAPhoneNumber("not a phone number")
    if region == "CN" and (mobile := _CHINESE_MOBILE.fullmatch(plain)):
        return "+86" + mobile[1]  # new ranges open before the library's tables know them, so form alone decides
    try:
        number = phonenumbers.parse(plain, region)
    except phonenumbers.NumberParseException:
        raise NotAPhoneNumber("not a phone number") from None
    written = phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)
    if number.country_code == 86 and _CHINESE_MOBILE.fullmatch(written):
        return written
    if not phonenumbers.is_valid_number(number) or phonenumbers.number_type(number) not in _REACHED_BY_SMS:
        raise NotAPhoneNumber("not a mobile number")
    return written


def sandbox_number(number: int) -> str:
    """The made-up number of a sandbox user, from 1. Country code 999 is reserved (ITU-T E.164 list of country codes)."""
    return f"+999{number:08d}"


def is_sandbox_number(text: str) -> bool:
    """Whether the number is one of `sandbox_number`, which no network reaches."""
    return _SANDBOX.fullmatch(text) is not None


def mask(e164: str) -> str:
    """The number as it may be shown: `138****8000`; of a foreign one the first and last digits, `+85****4567`."""
    shown = e164.removeprefix("+86") if len(e164) == 14 else e164
    return f"{shown[:3]}****{shown[-4:]}" if len(shown) > 9 else f"{shown[:3]}****{shown[-2:]}"


class PhoneVault:
    """Encrypts numbers at rest and hashes them for look-up.

    The hash needs a key because there are few enough phone numbers to try them all. A ciphertext is bound to the hash
    beside it, so that one swapped into another subscriber's row does not open.
    """

    def __init__(
        self, keys: Mapping[str, bytes], current: str, hash_key: bytes, *, entropy: Entropy = secrets.token_bytes
    ) -> None:
        """`keys` encrypt (32 bytes each, by id), `hash_key` (32 bytes) hashes and stays as long as the hashes do.

        Raises:
            ValueError: a key has the wrong length, or the current one is not among them.
        """
        if len(hash_key) != 32:
            raise ValueError("the hash key needs 32 bytes")
        self._box = SecretBox(keys, current, purpose="tuila.phone.v1", entropy=entropy)
        self._hash_key = hash_key

    def digest(self, e164: str) -> bytes:
        """The 32-byte hash a number is looked up by."""
        return hmac.digest(self._hash_key, b"tuila.phone.v1\0" + e164.encode(), "sha256")

    def encrypt(self, e164: str) -> bytes:
        """The number encrypted under the current key; a different text each time."""
        return self._box.seal(e164.encode(), self.digest(e164))

    def decrypt(self, sealed: bytes, digest: bytes) -> str:
        """The number again; `digest` is the hash stored beside it.

        Raises:
            BoxRefused: changed, of another row, or under an unknown key.
        """
        return self._box.open(sealed, digest).decode()

    def is_outdated(self, sealed: bytes) -> bool:
        """Whether it was encrypted under an earlier key and should be encrypted anew."""
        return self._box.is_outdated(sealed)
