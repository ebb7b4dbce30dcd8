"""The platform's refusals as types, and what each asks for.

UpstreamRefused
└── WeChatRefused            any error code; fail and say so
    ├── OutsideWindow        45015          keep for the person's next contact
    ├── TooManyUnanswered    45047          keep for the person's next contact
    ├── NotFollowing         43004, 50005   stop sending to this person
    ├── ConsentRefused       43101          record as consent refused
    ├── QuotaExhausted       45009          park until the daily reset
    ├── CalledTooOften       45011          slow down
    ├── NotAuthorised        48001          switch the feature off
    ├── AddressNotAllowed    40164          tell the operator
    └── TokenRefused         40001, 40014, 42001   the client has already renewed once
"""

from adapters.errors import UpstreamRefused


class WeChatRefused(UpstreamRefused):
    """The platform refused with `errcode`."""

    def __init__(self, errcode: int, errmsg: str) -> None:
        super().__init__(str(errcode), errmsg)
        self.errcode = errcode


class OutsideWindow(WeChatRefused):
    """The person has not been in touch lately enough; keep it for their next contact."""


class TooManyUnanswered(WeChatRefused):
    """The person has been sent the most that one contact allows; keep it for their next contact."""


class NotFollowing(WeChatRefused):
    """The person does not follow the account; stop sending to them."""


class ConsentRefused(WeChatRefused):
    """The person refused this kind of notification; record it as consent."""


class QuotaExhausted(WeChatRefused):
    """The day's calls are used up; park until the reset."""


class CalledTooOften(WeChatRefused):
    """Too many calls in a minute; slow down."""


class NotAuthorised(WeChatRefused):
    """The account may not use this call; switch the feature off."""


class AddressNotAllowed(WeChatRefused):
    """The caller's address is not on the account's allow list; tell the operator."""


class TokenRefused(WeChatRefused):
    """The access token is wrong or has expired."""


_TYPES: dict[int, type[WeChatRefused]] = {
    40001: TokenRefused,
    40014: TokenRefused,
    42001: TokenRefused,
    40164: AddressNotAllowed,
    43004: NotFollowing,
    50005: NotFollowing,
    43101: ConsentRefused,
    45009: QuotaExhausted,
    45011: CalledTooOften,
    45015: OutsideWindow,
    45047: TooManyUnanswered,
    48001: NotAuthorised,
}


def refusal(errcode: int, errmsg: str) -> WeChatRefused:
    """The error type of one error code."""
    return _TYPES.get(errcode, WeChatRefused)(errcode, errmsg)
