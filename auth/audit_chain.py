"""A chain of blocks over audit entries, in which no entry can change, go, come or move unseen.

    entry digest = SHA-256("tuila.audit.entry.v1" ‖ 0x00 ‖ JSON of the entry's fields, in declared order)
    block hash   = SHA-256("tuila.audit.block.v1" ‖ 0x00 ‖ previous hash ‖ sequence number, 8 bytes big-endian ‖ digests)

All digests are 32 bytes, so the concatenation has one reading. The chain by itself cannot show that its last blocks were
cut off: keep the newest hash somewhere else (`Head`) and hand it to `verify_chain`.
"""

import hashlib
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime

import msgspec

GENESIS = bytes(32)
"""The hash before the first block."""
_ENTRY = b"tuila.audit.entry.v1\0"
_BLOCK = b"tuila.audit.block.v1\0"
_encoder = msgspec.json.Encoder(order="deterministic")


class AuditEntry(msgspec.Struct, frozen=True):
    """One call: who made it, for whom, and how it ended."""

    id: str
    at: datetime
    """UTC."""
    principal: str
    """Kind and id of the caller, `partner:shop`."""
    capability: str
    account: str | None
    subscriber_id: int | None
    channel: str
    outcome: str
    """`ok`, or the code of the error."""
    trace_id: str
    detail: str
    """Further facts as JSON text; kept as text so that the digest is over the very bytes stored."""


class Block(msgspec.Struct, frozen=True):
    """Entries closed together."""

    seq: int
    """1 for the first block."""
    previous: bytes
    """Hash of the block before, `GENESIS` for the first; 32 bytes."""
    digests: tuple[bytes, ...]
    """Digests of the entries in their order, 32 bytes each."""
    hash: bytes
    """32 bytes."""


class Head(msgspec.Struct, frozen=True):
    """The newest block of a chain, as written down outside of it."""

    seq: int
    hash: bytes


class Break(msgspec.Struct, frozen=True):
    """Where a chain first fails."""

    seq: int
    """The first block that is wrong, or is missing."""
    reason: str
    """`sequence` (a block is missing, doubled or moved), `link` (it does not follow the one before), `content` (its hash
    is not of what it holds), `entries` (its entries are not those it closed), `head` (the chain does not end where it did).
    """


def entry_digest(entry: AuditEntry) -> bytes:
    """The 32-byte digest of one entry, the same for the same moment in any time zone.

    Raises:
        ValueError: the time has no zone.
    """
    if entry.at.tzinfo is None:
        raise ValueError("an audit entry's time needs a zone")
    if entry.at.tzinfo is not UTC:
        entry = msgspec.structs.replace(entry, at=entry.at.astimezone(UTC))
    return hashlib.sha256(_ENTRY + _encoder.encode(entry)).digest()


def seal_block(last: Block | Head | None, digests: Sequence[bytes]) -> Block:
    """The block that closes these entries after `last`, which is None for the first block.

    Raises:
        ValueError: there is nothing to close, or a digest is not 32 bytes.
    """
    if not digests or any(len(digest) != 32 for digest in digests):
        raise ValueError("a block closes one or more digests of 32 bytes")
    seq, previous = (1, GENESIS) if last is None else (last.seq + 1, last.hash)
    return Block(seq, previous, tuple(digests), _hash(seq, previous, digests))


def verify_chain(blocks: Iterable[Block], head: Head | None = None) -> Break | None:
    """The first broken block of a whole chain in stored order, or None. Takes the blocks one by one, so a chain of any length fits.

    `head` is the newest block as written down elsewhere; without it a chain that lost its end passes.
    """
    seq, previous = 0, GENESIS
    noted: bytes | None = GENESIS if head is not None and head.seq == 0 else None
    for block in blocks:
        seq += 1
        if block.seq != seq:
            return Break(seq, "sequence")
        if block.previous != previous:
            return Break(seq, "link")
        if any(len(digest) != 32 for digest in block.digests) or block.hash != _hash(seq, previous, block.digests):
            return Break(seq, "content")
        previous = block.hash
        if head is not None and seq == head.seq:
            noted = block.hash
    if head is not None and noted != head.hash:
        return Break(min(seq + 1, head.seq), "head")
    return None


def verify_entries(block: Block, entries: Iterable[AuditEntry]) -> Break | None:
    """Whether the entries are the ones the block closed, all of them and in order."""
    return None if tuple(map(entry_digest, entries)) == block.digests else Break(block.seq, "entries")


def _hash(seq: int, previous: bytes, digests: Sequence[bytes]) -> bytes:
    return hashlib.sha256(b"".join([_BLOCK, previous, seq.to_bytes(8, "big"), *digests])).digest()
