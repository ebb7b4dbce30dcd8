"""Which of our errors an HTTP exchange that broke off, or was answered with an error status, becomes."""

from collections.abc import Iterator
from contextlib import contextmanager

import aiohttp
import msgspec

from adapters.errors import OutcomeUnknown, UpstreamRefused, UpstreamUnavailable


class _Refusal(msgspec.Struct):
    code: str = "refused"
    reason: str = ""


@contextmanager
def told_apart(service: str) -> Iterator[None]:
    """Turn aiohttp's failures into ours: before the connection stood, nothing was taken; after it, who knows.

    The messages carry no address, since a query string may hold a token.

    Raises:
        UpstreamUnavailable: no connection came about.
        OutcomeUnknown: the connection stood, then time ran out or it was lost.
    """
    try:
        yield
    except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError) as exc:
        raise UpstreamUnavailable(f"{service} was not reached ({type(exc).__name__})") from exc
    except (TimeoutError, aiohttp.ClientError) as exc:
        raise OutcomeUnknown(f"{service} took the request and did not answer ({type(exc).__name__})") from exc


def limits(timeout_seconds: float) -> aiohttp.ClientTimeout:
    """A total time for one exchange. The connection must stand in the first half, so that the failures can be told apart."""
    return aiohttp.ClientTimeout(total=timeout_seconds, connect=timeout_seconds / 2, sock_connect=timeout_seconds / 2)


def check_taken(service: str, status: int, body: bytes) -> None:
    """Return if the answer's status is a success. Error bodies are {"code", "reason"}.

    Raises:
        UpstreamUnavailable: 429 or 503, which a service answers before it takes anything.
        OutcomeUnknown: another 5xx, which may also come from something between the service and us.
        UpstreamRefused: any other status.
    """
    if status in {429, 503}:
        raise UpstreamUnavailable(f"{service} is busy ({status})")
    if status >= 500:
        raise OutcomeUnknown(f"{service} failed ({status})")
    if status >= 300:
        try:
            refusal = msgspec.json.decode(body, type=_Refusal)
        except msgspec.DecodeError:
            refusal = _Refusal()
        raise UpstreamRefused(refusal.code, refusal.reason or f"HTTP {status}")
