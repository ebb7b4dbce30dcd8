"""Links by which whoever reads a text message answers one order: short, signed, for this one purpose.

A token is base64url of: 1 byte for the purpose ‖ the 16 bytes of the order's UUID ‖ the first 16 bytes of HMAC-SHA256 over
both. It has no time of its own: it is worth something as long as the order waits for that answer. To hold it proves to
read messages to the number, as a one-time code does.
"""

import base64
import binascii
import hmac
from collections.abc import Sequence
from typing import Literal, NamedTuple
from uuid import UUID

Purpose = Literal["confirm", "gift"]
"""`confirm`: the yes or no of the one who ordered; `gift`: that of the one who receives."""

_CODES: dict[Purpose, bytes] = {"confirm": b"c", "gift": b"g"}
_PURPOSES = {code: purpose for purpose, code in _CODES.items()}
_MAC_BYTES = 16


class OrderLink(NamedTuple):
    """What a token stands for."""

    purpose: Purpose
    order_id: str

    @classmethod
    def of(cls, account: str) -> "OrderLink":
        """The link whose holder speaks for that account."""
        kind, _, order_id = account.partition(":")
        return cls("gift" if kind == "gift" else "confirm", order_id)

    @property
    def account(self) -> str:
        """The account that the holder of the link speaks for: `order:<id>` or, who receives a gift, `gift:<id>`."""
        return f"{'order' if self.purpose == 'confirm' else 'gift'}:{self.order_id}"


class OrderLinks:
    """Makes tokens with the newest key and takes those of any."""

    def __init__(self, keys: Sequence[bytes]) -> None:
        """`keys` of 32 bytes, the newest first; they serve for nothing else."""
        self._keys = tuple(hmac.digest(key, b"tuila.order-link.v1", "sha256") for key in keys)

    def token(self, link: OrderLink) -> str:
        """The token of a link, 44 characters."""
        said = _CODES[link.purpose] + UUID(link.order_id).bytes
        return base64.urlsafe_b64encode(said + self._mac(self._keys[0], said)).decode()

    def read(self, token: str) -> OrderLink | None:
        """What a token stands for; None if none of our keys made it."""
        try:
            raw = base64.urlsafe_b64decode(token.encode("ascii", "strict")) if len(token) == 44 else b""
        except (binascii.Error, UnicodeEncodeError):
            return None
        said, mac = raw[:17], raw[17:]
        known = [hmac.compare_digest(mac, self._mac(key, said)) for key in self._keys]
        if len(raw) != 17 + _MAC_BYTES or said[:1] not in _PURPOSES or not any(known):
            return None
        return OrderLink(_PURPOSES[said[:1]], str(UUID(bytes=said[1:])))

    def form_seal(self, token: str, version: int) -> str:
        """What a form of the page for this token carries, so that only who was shown the page can send it."""
        return self._mac(self._keys[0], f"form:{token}:{version}".encode()).hex()

    def is_form_seal(self, token: str, version: int, seal: str) -> bool:
        """Whether the page carried this, in constant time."""
        mine = [self._mac(key, f"form:{token}:{version}".encode()).hex() for key in self._keys]
        return any([hmac.compare_digest(one, seal) for one in mine] if seal.isascii() else ())

    @staticmethod
    def _mac(key: bytes, said: bytes) -> bytes:
        return hmac.digest(key, said, "sha256")[:_MAC_BYTES]
