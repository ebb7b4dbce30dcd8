"""Webhooks over HTTP, to the public internet only."""

import asyncio
import socket
import time
from collections.abc import Mapping, Sequence
from datetime import timedelta

import aiohttp
from aiohttp.abc import AbstractResolver
from multidict import CIMultiDict
from yarl import URL

from adapters.webhooks.addresses import AddressRefused, Network, refuse_forbidden
from adapters.webhooks.protocol import Reply

_EXCERPT_BYTES = 2000
_EXCERPT_CHARACTERS = 500
_REFUSED = "the address is not one of the public internet"


class WebhookClient:
    """`WebhookPost` over one pool of connections. Every connection's address is checked when it is opened."""

    def __init__(
        self,
        *,
        allowed: Sequence[Network] = (),
        timeout: timedelta = timedelta(seconds=15),
        resolver: AbstractResolver | None = None,
    ) -> None:
        """`allowed` networks may be reached although they are not public. To be made where an event loop runs."""
        self._allowed = tuple(allowed)
        seconds = timeout.total_seconds()
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(
                limit=0,  # the sender bounds what is under way, for each receiver
                resolver=resolver,
                use_dns_cache=False,  # connections are kept, and a name's new address is heeded at the next one
                socket_factory=self._socket,
                keepalive_timeout=30,
            ),
            timeout=aiohttp.ClientTimeout(total=seconds, sock_connect=min(seconds, 5)),
            cookie_jar=aiohttp.DummyCookieJar(),  # receivers share the session
            auto_decompress=False,  # an answer may be a bomb
            trust_env=False,  # a proxy would connect where we may not
        )
        self._urls: dict[str, URL] = {}

    def _socket(self, found: aiohttp.AddrInfoType) -> socket.socket:
        family, kind, protocol, _, address = found
        refuse_forbidden(str(address[0]), self._allowed)
        return socket.socket(family, kind, protocol)

    async def post(self, url: str, body: bytes, headers: Mapping[str, str]) -> Reply:
        began = time.perf_counter()
        try:
            async with self._session.post(
                self._url(url), data=body, headers=CIMultiDict(headers), allow_redirects=False
            ) as response:
                said = b"" if response.content.at_eof() else await _beginning(response)
                return Reply(
                    response.status,
                    excerpt=_text(said),
                    retry_after=response.headers.get("Retry-After"),
                    seconds=time.perf_counter() - began,
                )
        except (aiohttp.ClientError, OSError, ValueError, TimeoutError) as error:
            return Reply(None, error=_words(error), seconds=time.perf_counter() - began)

    def _url(self, url: str) -> URL:
        known = self._urls.get(url)
        if known is None:
            if len(self._urls) > 10_000:
                self._urls.clear()
            known = self._urls[url] = URL(url)
        return known

    async def aclose(self) -> None:
        """Close every connection."""
        await self._session.close()


async def _beginning(response: aiohttp.ClientResponse) -> bytes:
    said = b""
    while len(said) < _EXCERPT_BYTES:
        more = await response.content.read(_EXCERPT_BYTES - len(said))
        if not more:
            return said
        said += more
    response.close()  # the rest is not wanted, however long it is
    return said


def _text(said: bytes) -> str:
    if not said:
        return ""
    text = said.decode("utf-8", "replace")[:_EXCERPT_CHARACTERS]
    return "".join(letter if letter.isprintable() or letter == "\n" else "\N{REPLACEMENT CHARACTER}" for letter in text)


def _words(error: Exception) -> str:
    """What went wrong, for the receiver's owner: nothing in it tells more of our network than the owner said."""
    if isinstance(error, aiohttp.ConnectionTimeoutError):
        return "no connection in time"
    if isinstance(error, (TimeoutError, asyncio.TimeoutError)):
        return "no answer in time"
    if isinstance(error, aiohttp.ClientConnectorDNSError):
        return "the name does not resolve"
    if isinstance(error, aiohttp.ClientConnectorCertificateError):
        return "the certificate is not trusted"
    if isinstance(error, aiohttp.ClientSSLError):
        return "no secure connection could be made"
    if isinstance(error, aiohttp.ClientConnectorError):
        return _REFUSED if _was_refused(error) else "no connection"
    if isinstance(error, (aiohttp.InvalidURL, ValueError)):
        return "the address is malformed"
    return "the connection was lost"


def _was_refused(error: aiohttp.ClientConnectorError) -> bool:
    return isinstance(error.os_error, AddressRefused) or _REFUSED in str(error.os_error)
