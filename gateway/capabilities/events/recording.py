"""Recording an event in the transaction of what it tells of."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import msgspec

from auth.principal import partner_of
from gateway.capabilities.events.tables import events
from gateway.store import Unit, row_of

_ROW = row_of(events, ("id", "at", "type", "partner_id", "subscriber_id", "account", "key", "step", "body"))
_encode = msgspec.json.Encoder().encode


def emit(
    unit: Unit, type: str, body: Mapping[str, Any], *, id: str, at: datetime, key: str, step: int = 0,
    partner_id: str | None, account: str | None, subscriber_id: int | None = None,
) -> None:  # fmt: skip
    """Tell partner `partner_id` and the session of `account` that something happened, if there is one of them to tell.

    `body` is what they may see: no phone number, no internal number. A partner's own user is added to it as `user`.
    Events of one `key` reach every reader in the order in which they happened; `step` is the event's place among those of
    its key, for where clocks of two machines disagree.
    """
    if partner_id is None and not _is_read_by(account):
        return
    user = _user(account, partner_id)
    shown = body if user is None else {**body, "user": user}
    told = (id, at, type, partner_id, subscriber_id, account, key, step, _encode(shown).decode())
    unit.insert_row(_ROW, told)
    unit.wakes_workers = True


def _is_read_by(account: str | None) -> bool:
    """Whether a session could speak for the account; a chat is told by its bot."""
    return account is not None and account.partition(":")[0] in ("web", "partner")


def _user(account: str | None, partner_id: str | None) -> str | None:
    if account is None or partner_id is None or partner_of(account) != partner_id:
        return None
    return account.split(":", 2)[2]
