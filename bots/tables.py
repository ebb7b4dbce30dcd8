"""Conversations as they are stored."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import msgspec
from sqlalchemy import Column, Connection, String, Table, Text, select

from bots.conversation import State
from gateway.store import Instant, Unit, metadata
from gateway.store.at_once import AtOnce
from gateway.store.keys import among, packed

conversations = Table(
    "conversations",
    metadata,
    Column("account", String(200), primary_key=True),
    Column("state", Text, nullable=False),
    Column("updated_at", Instant, nullable=False),
)

_decode = msgspec.json.Decoder(State).decode
_encode = msgspec.json.Encoder().encode
_OF_ACCOUNTS = AtOnce(
    select(conversations.c.account, conversations.c.state).where(among(conversations.c.account, "accounts"))
)


def fetch_states(connection: Connection, accounts: Sequence[str]) -> dict[str, State]:
    """The states of those accounts that have one."""
    rows = _OF_ACCOUNTS.rows(connection, {"accounts": packed(accounts)})
    return {account: _decode(state) for account, state in rows}


def put_state(unit: Unit, account: str, state: State, now: datetime) -> None:
    """Record what is remembered of a conversation from now on."""
    unit.upsert(conversations, account=account, state=_encode(state).decode(), updated_at=now)
