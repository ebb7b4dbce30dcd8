"""Authenticated encryption of small secrets, with keys that can be changed while old boxes stay readable.

A box is: 1 (format) ‖ length of the key id ‖ key id ‖ 12-byte nonce ‖ AES-256-GCM ciphertext and tag. What stands before
the nonce is authenticated too, with the context that the caller names, so that a box moved to another row does not open.
Source: NIST SP 800-38D. Random nonces are good for 2^32 boxes under one key; rotate well before that.
"""

import secrets
from collections.abc import Callable, Mapping

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

Entropy = Callable[[int], bytes]
"""Takes a count, gives that many random bytes."""

_FORMAT = 1
_NONCE_BYTES = 12


class BoxRefused(Exception):
    """The box was made under an unknown key or for another context, or was changed."""


class SecretBox:
    """Seals with the current key, opens with any known one."""

    def __init__(
        self, keys: Mapping[str, bytes], current: str, *, purpose: str, entropy: Entropy = secrets.token_bytes
    ) -> None:
        """`keys` are 32 bytes each, by id; `purpose` keeps boxes of one use from opening as another's.

        Raises:
            ValueError: a key or its id has the wrong length, or the current one is not among them.
        """
        if current not in keys:
            raise ValueError(f"the current key {current!r} is not among the keys")
        for key_id, key in keys.items():
            if len(key) != 32 or not 1 <= len(key_id.encode()) <= 255:
                raise ValueError(f"key {key_id!r} needs an id of 1 to 255 bytes and 32 bytes of key")
        self._ciphers = {key_id.encode(): AESGCM(key) for key_id, key in keys.items()}
        self._current = current.encode()
        self._purpose = purpose.encode() + b"\0"
        self._entropy = entropy

    def seal(self, secret: bytes, context: bytes) -> bytes:
        """The secret in a box that opens only with the same context; 30 bytes and the key id longer than the secret."""
        head = bytes([_FORMAT, len(self._current)]) + self._current
        nonce = self._entropy(_NONCE_BYTES)
        return head + nonce + self._ciphers[self._current].encrypt(nonce, secret, self._bound(head, context))

    def open(self, box: bytes, context: bytes) -> bytes:
        """The secret in the box.

        Raises:
            BoxRefused: it does not open.
        """
        head, key_id = _head(box)
        cipher = self._ciphers.get(key_id)
        if cipher is None:
            raise BoxRefused(f"unknown key {key_id.decode(errors='replace')!r}")
        nonce, sealed = box[len(head) : len(head) + _NONCE_BYTES], box[len(head) + _NONCE_BYTES :]
        if len(nonce) != _NONCE_BYTES:
            raise BoxRefused("the box is cut short")
        try:
            return cipher.decrypt(nonce, sealed, self._bound(head, context))
        except InvalidTag:
            raise BoxRefused("the box was changed or belongs elsewhere") from None

    def is_outdated(self, box: bytes) -> bool:
        """Whether the box was made under an earlier key and should be sealed anew.

        Raises:
            BoxRefused: it is no box.
        """
        return _head(box)[1] != self._current

    def _bound(self, head: bytes, context: bytes) -> bytes:
        return self._purpose + head + context


def _head(box: bytes) -> tuple[bytes, bytes]:
    if len(box) < 2 or box[0] != _FORMAT or len(box) < 2 + box[1]:
        raise BoxRefused("not a box")
    return box[: 2 + box[1]], box[2 : 2 + box[1]]
