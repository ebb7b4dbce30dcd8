"""The audit log: every call, who made it, for whom, and how it ended; chained so that a change shows.

Rows are written with the call's own transaction. A sealer then closes what is unsealed into blocks, each holding the
hash of the one before, so that no row can be altered, taken out or slipped in unseen once its block is closed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

import msgspec
from sqlalchemy import (
    BigInteger,
    Column,
    Connection,
    Index,
    Integer,
    LargeBinary,
    Row,
    String,
    Table,
    Text,
    insert,
    select,
    update,
)

from auth.audit_chain import AuditEntry, Block, Break, Head, entry_digest, seal_block, verify_chain, verify_entries
from gateway.store import Instant, Unit, metadata

if TYPE_CHECKING:
    from gateway.capability import Context

audit_rows = Table(
    "audit_rows",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("at", Instant, nullable=False),
    Column("principal", String(240), nullable=False),
    Column("capability", String(80), nullable=False),
    Column("account", String(200)),
    Column("subscriber_id", BigInteger().with_variant(Integer, "sqlite")),
    Column("channel", String(20), nullable=False),
    Column("outcome", String(60), nullable=False),
    Column("trace_id", String(64), nullable=False),
    Column("detail", Text, nullable=False),
    Column("block", Integer),
)
# Finds the rows of a block, and those of none yet, in order.
Index("ix_audit_rows_block_id", audit_rows.c.block, audit_rows.c.id)
Index("ix_audit_rows_subscriber_id", audit_rows.c.subscriber_id)

audit_blocks = Table(
    "audit_blocks",
    metadata,
    # Two sealers that close the same rows want the same number, so one of them rolls back.
    Column("seq", Integer, primary_key=True, autoincrement=False),
    Column("previous", LargeBinary(32), nullable=False),
    Column("digests", LargeBinary, nullable=False),
    Column("hash", LargeBinary(32), nullable=False),
)

_BLOCK_ROWS = 5000
_NO_DETAIL = "{}"


def record_call(unit: Unit, capability: str, context: Context, outcome: str) -> None:
    """Note how a call ended, with the call's own transaction."""
    subject, principal = context.subject, context.principal
    unit.insert(
        audit_rows,
        id=context.ids(),
        at=context.now,
        principal=f"{principal.kind}:{principal.id}",
        capability=capability,
        account=principal.account if subject is None else subject.identity.account,
        subscriber_id=None if subject is None else subject.id,
        channel=context.channel,
        outcome=outcome,
        trace_id=context.trace_id,
        detail=msgspec.json.encode(context.audit_detail).decode() if context.audit_detail else _NO_DETAIL,
        block=None,
    )


def record_act(
    unit: Unit, name: str, outcome: str, *, id: str, at: datetime, account: str | None, subscriber_id: int | None,
    detail: Mapping[str, str],
) -> None:  # fmt: skip
    """Note what the platform did by itself, with the transaction of what it did."""
    unit.insert(
        audit_rows,
        id=id, at=at, principal="platform:", capability=name, account=account, subscriber_id=subscriber_id,
        channel="platform", outcome=outcome, trace_id=id, detail=msgspec.json.encode(detail).decode(), block=None,
    )  # fmt: skip


def seal(connection: Connection, count: Callable[[Connection, Sequence[Row[Any]]], None] | None = None) -> int:
    """Close up to 5,000 open rows into the next block; how many were closed. `count` sees each row just once."""
    rows = connection.execute(
        select(audit_rows).where(audit_rows.c.block.is_(None)).order_by(audit_rows.c.id).limit(_BLOCK_ROWS)
    ).all()
    if not rows:
        return 0
    block = seal_block(newest(connection), [entry_digest(_entry(row)) for row in rows])
    connection.execute(
        insert(audit_blocks).values(
            seq=block.seq, previous=block.previous, digests=b"".join(block.digests), hash=block.hash
        )
    )
    connection.execute(update(audit_rows).where(audit_rows.c.id.in_([row.id for row in rows])).values(block=block.seq))
    if count is not None:
        count(connection, rows)
    return len(rows)


def newest(connection: Connection) -> Head | None:
    """The newest block, worth noting down outside of the database; None before the first."""
    row = connection.execute(select(audit_blocks).order_by(audit_blocks.c.seq.desc()).limit(1)).one_or_none()
    return None if row is None else Head(row.seq, row.hash)


def verify(connection: Connection, head: Head | None = None) -> Break | None:
    """The first block that is not what was written, or None. `head` is the newest block as noted down elsewhere."""
    for block in _blocks(connection):
        rows = connection.execute(select(audit_rows).where(audit_rows.c.block == block.seq).order_by(audit_rows.c.id))
        broken = verify_entries(block, map(_entry, rows))
        if broken is not None:
            return broken
    return verify_chain(_blocks(connection), head)


def _blocks(connection: Connection) -> Iterator[Block]:
    seq = -1
    while True:
        after = select(audit_blocks).where(audit_blocks.c.seq > seq).order_by(audit_blocks.c.seq).limit(200)
        rows = connection.execute(after).all()
        if not rows:
            return
        for row in rows:
            digests = tuple(row.digests[at : at + 32] for at in range(0, len(row.digests), 32))
            yield Block(row.seq, row.previous, digests, row.hash)
        seq = rows[-1].seq


def _entry(row: Row[Any]) -> AuditEntry:
    return AuditEntry(
        row.id, row.at, row.principal, row.capability, row.account, row.subscriber_id, row.channel, row.outcome,
        row.trace_id, row.detail,
    )  # fmt: skip
