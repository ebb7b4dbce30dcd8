"""Errors every surface can translate: a stable code, a title in two languages, an HTTP status.

GatewayError
├── MalformedRequest 400      the bytes are not what the capability takes
├── Unauthenticated 401       no credentials, or credentials that prove nothing
├── Forbidden 403             known, but may not do this
├── NotFound 404
├── Conflict 409
├── PreconditionFailed 412    it has changed since the caller looked
├── BodyTooLarge 413
├── KeyReused 422             same idempotency key, another body
├── TooManyRequests 429
├── Internal 500
└── Unavailable 503           something behind us does not answer
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

Words = Mapping[str, str]


class GatewayError(Exception):
    """The request could not be served."""

    status: ClassVar[int] = 500
    code: ClassVar[str] = "internal"
    title: ClassVar[Words] = {"zh": "系统内部错误", "en": "Internal error"}

    def __init__(self, detail: str | Words = "", **extra: Any) -> None:
        super().__init__(detail if isinstance(detail, str) else detail.get("en", ""))
        self.detail = detail
        self.extra = extra

    def words(self, locale: str) -> str:
        """The detail, or the title where there is none, in the language of `locale`."""
        language = "en" if locale.startswith("en") else "zh"
        if isinstance(self.detail, str):
            return self.detail or self.title[language]
        return self.detail[language]

    def problem(self, instance: str, locale: str = "zh-CN") -> dict[str, Any]:
        """The error as an RFC 9457 problem document."""
        language = "en" if locale.startswith("en") else "zh"
        return {
            **self.extra,
            "type": f"/problems/{self.code}",
            "title": self.title[language],
            "status": self.status,
            "code": self.code,
            "detail": self.words(locale),
            "instance": instance,
        }


class MalformedRequest(GatewayError):
    """The request does not have the form this capability takes."""

    status = 400
    code = "malformed-request"
    title = {"zh": "请求格式不正确", "en": "Malformed request"}


class Unauthenticated(GatewayError):
    """Who is calling could not be established."""

    status = 401
    code = "unauthenticated"
    title = {"zh": "未通过身份认证", "en": "Not authenticated"}


class Forbidden(GatewayError):
    """The caller is known and may not do this."""

    status = 403
    code = "forbidden"
    title = {"zh": "没有权限", "en": "Not allowed"}


class NotFound(GatewayError):
    """There is no such thing for this caller."""

    status = 404
    code = "not-found"
    title = {"zh": "没有找到", "en": "Not found"}


class MethodNotAllowed(GatewayError):
    """The path exists, with other methods."""

    status = 405
    code = "method-not-allowed"
    title = {"zh": "不支持的请求方法", "en": "Method not allowed"}


class Conflict(GatewayError):
    """The state of things does not allow it now."""

    status = 409
    code = "conflict"
    title = {"zh": "与当前状态冲突", "en": "Conflict with the current state"}


class PreconditionFailed(GatewayError):
    """It is not the version that the caller saw (If-Match); `version` is the one it has now."""

    status = 412
    code = "precondition-failed"
    title = {"zh": "内容已被修改，请重新读取", "en": "It has changed since you read it"}


class BodyTooLarge(GatewayError):
    """The body is larger than this capability takes."""

    status = 413
    code = "body-too-large"
    title = {"zh": "请求内容过大", "en": "Body too large"}


class KeyReused(GatewayError):
    """The idempotency key was used before with another body."""

    status = 422
    code = "idempotency-key-reused"
    title = {"zh": "幂等键已用于另一个请求", "en": "Idempotency key reused with another body"}


class TooManyRequests(GatewayError):
    """A quota is used up; `retry_after` seconds say when to come again."""

    status = 429
    code = "too-many-requests"
    title = {"zh": "请求过于频繁", "en": "Too many requests"}


class Internal(GatewayError):
    """A fault of ours; the trace id finds it in the log."""


class Unavailable(GatewayError):
    """Something behind the gateway does not answer; trying again later is safe."""

    status = 503
    code = "unavailable"
    title = {"zh": "服务暂时不可用", "en": "Temporarily unavailable"}
