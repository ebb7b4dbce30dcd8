"""A receiver of webhooks with nothing but the standard library: verifies, drops what it knows, prints one line for each event.

    WEBHOOK_SECRET_FILE=secret.txt python receiver.py [PORT]

The secret is read anew for each delivery, so that the receiver can run before the secret is known.
"""

import base64
import hashlib
import hmac
import json
import os
import sys
import time
from email.message import Message
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

MAX_BODY = 1 << 20
TOLERANCE_SECONDS = 300

seen: set[str] = set()
"""Ids dealt with; keep them where a restart does not lose them."""


def is_genuine(secret: str, headers: Message, body: bytes) -> bool:
    """Whether the delivery was signed with the secret, and lately (Standard Webhooks)."""
    event, moment = headers.get("webhook-id", ""), headers.get("webhook-timestamp", "")
    if not moment.isdigit() or abs(time.time() - int(moment)) > TOLERANCE_SECONDS:
        return False
    key = base64.b64decode(secret.removeprefix("whsec_"))
    digest = hmac.new(key, f"{event}.{moment}.".encode() + body, hashlib.sha256).digest()
    good = b"v1," + base64.b64encode(digest)
    given = headers.get("webhook-signature", "").encode()
    return any(hmac.compare_digest(good, one) for one in given.split())


class Receiver(BaseHTTPRequestHandler):
    """Takes deliveries by POST."""

    def do_POST(self) -> None:
        length = self.headers.get("content-length", "")
        if not length.isdigit() or int(length) > MAX_BODY:
            return self._answer(413)
        body = self.rfile.read(int(length))
        secret = Path(os.environ["WEBHOOK_SECRET_FILE"]).read_text().strip()
        if not is_genuine(secret, self.headers, body):
            print("forged", flush=True)
            return self._answer(401)
        event = self.headers["webhook-id"]
        if event not in seen:
            seen.add(event)
            told = json.loads(body)
            print(told["type"], told["data"].get("partner_ref") or "-", flush=True)
        return self._answer(204)

    def _answer(self, status: int) -> None:
        self.send_response(status)
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing of each request."""


if __name__ == "__main__":
    server = HTTPServer(("127.0.0.1", int(sys.argv[1]) if len(sys.argv) > 1 else 0), Receiver)
    print(f"listening on http://127.0.0.1:{server.server_port}/hooks", flush=True)
    server.serve_forever()
