"""What can go wrong with an outside system, told apart by what may be done next.

UpstreamError
├── UpstreamUnavailable   nothing was taken: asking again is safe
├── OutcomeUnknown        it may have been taken: find out, do not send again blindly
└── UpstreamRefused       it answered no, and said why
"""


class UpstreamError(Exception):
    """An outside system did not do what was asked."""


class UpstreamUnavailable(UpstreamError):
    """Nothing was taken: the system was not reached, or said it was too busy. Asking again is safe."""


class OutcomeUnknown(UpstreamError):
    """The request was sent and no answer came: it may or may not have been taken."""


class UpstreamRefused(UpstreamError):
    """The system answered no. `code` is its own stable code, `reason` its words."""

    def __init__(self, code: str, reason: str) -> None:
        super().__init__(f"{code}: {reason}")
        self.code = code
        self.reason = reason
