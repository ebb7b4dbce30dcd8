"""The contract of the SMS network."""

from typing import Protocol


class Sms(Protocol):
    """Sends text messages, each message id at most once."""

    async def send(self, to_e164: str, text: str, message_id: str) -> None:
        """Hand one message over; returns once the network has accepted it. The same id again sends nothing more.

        Args:
            to_e164: the number, E.164 with its plus sign.
            text: 1 to 500 characters; the network splits long ones.
            message_id: ours, up to 64 characters, one per message.

        Raises:
            UpstreamUnavailable: it was not accepted; it may be handed over again.
            OutcomeUnknown: it may have been accepted; handing it over again under the same id is safe.
            UpstreamRefused: `invalid_number`, `invalid_text`, `message_id_reused`, `blocked`: this message will never go.
        """
