"""Messages to people by SMS."""

from __future__ import annotations

from adapters.errors import UpstreamRefused
from adapters.sms.protocol import Sms
from gateway.messages import Unreachable

LONGEST_TEXT = 500


class SmsChannel:
    """`gateway.messages.Channel` over the SMS network, which sends each message id once."""

    def __init__(self, sms: Sms) -> None:
        self._sms = sms

    async def send(self, account: str, text: str, message_id: str) -> None:
        number = account.removeprefix("sms:")
        try:
            await self._sms.send(number, text[:LONGEST_TEXT], message_id)
        except UpstreamRefused as error:
            raise Unreachable(str(error)) from error
