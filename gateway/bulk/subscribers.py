"""Subscribers and profiles, added or brought up to date."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import msgspec
from sqlalchemy import Connection, func, select

from gateway.bulk.known import is_among, upsert
from gateway.capabilities.subscribers import Profile, profiles, subscribers
from gateway.kit.clock import Clock

_decode = msgspec.json.Decoder(Profile).decode


def put_subscribers(connection: Connection, rows: list[dict[str, Any]]) -> None:
    """Add subscribers, or bring those of the same ref up to date where the new row has a value."""
    if not rows:
        return
    new = upsert(connection)(subscribers)
    merged = {
        name: func.coalesce(new.excluded[name], subscribers.c[name])
        for name in ("phone_cipher", "phone_hash", "joined_on")
    } | {name: func.coalesce(func.nullif(new.excluded[name], ""), subscribers.c[name]) for name in ("brand", "region")}
    connection.execute(new.on_conflict_do_update(index_elements=["ref"], set_=merged), rows)


def put_profiles(connection: Connection, changes: dict[int, dict[str, Any]], clock: Clock) -> None:
    """Set fields of `Profile` by subscriber id; what else is known of them stays."""
    asked = select(profiles.c.subscriber_id, profiles.c.body).where(
        is_among(connection, profiles.c.subscriber_id, list(changes))
    )
    known = {number: _decode(body) for number, body in connection.execute(asked)}
    now, nothing = clock(), Profile()
    rows = [
        {
            "subscriber_id": number,
            "body": msgspec.json.encode(msgspec.structs.replace(known.get(number, nothing), **change)).decode(),
            "updated_at": now,
        }
        for number, change in changes.items()
    ]
    new = upsert(connection)(profiles)
    overwritten = {name: new.excluded[name] for name in ("body", "updated_at")}
    if rows:
        connection.execute(new.on_conflict_do_update(index_elements=["subscriber_id"], set_=overwritten), rows)


def create_subscribers(connection: Connection, refs: Iterable[str], clock: Clock) -> None:
    """Subscribers of whom nothing but their ref is known; those that exist stay as they are."""
    now = clock()
    rows = [{"ref": ref, "brand": "", "region": "", "suspended": False, "created_at": now} for ref in refs]
    if rows:
        connection.execute(upsert(connection)(subscribers).on_conflict_do_nothing(index_elements=["ref"]), rows)
