"""Endpoints' signing secrets, sealed."""

from __future__ import annotations

from datetime import datetime

from auth import webhook_signature
from auth.secret_box import SecretBox
from gateway.capabilities.webhooks.repository import StoredEndpoint


class WebhookSecrets:
    """Seals secrets for the store and opens those that sign now."""

    def __init__(self, box: SecretBox) -> None:
        self._box = box

    def seal(self, secret: str, endpoint_id: str) -> bytes:
        """The secret as it is stored."""
        return self._box.seal(secret.encode(), endpoint_id.encode())

    def keys(self, endpoint: StoredEndpoint, now: datetime) -> list[bytes]:
        """The keys that a delivery is signed with now, newest first."""
        sealed = [endpoint.secret]
        if (
            endpoint.previous_secret is not None
            and endpoint.previous_until is not None
            and now < endpoint.previous_until
        ):
            sealed.append(endpoint.previous_secret)
        return [webhook_signature.key_of(self._box.open(one, endpoint.id.encode()).decode()) for one in sealed]
