"""What subscribers took in the past."""

from __future__ import annotations

from datetime import UTC, datetime
from hashlib import sha256
from typing import Any

import msgspec
from sqlalchemy import Connection

from gateway.bulk.known import upsert
from gateway.capabilities.interactions import interactions
from gateway.capabilities.orders import subscriptions


def put_past_orders(connection: Connection, rows: list[dict[str, Any]], *, channel: str) -> None:
    """Add rows of `subscriptions` (ids by `past_id`), each with a completed interaction; of known ones set the end."""
    if not rows:
        return
    # Ends first: what was given up may have been taken anew in the same file.
    rows = sorted(rows, key=lambda row: row["ended_at"] is None)
    new = upsert(connection)(subscriptions)
    connection.execute(new.on_conflict_do_update(index_elements=["id"], set_={"ended_at": new.excluded.ended_at}), rows)
    put_completed(
        connection, [(row["subscriber_id"], row["offer_code"], row["started_at"]) for row in rows], channel=channel
    )


def put_completed(connection: Connection, taken: list[tuple[int, str, datetime]], *, channel: str) -> None:
    """Note completed orders of (subscriber id, offer, time) in the interaction log, each once."""
    rows = [
        {
            "id": past_id(at, "completed", number, code), "at": at, "kind": "completed", "subscriber_id": number,
            "account": None, "channel": channel, "place": "", "impression": None,
            "offers": msgspec.json.encode([code]).decode(),
        }
        for number, code, at in taken
    ]  # fmt: skip
    if rows:
        connection.execute(upsert(connection)(interactions).on_conflict_do_nothing(), rows)


def past_id(at: datetime, what: str, number: int, code: str) -> str:
    """An id that looks like all others (UUIDv7) and is the same whenever the same thing of the past is told again."""
    milliseconds = int(at.astimezone(UTC).timestamp() * 1000)
    rest = sha256(f"{what}\0{number}\0{code}\0{at.timestamp()}".encode()).hexdigest()
    head = f"{milliseconds:012x}"
    return f"{head[:8]}-{head[8:]}-7{rest[:3]}-{'89ab'[int(rest[3], 16) & 3]}{rest[4:7]}-{rest[7:19]}"
