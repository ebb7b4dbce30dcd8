"""Orders of the past: what subscribers took, and what they hold since."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, select

from gateway.bulk import create_subscribers, is_among, past_id, put_past_orders, subscriber_ids
from gateway.capabilities.offers import offers
from gateway.capabilities.orders import subscriptions
from gateway.importing.fields import Field
from gateway.importing.rows import Rows
from gateway.importing.run import Batch, Conclude
from gateway.kit.clock import Clock
from gateway.store import Store


class OrderImporter:
    """Writes `subscriptions` and a completed interaction each; the same order again is the same rows."""

    kind = "orders"
    fields: tuple[Field, ...] = (
        Field("subscriber", "text", required=True, longest=64),
        Field("offer", "text", required=True, longest=60),
        Field("started_at", "moment", required=True),
        Field("ended_at", "moment"),
    )

    def __init__(self, store: Store, clock: Clock, *, create: bool = False, batch_rows: int = 20_000) -> None:
        """`create`: subscribers whose ref is unknown are made instead of refused."""
        self.batch_rows = batch_rows
        self._store = store
        self._clock = clock
        self._create = create

    async def begin(self, run: str, position: int) -> None:
        """Everything is written in the database's own transactions: there is nothing to forget."""

    async def take(self, batch: Batch, conclude: Conclude) -> None:
        await self._store.write(self._write, batch.rows, conclude)

    def _write(self, connection: Connection, rows: Rows, conclude: Conclude) -> None:
        columns = [rows.fields[name].to_pylist() for name in ("subscriber", "offer", "started_at", "ended_at")]
        refs, codes = set(columns[0]), set(columns[1])
        if self._create:
            create_subscribers(connection, sorted(refs), self._clock)
        ids = subscriber_ids(connection, refs)
        known = set(connection.scalars(select(offers.c.code).where(is_among(connection, offers.c.code, list(codes)))))
        held = _held(connection, list(ids.values()))
        reasons: dict[int, str] = {}
        taken: dict[str, dict[str, Any]] = {}
        for at, (ref, code, started_at, ended_at) in enumerate(zip(*columns, strict=True)):
            number = ids.get(ref)
            if number is None:
                reasons[at] = f"there is no subscriber {ref}"
            elif code not in known:
                reasons[at] = f"there is no offer {code}"
            elif ended_at is not None and ended_at < started_at:
                reasons[at] = "ended_at is before started_at"
            else:
                order = past_id(started_at, "subscription", number, code)
                if held.get((number, code), order) != order:
                    if ended_at is None:
                        reasons[at] = f"subscriber {ref} holds {code} already, begun at another time"
                        continue
                elif ended_at is None:
                    held[number, code] = order
                else:
                    held.pop((number, code), None)
                taken[order] = {
                    "id": order, "subscriber_id": number, "offer_code": code, "order_id": None,
                    "started_at": started_at, "ended_at": ended_at,
                }  # fmt: skip
        put_past_orders(connection, list(taken.values()), channel="import")
        conclude(connection, rows.reject(reasons))


def _held(connection: Connection, ids: list[int]) -> dict[tuple[int, str], str]:
    asked = select(subscriptions.c.subscriber_id, subscriptions.c.offer_code, subscriptions.c.id).where(
        is_among(connection, subscriptions.c.subscriber_id, ids), subscriptions.c.ended_at.is_(None)
    )
    return {(row.subscriber_id, row.offer_code): row.id for row in connection.execute(asked)}
