"""Where an answer may be sent: to addresses a client registered, compared character by character.

One exception: an application on the person's own machine takes whatever port is free. Its address is registered as
`http://127.0.0.1/path` or `http://[::1]/path`, without a port, and then any port matches.
Source: RFC 6749 §3.1.2, RFC 8252 §7 and §8.3, RFC 9700 §2.1 and §4.1.
"""

import re
from collections.abc import Iterable
from urllib.parse import urlsplit

_VISIBLE = re.compile(r"[\x21-\x7e]{1,500}")
_PRIVATE_SCHEME = re.compile(r"[a-z][a-z0-9+-]*(\.[a-z0-9+-]+)+")  # a reversed domain name of the application's maker
_LOOPBACK = re.compile(r"(http://(?:127\.0\.0\.1|\[::1\]))(:[0-9]{1,5})?([/?].*)?")


def refusal(uri: str) -> str | None:
    """Why an address cannot be registered, in English; None if it can."""
    try:
        parts = urlsplit(uri)
        parts.port  # noqa: B018 - raises for a port that is none
    except ValueError:
        return "it is no address"
    if not _VISIBLE.fullmatch(uri) or "\\" in uri or "*" in uri:
        return "it must be up to 500 visible ASCII characters, without * or backslash"
    if "#" in uri or "@" in parts.netloc:
        return "it must have no fragment and no user name"
    if parts.scheme == "https":
        return None if parts.hostname else "it must name a host"
    if parts.scheme == "http":
        return None if _LOOPBACK.fullmatch(uri) else "plain http is for http://127.0.0.1 and http://[::1] alone"
    if _PRIVATE_SCHEME.fullmatch(parts.scheme):
        return None
    return "it must be https, a loopback address, or a private scheme such as com.example.app:/signed-in"


def allows(registered: Iterable[str], given: str) -> bool:
    """Whether an answer may go to the address that a request gives."""
    known = frozenset(registered)
    if given in known:
        return True
    loopback = _LOOPBACK.fullmatch(given)
    return loopback is not None and loopback[2] is not None and f"{loopback[1]}{loopback[3] or ''}" in known


def origin(uri: str) -> str:
    """The address's source expression for a content security policy: scheme, host and port, or the private scheme."""
    parts = urlsplit(uri)
    return f"{parts.scheme}://{parts.netloc}" if parts.netloc else f"{parts.scheme}:"
