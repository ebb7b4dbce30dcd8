"""The one way in which an inbound callback is turned away."""

from typing import Literal

Reason = Literal[
    "bad_base64",
    "bad_cipher_length",
    "bad_field",
    "bad_length_field",
    "bad_padding",
    "bad_signature",
    "doctype",
    "empty",
    "malformed",
    "missing_field",
    "too_large",
    "wrong_appid",
]


class CallbackRefused(Exception):
    """A callback was not what the platform sends; nothing in it may be acted on.

    `reason` is stable and meant for logs and metrics. It must not be told to the sender: the difference between
    a padding and an appid refusal is what a padding oracle needs.
    """

    def __init__(self, reason: Reason) -> None:
        super().__init__(reason)
        self.reason: Reason = reason
