"""Signatures and encryption of the WeChat callback ("message encryption and decryption" of the public platform).

Source: https://developers.weixin.qq.com/doc/oplatform/Third-party_Platforms/2.0/api/Before_Develop/Technical_Plan.html
"""

import base64
import binascii
import hashlib
import hmac
import os
import re
from collections.abc import Callable, Sequence

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from bots.wechat.refusal import CallbackRefused, Reason
from bots.wechat.xml import MAX_BODY_BYTES, cdata, read_fields

__all__ = ["CallbackRefused", "Codec"]

BLOCK_BYTES = 32
RANDOM_BYTES = 16
HEADER_BYTES = RANDOM_BYTES + 4

# The envelope as the platform writes it in encrypted mode. Anything else, the compatible mode's plain fields
# included, goes through the parser, so that text inside another element is never taken for the cipher.
_PLAIN_ENVELOPE = re.compile(
    rb"\s*<xml>\s*<ToUserName><!\[CDATA\[[\w@.-]*\]\]></ToUserName>"
    rb"\s*<Encrypt><!\[CDATA\[([A-Za-z0-9+/=]+)\]\]></Encrypt>\s*</xml>\s*"
)

# How far a refused cipher got: with two keys, the refusal of the key that got furthest tells what was wrong.
_PROGRESS: tuple[Reason, ...] = ("bad_padding", "bad_length_field", "wrong_appid")


class Codec:
    """Checks, opens and seals callbacks of one account.

    `encoding_aes_keys` are the 43-character EncodingAESKeys, the current one first; sealing uses the current one,
    opening tries all. Instances hold no state that changes and may be shared between threads.

    Raises:
        ValueError: no key, or a key that is not 43 base64 characters.
    """

    def __init__(
        self,
        token: str,
        encoding_aes_keys: Sequence[str],
        appid: str,
        *,
        random_bytes: Callable[[int], bytes] = os.urandom,
    ) -> None:
        if not encoding_aes_keys:
            raise ValueError("a codec needs at least one EncodingAESKey")
        self._token = token
        self._appid = appid.encode()
        self._ciphers = [_cipher(key) for key in encoding_aes_keys]
        self._random_bytes = random_bytes

    def signature(self, *parts: str) -> str:
        """The sha1, in hex, of the token and the parts, sorted and joined.

        The parts are timestamp and nonce for `signature`, and also the cipher for `msg_signature`.
        """
        # surrogatepass: a query may decode to lone surrogates, which must end as a wrong signature.
        joined = "".join(sorted((self._token, *parts))).encode("utf-8", "surrogatepass")
        return hashlib.sha1(joined, usedforsecurity=False).hexdigest()

    def verify(self, signature: str, timestamp: str, nonce: str, *more: str) -> None:
        """Return when the signature is that of the other arguments; compared in constant time.

        Raises:
            CallbackRefused: bad_signature.
        """
        expected = self.signature(timestamp, nonce, *more)
        if not hmac.compare_digest(expected.encode(), signature.encode("utf-8", "surrogatepass")):
            raise CallbackRefused("bad_signature")

    def open(self, envelope: bytes, msg_signature: str, timestamp: str, nonce: str) -> bytes:
        """The message inside an encrypted or compatible envelope, its signature checked before anything is decrypted.

        Raises:
            CallbackRefused: any reason of `encrypted_part`, `verify` and `decrypt`.
        """
        cipher = self.encrypted_part(envelope)
        self.verify(msg_signature, timestamp, nonce, cipher)
        return self.decrypt(cipher)

    def encrypted_part(self, envelope: bytes) -> str:
        """The base64 text of the envelope's `Encrypt`.

        Raises:
            CallbackRefused: missing_field without `Encrypt`; too_large, empty, doctype or malformed.
        """
        if len(envelope) > MAX_BODY_BYTES:
            raise CallbackRefused("too_large")
        plain = _PLAIN_ENVELOPE.fullmatch(envelope)
        if plain:
            return plain.group(1).decode("ascii")
        cipher = read_fields(envelope).get("Encrypt")
        if not isinstance(cipher, str) or not cipher.strip():
            raise CallbackRefused("missing_field")
        return cipher.strip()

    def decrypt(self, envelope_b64: str | bytes) -> bytes:
        """The message inside the base64 cipher, decrypted with whichever key fits.

        Raises:
            CallbackRefused: too_large, bad_base64, bad_cipher_length, bad_padding, bad_length_field, wrong_appid.
        """
        if len(envelope_b64) > MAX_BODY_BYTES:
            raise CallbackRefused("too_large")
        try:
            sealed = binascii.a2b_base64(envelope_b64, strict_mode=True)
        except ValueError as error:  # binascii.Error, or a str beyond ASCII
            raise CallbackRefused("bad_base64") from error
        if not sealed or len(sealed) % BLOCK_BYTES:
            raise CallbackRefused("bad_cipher_length")
        refusals: list[Reason] = []
        for cipher in self._ciphers:
            # No finalize: whole blocks with padding switched off leave nothing behind.
            opened = self._unwrap(cipher.decryptor().update(sealed))
            if isinstance(opened, bytes):
                return opened
            refusals.append(opened)
        raise CallbackRefused(max(refusals, key=_PROGRESS.index))

    def encrypt(self, message: bytes, *, random16: bytes) -> bytes:
        """The base64 cipher of the message under the current key; `random16` is 16 fresh random bytes.

        Raises:
            ValueError: `random16` has another length.
        """
        if len(random16) != RANDOM_BYTES:
            raise ValueError(f"random16 must be {RANDOM_BYTES} bytes, not {len(random16)}")
        content = random16 + len(message).to_bytes(4, "big") + message + self._appid
        padding = BLOCK_BYTES - len(content) % BLOCK_BYTES
        padded = content + bytes((padding,)) * padding
        return base64.b64encode(self._ciphers[0].encryptor().update(padded))

    def seal(self, message: bytes, timestamp: int, nonce: str) -> bytes:
        """The reply envelope around the encrypted message; `timestamp` in seconds since the epoch."""
        cipher = self.encrypt(message, random16=self._random_bytes(RANDOM_BYTES)).decode("ascii")
        signature = self.signature(str(timestamp), nonce, cipher)
        return (
            f"<xml><Encrypt><![CDATA[{cipher}]]></Encrypt><MsgSignature><![CDATA[{signature}]]></MsgSignature>"
            f"<TimeStamp>{timestamp:d}</TimeStamp><Nonce>{cdata(nonce)}</Nonce></xml>"
        ).encode()

    def _unwrap(self, content: bytes) -> bytes | Reason:
        """The message in a decrypted buffer, or why it is none."""
        padding = content[-1]
        if not 1 <= padding <= BLOCK_BYTES or content[-padding:] != content[-1:] * padding:
            return "bad_padding"
        end = len(content) - padding
        message_end = HEADER_BYTES + int.from_bytes(content[RANDOM_BYTES:HEADER_BYTES], "big")
        if end < HEADER_BYTES or message_end > end:
            return "bad_length_field"
        if not hmac.compare_digest(content[message_end:end], self._appid):
            return "wrong_appid"
        return content[HEADER_BYTES:message_end]


def _cipher(encoding_aes_key: str) -> Cipher[modes.CBC]:
    """AES-256-CBC under one EncodingAESKey, whose first half is the initialisation vector.

    Raises:
        ValueError: the key is not 43 base64 characters.
    """
    if len(encoding_aes_key) != 43:
        raise ValueError("an EncodingAESKey has 43 characters")
    key = binascii.a2b_base64(encoding_aes_key + "=", strict_mode=True)
    return Cipher(algorithms.AES(key), modes.CBC(key[:16]))
