"""The stand-in's durable ledger: every request it received, every order it took, every effect it had."""

import sqlite3
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Literal

import msgspec

from adapters.boss.protocol import LedgerEntry, ProvisionOrder, ProvisionResult

Table = Literal["requests", "orders", "effects"]

_SCHEMA = """
CREATE TABLE IF NOT EXISTS requests (
    seq INTEGER PRIMARY KEY, number TEXT NOT NULL, kind TEXT NOT NULL, at TEXT NOT NULL,
    outcome TEXT NOT NULL, answer_lost INTEGER NOT NULL DEFAULT 0);
CREATE TABLE IF NOT EXISTS orders (
    seq INTEGER PRIMARY KEY, number TEXT NOT NULL UNIQUE, body BLOB NOT NULL, at TEXT NOT NULL,
    status TEXT NOT NULL, reason TEXT, ready_at TEXT NOT NULL, polls_left INTEGER NOT NULL);
CREATE INDEX IF NOT EXISTS orders_at ON orders (at);
CREATE TABLE IF NOT EXISTS effects (
    seq INTEGER PRIMARY KEY, number TEXT NOT NULL, subscriber_ref TEXT NOT NULL, offer_code TEXT NOT NULL,
    action TEXT NOT NULL, effective TEXT NOT NULL, price_fen INTEGER NOT NULL, at TEXT NOT NULL);
CREATE INDEX IF NOT EXISTS effects_number ON effects (number);
"""
_SHOWN: dict[Table, tuple[str, ...]] = {
    "requests": ("seq", "number", "kind", "at", "outcome", "answer_lost"),
    "orders": ("seq", "number", "at", "status", "reason"),
    "effects": ("seq", "number", "subscriber_ref", "offer_code", "action", "effective", "price_fen", "at"),
}


def _entry(number: str, body: bytes, status: Any, effects: int) -> LedgerEntry:
    order = msgspec.json.decode(body, type=ProvisionOrder)
    return LedgerEntry(number, order.subscriber_ref, order.offer_code, order.action, order.price_fen, status, effects)


class Terms(msgspec.Struct, frozen=True):
    """What the faults decided for a new order before it was taken."""

    refusal: str | None = None
    slow: timedelta = timedelta()
    processing_polls: int = 0
    answer_lost: bool = False


class Ledger:
    """An SQLite file, written with full durability. Its methods block: call them from one worker thread."""

    def __init__(self, path: Path | str) -> None:
        self._db = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        self._db.execute("PRAGMA journal_mode = WAL")
        self._db.execute("PRAGMA synchronous = FULL")
        self._db.executescript(_SCHEMA)

    def close(self) -> None:
        """Close the file."""
        self._db.close()

    def note(self, number: str, kind: Literal["post", "get"], at: datetime, outcome: str) -> None:
        """Keep a received request that took nothing."""
        self._note(number, kind, at, outcome)

    def take(self, order: ProvisionOrder, at: datetime, terms: Terms) -> Literal["taken", "repeated", "clash"]:
        """Keep a received order; "taken": its number is new, "clash": its number names another order."""
        body = msgspec.json.encode(order)
        with self._db:
            self._db.execute("BEGIN IMMEDIATE")
            known = self._db.execute("SELECT body FROM orders WHERE number = ?", (order.number,)).fetchone()
            outcome: Literal["taken", "repeated", "clash"] = "taken"
            if known is not None:
                outcome = "repeated" if known[0] == body else "clash"
            self._note(order.number, "post", at, outcome, terms.answer_lost)
            if outcome == "taken":
                status = "processing" if terms.refusal is None else "refused"
                ready = (at + terms.slow).isoformat()
                self._db.execute(
                    "INSERT INTO orders (number, body, at, status, reason, ready_at, polls_left)"
                    " VALUES (?,?,?,?,?,?,?)",
                    (order.number, body, at.isoformat(), status, terms.refusal, ready, terms.processing_polls),
                )
        return outcome

    def settle(self, number: str, now: datetime, *, asked: bool) -> ProvisionResult | None:
        """Carry the order out if its time has come, and say how far it is; `asked` uses up one "processing" answer."""
        with self._db:
            self._db.execute("BEGIN IMMEDIATE")
            row = self._db.execute(
                "SELECT status, reason, ready_at, polls_left, body FROM orders WHERE number = ?", (number,)
            ).fetchone()
            if row is None:
                return None
            status, reason, ready_at, polls_left, body = row
            if status != "processing" or now < datetime.fromisoformat(ready_at):
                return ProvisionResult(number, status, reason)
            if polls_left:
                if asked:
                    self._db.execute("UPDATE orders SET polls_left = polls_left - 1 WHERE number = ?", (number,))
                return ProvisionResult(number, "processing")
            self._carry_out(msgspec.json.decode(body, type=ProvisionOrder), now)
        return ProvisionResult(number, "completed")

    def list_taken(self, begin: datetime, end: datetime, after: str, limit: int) -> list[LedgerEntry]:
        """Up to `limit` orders taken in a stretch of time, by number."""
        rows = self._db.execute(
            "SELECT number, body, status, (SELECT count(*) FROM effects WHERE effects.number = orders.number)"
            " FROM orders WHERE at >= ? AND at < ? AND number > ? ORDER BY number LIMIT ?",
            (begin.astimezone(UTC).isoformat(), end.astimezone(UTC).isoformat(), after, limit),
        )
        return [_entry(*row) for row in rows]

    def page(self, table: Table, after: int, limit: int, *, newest_first: bool) -> list[dict[str, Any]]:
        """Up to `limit` rows of `table` past row number `after` (before it, if newest first and not 0)."""
        columns = _SHOWN[table]
        bound, order = ("seq < ?", "DESC") if newest_first and after else ("seq > ?", "DESC" if newest_first else "ASC")
        rows = self._db.execute(
            # Table and columns are this module's own words.
            f"SELECT {', '.join(columns)} FROM {table} WHERE {bound} ORDER BY seq {order} LIMIT ?",  # noqa: S608
            (after, limit),
        )
        return [dict(zip(columns, row, strict=True)) for row in rows]

    def counts(self) -> dict[str, int]:
        """How many rows each table holds."""
        rows = self._db.execute(
            "SELECT (SELECT count(*) FROM requests), (SELECT count(*) FROM orders), (SELECT count(*) FROM effects)"
        )
        return dict(zip(("requests", "orders", "effects"), rows.fetchone(), strict=True))

    def _note(self, number: str, kind: str, at: datetime, outcome: str, answer_lost: bool = False) -> None:
        self._db.execute(
            "INSERT INTO requests (number, kind, at, outcome, answer_lost) VALUES (?,?,?,?,?)",
            (number, kind, at.isoformat(), outcome, answer_lost),
        )

    def _carry_out(self, order: ProvisionOrder, now: datetime) -> None:
        self._db.execute(
            "INSERT INTO effects (number, subscriber_ref, offer_code, action, effective, price_fen, at)"
            " VALUES (?,?,?,?,?,?,?)",
            (
                order.number,
                order.subscriber_ref,
                order.offer_code,
                order.action,
                order.effective,
                order.price_fen,
                now.isoformat(),
            ),
        )
        self._db.execute("UPDATE orders SET status = 'completed' WHERE number = ?", (order.number,))
