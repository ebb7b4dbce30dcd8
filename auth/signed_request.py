"""Requests signed by a partner: HMAC-SHA256 over the request, good for five minutes, once.

    Authorization: Tuila-HMAC-SHA256 client=<id>, timestamp=<Unix seconds>, nonce=<16–64 of A-Z a-z 0-9 _ ->, signature=<hex>

The signature is over six lines joined by one LF each, none at the end:

    METHOD                                   as sent, capitals
    path                                     canonical, see `canonical_path`
    query                                    canonical, see `canonical_query`; an empty line if there is none
    timestamp                                as in the header
    nonce                                    as in the header
    hex SHA-256 of the body                  lower case; of the empty body if there is none

under the key `client_secret.signing_key(secret)`. docs/signed-requests.md tells partners; docs/vectors/signed-request.json
holds requests with their signatures.
"""

import hashlib
import hmac
import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import datetime, timedelta
from urllib.parse import quote_from_bytes, unquote_to_bytes

import msgspec

SCHEME = "Tuila-HMAC-SHA256"
WINDOW = timedelta(seconds=300)
"""How far a request's timestamp may be from our time, either way."""

_PLAIN_PATH = re.compile(r"/[A-Za-z0-9_.~/-]*")
_METHOD = re.compile(r"[A-Z]{1,20}")
_FIELDS = {
    "client": re.compile(r"[A-Za-z0-9_.-]{1,64}"),
    "timestamp": re.compile(r"[0-9]{1,12}"),
    "nonce": re.compile(r"[A-Za-z0-9_-]{16,64}"),
    "signature": re.compile(r"[0-9a-f]{64}"),
}
_ABSENT_KEY = bytes(32)

SpendNonce = Callable[[str, str, timedelta], Awaitable[bool]]
"""Takes client, nonce and how long to remember it; true the first time, false if it was spent before."""


class SignatureRefused(Exception):
    """The request is not taken as the partner's. `reason` is stable; `words` hold it in `zh` and `en`."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason
        self.words: Mapping[str, str] = _WORDS[reason]


_WORDS: Mapping[str, Mapping[str, str]] = {
    "malformed_header": {
        "zh": "Authorization 头格式不正确",
        "en": f"the Authorization header is not `{SCHEME} client=…, timestamp=…, nonce=…, signature=…`",
    },
    "unknown_client": {"zh": "没有这个合作伙伴", "en": "there is no such client"},
    "stale_timestamp": {
        "zh": "时间戳与服务器时间相差超过 300 秒",
        "en": "the timestamp is more than 300 s from the server's time",
    },
    "bad_signature": {
        "zh": "签名不正确，请对照文档核对待签名字符串",
        "en": "the signature is not over this request; compare the string to sign with the documentation",
    },
    "nonce_reused": {"zh": "nonce 已使用过", "en": "the nonce was used before"},
}


class Signature(msgspec.Struct, frozen=True):
    """What an Authorization header claims."""

    client: str
    timestamp: str
    """Unix seconds, as written."""
    nonce: str
    signature: str
    """64 lower-case hex digits."""


def parse_header(header: str) -> Signature:
    """The claim in an Authorization header.

    Raises:
        SignatureRefused: `malformed_header`: another scheme, a part that is missing, doubled, unknown or of odd form.
    """
    scheme, _, rest = header[:512].partition(" ")
    parts = rest.split(",")
    found = dict(part.strip(" ").partition("=")[::2] for part in parts)
    if scheme.lower() != SCHEME.lower() or len(header) > 512 or len(parts) != 4 or found.keys() != _FIELDS.keys():
        raise SignatureRefused("malformed_header")
    if not all(form.fullmatch(found[name]) for name, form in _FIELDS.items()):
        raise SignatureRefused("malformed_header")
    return Signature(found["client"], found["timestamp"], found["nonce"], found["signature"])


def canonical_path(path: str) -> str:
    """Each segment percent-decoded, then encoded again: all but `A-Z a-z 0-9 - . _ ~` as `%XX`, capitals. Slashes and dots stay.

    So the string does not depend on how much a client or a proxy chose to encode. The empty path is `/`.
    """
    if not path:
        return "/"
    if _PLAIN_PATH.fullmatch(path):
        return path
    return "/".join(_encoded(unquote_to_bytes(segment)) for segment in path.split("/"))


def canonical_query(query: str) -> str:
    """Names and values decoded (`+` is a space), encoded again like a path segment, sorted by name, then value, joined.

    A parameter without `=` has an empty value; empty parts between `&` are dropped; a space becomes `%20`.
    """
    if not query:
        return ""
    pairs = (part.partition("=") for part in query.split("&") if part)
    encoded = sorted((_encoded_form(name), _encoded_form(value)) for name, _, value in pairs)
    return "&".join(f"{name}={value}" for name, value in encoded)


def string_to_sign(method: str, target: str, timestamp: str, nonce: str, body: bytes) -> bytes:
    """The bytes that are signed; `target` is the request target as sent, path and query.

    Raises:
        ValueError: the method is not in capitals.
    """
    if not _METHOD.fullmatch(method):
        raise ValueError(f"not a method: {method!r}")
    path, _, query = target.partition("?")
    digest = hashlib.sha256(body).hexdigest()
    lines = (method, canonical_path(path), canonical_query(query), timestamp, nonce, digest)
    return "\n".join(lines).encode("ascii")


def sign(key: bytes, method: str, target: str, body: bytes, *, client: str, nonce: str, now: datetime) -> str:
    """The Authorization header for a request, as a partner makes it; `key` is the 32-byte signing key.

    Raises:
        ValueError: the client, nonce or method has another form than documented.
    """
    timestamp = str(int(now.timestamp()))
    if not (_FIELDS["client"].fullmatch(client) and _FIELDS["nonce"].fullmatch(nonce)):
        raise ValueError("the client or nonce has another form than documented")
    signature = hmac.digest(key, string_to_sign(method, target, timestamp, nonce, body), "sha256").hex()
    return f"{SCHEME} client={client}, timestamp={timestamp}, nonce={nonce}, signature={signature}"


async def verify(
    claim: Signature,
    keys: Sequence[bytes],
    method: str,
    target: str,
    body: bytes,
    *,
    now: datetime,
    spend_nonce: SpendNonce,
) -> None:
    """Return if the request is the client's own, new and whole.

    `keys` are the client's live signing keys; none if there is no such client. The nonce is spent last, after the
    signature held, so that nobody else can spend a client's nonces.

    Raises:
        SignatureRefused: `stale_timestamp`, `unknown_client`, `bad_signature` or `nonce_reused`.
    """
    age = now.timestamp() - int(claim.timestamp)
    if abs(age) > WINDOW.total_seconds():
        raise SignatureRefused("stale_timestamp")
    try:
        signed = string_to_sign(method, target, claim.timestamp, claim.nonce, body)
    except ValueError:
        raise SignatureRefused("bad_signature") from None
    given = bytes.fromhex(claim.signature)
    matches = [hmac.compare_digest(hmac.digest(key, signed, "sha256"), given) for key in keys or (_ABSENT_KEY,)]
    if not keys:
        raise SignatureRefused("unknown_client")
    if not any(matches):
        raise SignatureRefused("bad_signature")
    # A second more than the request stays good, so that rounding leaves no gap.
    if not await spend_nonce(claim.client, claim.nonce, WINDOW - timedelta(seconds=age - 1)):
        raise SignatureRefused("nonce_reused")


def _encoded(raw: bytes) -> str:
    return quote_from_bytes(raw, safe="")


def _encoded_form(text: str) -> str:
    if text.isascii() and text.isalnum():
        return text
    return _encoded(unquote_to_bytes(text.replace("+", " ")))
