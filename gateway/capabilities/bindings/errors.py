"""Why an account could not be bound."""

from __future__ import annotations

from gateway.errors import Conflict, GatewayError, TooManyRequests


class PhoneNumberInvalid(GatewayError):
    """That is not a mobile number."""

    status = 400
    code = "phone-number-invalid"
    title = {"zh": "手机号码不正确", "en": "That is not a mobile number"}


class TextNotApproved(GatewayError):
    """The message is not one that may be sent in this partner's name."""

    status = 400
    code = "text-not-approved"
    title = {"zh": "短信内容未经批准", "en": "The message is not an approved one"}


class SandboxNumberOnly(GatewayError):
    """A sandbox partner can bind its own sandbox users only."""

    status = 400
    code = "sandbox-number-only"
    title = {"zh": "沙箱只能绑定自己的沙箱用户", "en": "A sandbox binds its own sandbox users only"}


class CodeTooSoon(TooManyRequests):
    """No more codes for now; `retry_after` seconds say when."""

    code = "code-too-soon"
    title = {"zh": "验证码发送过于频繁", "en": "Too many codes were asked for"}


class CodeRefused(Conflict):
    """The code is wrong, used, expired or tried too often; `outcome` says which."""

    code = "code-refused"
    title = {"zh": "验证码无效", "en": "The code is not accepted"}


class NotASubscriber(Conflict):
    """The number proved is not one of this operator's subscribers."""

    code = "not-a-subscriber"
    title = {"zh": "该号码不是本网用户", "en": "This number is not a subscriber's"}


class NotBound(Conflict):
    """The account is not bound."""

    code = "not-bound"
    title = {"zh": "当前没有绑定", "en": "The account is not bound"}
