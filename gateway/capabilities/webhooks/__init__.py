"""Webhooks: a partner's events, sent to an address it names, signed, in order, at least once."""

from gateway.capabilities.webhooks.capability import webhooks as webhook_capabilities
from gateway.capabilities.webhooks.dispatcher import WebhookDispatcher
from gateway.capabilities.webhooks.formats import Formats, Render, Rendered, standard
from gateway.capabilities.webhooks.repository import delete_old_deliveries, list_wanted
from gateway.capabilities.webhooks.schemas import CreateWebhook, Url, WebhookSecret, Words
from gateway.capabilities.webhooks.secrets import WebhookSecrets

__all__ = [
    "CreateWebhook",
    "Formats",
    "Render",
    "Rendered",
    "Url",
    "WebhookDispatcher",
    "WebhookSecret",
    "WebhookSecrets",
    "Words",
    "delete_old_deliveries",
    "list_wanted",
    "standard",
    "webhook_capabilities",
]
