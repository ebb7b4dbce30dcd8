"""The Authorization header of a signed request, with Python's standard library.

TUILA_CLIENT=… TUILA_SECRET=… python sign.py METHOD TARGET [TIMESTAMP NONCE] < BODY
"""

import hashlib
import hmac
import os
import secrets
import sys
import time
from urllib.parse import quote, unquote_to_bytes


def canonical(text: str) -> str:
    """Percent escapes decoded, then everything but `A-Z a-z 0-9 - . _ ~` encoded."""
    return quote(unquote_to_bytes(text), safe="")


def authorization(client: str, secret: str, method: str, target: str, body: bytes, timestamp: str, nonce: str) -> str:
    """The header for this request."""
    path, _, query = target.partition("?")
    path = "/".join(canonical(segment) for segment in path.split("/")) or "/"
    parts = [part.replace("+", " ").partition("=") for part in query.split("&") if part]
    pairs = sorted((canonical(name), canonical(value)) for name, _, value in parts)
    query = "&".join(f"{name}={value}" for name, value in pairs)
    lines = "\n".join([method, path, query, timestamp, nonce, hashlib.sha256(body).hexdigest()])
    key = hmac.digest(secret.encode(), b"tuila.signing-key.v1", "sha256")
    signature = hmac.digest(key, lines.encode(), "sha256").hex()
    return f"Tuila-HMAC-SHA256 client={client}, timestamp={timestamp}, nonce={nonce}, signature={signature}"


if __name__ == "__main__":
    method, target, timestamp, nonce = [*sys.argv[1:], str(int(time.time())), secrets.token_hex(16)][:4]
    if len(sys.argv) == 4:
        sys.exit("give both timestamp and nonce, or neither")
    client, secret = os.environ["TUILA_CLIENT"], os.environ["TUILA_SECRET"]
    print(authorization(client, secret, method, target, sys.stdin.buffer.read(), timestamp, nonce))
