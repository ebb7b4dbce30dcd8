"""Which of our errors an HTTP exchange that broke off becomes."""

from collections.abc import Iterator
from contextlib import contextmanager

import aiohttp

from adapters.errors import OutcomeUnknown, UpstreamUnavailable


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
