"""The SMS network in memory."""

from typing import NamedTuple

from adapters.errors import OutcomeUnknown, UpstreamRefused, UpstreamUnavailable
from adapters.sms.message import fault_of


class SentSms(NamedTuple):
    """One accepted message."""

    to: str
    text: str


class FakeSms:
    """`Sms` in memory. Set and read its world:

    down: nothing is reached. lose_next: so many messages are accepted and their answers lost.
    blocked: numbers it refuses. sent: message id → message, in order.
    """

    def __init__(self) -> None:
        self.down = False
        self.lose_next = 0
        self.blocked: set[str] = set()
        self.sent: dict[str, SentSms] = {}

    async def send(self, to_e164: str, text: str, message_id: str) -> None:
        if self.down:
            raise UpstreamUnavailable("the SMS network is down")
        message = SentSms(to_e164, text)
        fault = fault_of(*message)
        if fault is not None:
            raise UpstreamRefused(fault, "the message cannot be sent")
        if to_e164 in self.blocked:
            raise UpstreamRefused("blocked", "the network blocks this number")
        if self.sent.setdefault(message_id, message) != message:
            raise UpstreamRefused("message_id_reused", "this id names another message")
        if self.lose_next:
            self.lose_next -= 1
            raise OutcomeUnknown("the answer was lost")

    def to(self, number: str) -> list[str]:
        """Texts sent to one number, oldest first."""
        return [message.text for message in self.sent.values() if message.to == number]
