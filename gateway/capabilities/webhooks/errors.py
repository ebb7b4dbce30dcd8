"""What the webhook capabilities refuse with."""

from __future__ import annotations

from gateway.errors import Conflict, MalformedRequest, NotFound


class WebhookNotFound(NotFound):
    """The caller has no such endpoint."""

    code = "webhook-not-found"
    title = {"zh": "没有这个 Webhook", "en": "There is no such webhook"}


class WebhookUrlRefused(MalformedRequest):
    """Nothing is sent to that address."""

    code = "webhook-url-refused"
    title = {"zh": "不能向该地址发送", "en": "Nothing is sent to that address"}


class TooManyWebhooks(Conflict):
    """The partner has as many endpoints as it may have."""

    code = "too-many-webhooks"
    title = {"zh": "Webhook 数量已达上限", "en": "No more webhooks can be made"}


class FormatUnknown(MalformedRequest):
    """There is no delivery format of that name."""

    code = "webhook-format-unknown"
    title = {"zh": "没有这种推送格式", "en": "There is no such delivery format"}


class WebhookDisabled(Conflict):
    """Nothing is sent to a disabled endpoint."""

    code = "webhook-disabled"
    title = {"zh": "该 Webhook 已停用", "en": "The webhook is disabled"}
