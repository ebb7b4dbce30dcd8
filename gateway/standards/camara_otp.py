"""CAMARA One Time Password SMS: a code sent to a number, and checked, to prove that its holder is there.

The document it is checked against is the project's work in progress (version `wip`, Commonalities 0.8.0), and such a one
is served under `vwip`: `v1` would promise the released version, whose details may differ. A verification binds nobody: each one
is an account of its own, whose id is the `authenticationId`.
"""

from __future__ import annotations

from typing import Annotated, Any

from msgspec import Meta, Struct

from gateway.capabilities.bindings import CodeSent, NumberVerified
from gateway.errors import GatewayError
from gateway.standards.operation import Asked, Operation, Standard


class SendCodeBody(Struct, frozen=True, rename="camel", forbid_unknown_fields=True):
    """Where to send a code, and in which words."""

    phone_number: Annotated[str, Meta(pattern=r"^\+[1-9][0-9]{4,14}$", max_length=16)]
    message: Annotated[str, Meta(pattern=r"^.*\{\{code\}\}.*$", max_length=160)]


class SendCodeResponse(Struct, frozen=True, rename="camel"):
    """Names the verification."""

    authentication_id: str


class ValidateCodeBody(Struct, frozen=True, rename="camel", forbid_unknown_fields=True):
    """The code that was received."""

    authentication_id: Annotated[str, Meta(min_length=1, max_length=36)]
    code: Annotated[str, Meta(max_length=10)]


class ErrorInfo(Struct, frozen=True):
    """Why a request was not served."""

    status: int
    code: str
    message: str


_CODES = {
    400: "INVALID_ARGUMENT",
    401: "UNAUTHENTICATED",
    403: "PERMISSION_DENIED",
    404: "NOT_FOUND",
    405: "METHOD_NOT_ALLOWED",
    409: "CONFLICT",
    412: "FAILED_PRECONDITION",
    429: "TOO_MANY_REQUESTS",
    503: "UNAVAILABLE",
}
_OWN: dict[tuple[str, str | None], tuple[int, str]] = {
    ("code-too-soon", None): (403, "ONE_TIME_PASSWORD_SMS.MAX_OTP_CODES_EXCEEDED"),
    ("phone-number-invalid", None): (403, "ONE_TIME_PASSWORD_SMS.PHONE_NUMBER_NOT_ALLOWED"),
    ("code-refused", "wrong"): (400, "ONE_TIME_PASSWORD_SMS.INVALID_OTP"),
    ("code-refused", "malformed"): (400, "ONE_TIME_PASSWORD_SMS.INVALID_OTP"),
    ("code-refused", "expired"): (400, "ONE_TIME_PASSWORD_SMS.VERIFICATION_EXPIRED"),
    ("code-refused", "used"): (400, "ONE_TIME_PASSWORD_SMS.VERIFICATION_EXPIRED"),
    ("code-refused", "exhausted"): (400, "ONE_TIME_PASSWORD_SMS.VERIFICATION_FAILED"),
    ("code-refused", "none"): (404, "NOT_FOUND"),
}


def refusal(error: GatewayError, operation: Operation | None, locale: str) -> tuple[int, ErrorInfo]:
    """The error with a code of the document.

    A key used for another body is a conflict (409): the codes of 422 are about other things.
    """
    plain = 409 if error.status == 422 else error.status
    usual = (plain, _CODES.get(plain, "INTERNAL" if plain >= 500 else "INVALID_ARGUMENT"))
    status, code = _OWN.get((error.code, error.extra.get("outcome")), usual)
    return status, ErrorInfo(status, code, error.words(locale)[:512])


def _sending(asked: Asked) -> dict[str, Any]:
    given: SendCodeBody = asked.body
    return {"phone": given.phone_number, "message": given.message}


def _sent(answer: CodeSent, asked: Asked) -> SendCodeResponse:
    assert asked.user is not None
    return SendCodeResponse(asked.user)


def _checking(asked: Asked) -> dict[str, Any]:
    given: ValidateCodeBody = asked.body
    return {"code": given.code}


def _checked(answer: NumberVerified, asked: Asked) -> None:
    return None


def _authentication_id(asked: Asked) -> str:
    given: ValidateCodeBody = asked.body
    return given.authentication_id


CAMARA_OTP = Standard(
    "camara",
    "/one-time-password-sms/vwip",
    (
        Operation(
            "POST", "/send-code", "bindings.request_code", _sent, _sending, SendCodeBody,
            user=lambda asked: asked.fresh_id,
        ),
        Operation(
            "POST", "/validate-code", "bindings.verify_code", _checked, _checking, ValidateCodeBody, 204,
            user=_authentication_id,
        ),
    ),
    refusal,
    correlator="x-correlator",
)  # fmt: skip
